//! The command line: what there is, and how each command ends.
//!
//! Exit 0 done, 1 failed, 2 wrong usage, 78 unsafe to start. A command that changes what
//! a running server serves is an order (`orders.rs`), executed by whoever holds the data
//! directory: this process, or the server by way of its control socket. With a database, which
//! nobody holds, it is always this process.

mod audit;
mod backup;
pub mod bench;
mod client;
mod connection;
mod control;
mod copy;
mod demo;
mod directory;
mod doctor;
mod examine;
mod import;
mod installation;
mod keys;
mod migrate;
mod open;
mod orders;
mod render;
mod report;
mod root_key;
mod sandbox;
mod serve;
mod tenant;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde::{Deserialize, Serialize};

use crate::config::{Config, DatabaseUrl, Unsafe, refuse_test_knobs};

/// The account-linking server: one person, every account.
#[derive(Debug, Parser)]
#[command(name = "oneself", version, arg_required_else_help = true, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Bench),
    Demo(demo::Demo),
    Serve(serve::Serve),
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    #[command(subcommand)]
    Client(client::Client),
    #[command(subcommand)]
    Connection(connection::Connection),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Backup(backup::Backup),
    Copy(copy::Copy),
    Doctor(doctor::Doctor),
    Import(import::Import),
    #[command(subcommand)]
    Keys(keys::Keys),
    Migrate(migrate::Migrate),
    Sandbox(sandbox::Sandbox),
}

/// Which installation is meant: what every command takes.
#[derive(Debug, Args, Serialize)]
struct Place {
    /// Settings, TOML; config.default.toml lists them
    #[arg(long, global = true, value_name = "FILE", env = "ONESELF_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// The data directory [default: ./oneself-data]
    #[arg(long, global = true, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<PathBuf>,
    /// A PostgreSQL database in place of the data directory: postgres://USER@HOST:PORT/DATABASE
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    database_url: Option<DatabaseUrl>,
    /// The root key's file [default: DIR.root.key]
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    root_key_file: Option<PathBuf>,
}

/// Runs the command that the arguments name, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match line.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            note(failure.message());
            ExitCode::from(failure.exit_code())
        }
    }
}

impl CommandLine {
    fn run(self) -> Result<(), Failure> {
        refuse_test_knobs(environment().map(|(name, _)| name), cfg!(not(debug_assertions)))?;
        let place = self.place;
        match self.command {
            Command::Bench(command) => command.run(&place),
            Command::Demo(command) => command.run(&place),
            Command::Serve(command) => command.run(&place),
            Command::Tenant(command) => command.run(&place),
            Command::Client(command) => command.run(&place),
            Command::Connection(command) => command.run(&place),
            Command::Audit(command) => command.run(&place),
            Command::Backup(command) => command.run(&place),
            Command::Copy(command) => command.run(&place),
            Command::Doctor(command) => command.run(&place),
            Command::Import(command) => command.run(&place),
            Command::Keys(command) => command.run(&place),
            Command::Migrate(command) => command.run(&place),
            Command::Sandbox(command) => command.run(&place),
        }
    }
}

impl Place {
    /// The settings, with those of the command's own flags.
    fn settings(&self, flags: &impl Serialize) -> Result<Config, Failure> {
        #[derive(Serialize)]
        struct Flags<'a, T> {
            #[serde(flatten)]
            place: &'a Place,
            #[serde(flatten)]
            own: &'a T,
        }
        let flags = Flags {
            place: self,
            own: flags,
        };
        Ok(Config::load(self.config.as_deref(), environment(), &flags)?)
    }
}

/// The variables of the process. What is not UTF-8 in them is not ours, or refused as a value.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    })
}

/// How a command did not end well; each kind has its exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Failure {
    /// It was tried, and failed: 1.
    Failed(String),
    /// It cannot be meant so: 2.
    Usage(String),
    /// Nothing was started, because it would not be safe: 78.
    Unsafe(String),
}

impl Failure {
    /// It was tried, and failed.
    fn failed(why: impl Into<String>) -> Self {
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

/// A word to the operator, on standard error. That nobody reads it is no failure.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "oneself: {text}");
}

/// What was asked for, on standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::failed(format!("cannot write the answer: {error}")))
}
