//! What tests of several areas use.

pub mod http;
pub mod server;
