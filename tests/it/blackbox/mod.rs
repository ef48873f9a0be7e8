//! The real binary, driven from outside: started, spoken to over HTTP, killed.
//!
//! Whoever tests through this sees what an operator and a client see and nothing else.

pub mod http;
pub mod server;
pub mod shim;
pub mod state;

/// How many rounds a test plays: many when everything is to be tested.
pub fn rounds(ordinarily: usize, all: usize) -> usize {
    if std::env::var_os("ONESELF_TEST_ALL").is_some() {
        all
    } else {
        ordinarily
    }
}
