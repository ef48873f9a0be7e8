//! The real binary, driven from outside: started, spoken to over HTTP, killed.
//!
//! Whoever tests through this sees what an operator and a client see and nothing else.

pub mod shim;
