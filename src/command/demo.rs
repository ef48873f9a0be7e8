//! x
use clap::Args;
use serde::Serialize;

use super::{Failure, Place};
/// Demo
#[derive(Debug, Args, Serialize)]
pub struct Demo {}

impl Demo {
    /// x
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        Ok(())
    }
}
