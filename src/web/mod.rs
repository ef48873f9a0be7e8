//! x
pub mod caller;
