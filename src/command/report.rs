//! What was looked at and how it was found: the answer of `doctor` and of `backup verify`.
//!
//! A line for each check, so that nothing that was not looked at seems sound.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::orders::Answer;
use crate::store::inspect::Finding;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Not as it should be.
    Fault,
}

/// One check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// What was looked at.
    pub check: String,
    /// How it was found.
    pub state: State,
    /// In words; of a fault, what to do too.
    pub says: String,
}

/// All checks, in order.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// As it should be.
    pub fn ok(&mut self, check: &str, says: impl Into<String>) {
        self.add(check, State::Ok, says.into());
    }

    /// Worth knowing.
    pub fn note(&mut self, check: &str, says: impl Into<String>) {
        self.add(check, State::Note, says.into());
    }

    /// Not as it should be.
    pub fn fault(&mut self, check: &str, says: impl Into<String>) {
        self.add(check, State::Fault, says.into());
    }

    fn add(&mut self, check: &str, state: State, says: String) {
        self.lines.push(Line {
            check: check.to_owned(),
            state,
            says,
        });
    }

    /// What was found: a fault each, or one line that nothing was.
    pub fn findings(&mut self, check: &str, found: &[Finding], sound: &str) {
        if found.is_empty() {
            self.ok(check, sound);
        }
        for finding in found {
            self.fault(
                check,
                format!(
                    "{} (for one, {}), {} of them",
                    finding.what, finding.example, finding.count
                ),
            );
        }
    }

    /// The first fault, in words.
    pub fn first_fault(&self) -> Option<&str> {
        let mut faults = self.lines.iter().filter(|line| line.state == State::Fault);
        faults.next().map(|line| line.says.as_str())
    }

    /// The answer; `sound` and `checks` for programs.
    pub fn answer(&self) -> Answer {
        let faults = self.lines.iter().filter(|line| line.state == State::Fault).count();
        let width = self.lines.iter().map(|line| line.check.len()).max().unwrap_or(0);
        let mut text = String::new();
        for Line { check, state, says } in &self.lines {
            let state = match state {
                State::Ok => "ok",
                State::Note => "note",
                State::Fault => "FAULT",
            };
            text.push_str(&format!("{state:5}  {check:width$}  {says}\n"));
        }
        text.push_str(&match faults {
            0 => "sound".to_owned(),
            1 => "1 fault".to_owned(),
            many => format!("{many} faults"),
        });
        Answer {
            data: json!({ "sound": faults == 0, "faults": faults, "checks": self.lines }),
            text,
        }
    }
}
