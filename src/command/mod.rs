//! The command line: what there is, and how each command ends.
//!
//! Exit 0 done, 1 failed, 2 wrong usage, 78 unsafe to start. A command that changes what
//! a running server serves is an order (`orders.rs`), executed by whoever holds the data
//! directory: this process, or the server by way of its control socket.

pub mod directory;
pub mod root_key;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::config::{Config, Unsafe};

/// How a command did not end well; each kind has its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It was tried, and failed: 1.
    Failed(String),
    /// It cannot be meant so: 2.
    Usage(String),
    /// Nothing was started, because it would not be safe: 78.
    Unsafe(String),
}

impl Failure {
    /// It was tried, and failed.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unsafe(_) => 78,
        }
    }

    fn message(&self) -> &str {
        match self {
            Self::Failed(why) | Self::Usage(why) | Self::Unsafe(why) => why,
        }
    }
}

impl From<Unsafe> for Failure {
    fn from(Unsafe(why): Unsafe) -> Self {
        Self::Unsafe(why)
    }
}

/// One line, and more, for a person on standard error. Nobody reads it: that is no failure.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "oneself: {text}");
}

/// What a command was asked for, on standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::failed(format!("cannot write the answer: {error}")))
}
