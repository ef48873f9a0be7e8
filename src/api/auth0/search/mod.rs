//! Auth0's search language (`api/auth0.md` section 9): `q` and `sort` of `GET /api/v2/users`.
//!
//! `syntax.rs` reads what is written, of the pieces that `scanner.rs` finds; `meaning.rs` says what
//! it asks for in the words of the core, `dates.rs` reads moments. What would surprise: nothing of what a caller writes goes any further
//! than this as text that could mean something; what cannot be searched by is refused by name.

mod dates;
pub mod entries;
pub mod meaning;
mod scanner;
pub mod syntax;

use std::fmt;

use crate::web::{Fault, Reason};

/// Why a query is refused: the end of a sentence that begins with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(String);

impl Refused {
    /// For this reason.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A piece of what a caller wrote, as it may be shown: cut and cleaned (API-18).
fn shown(text: &str) -> String {
    match text {
        "" => "nothing".to_owned(),
        text => Fault::new(text, Reason::Nul).subject(),
    }
}
