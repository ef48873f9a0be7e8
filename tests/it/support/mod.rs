//! What tests of several areas use.

pub mod database;
pub mod faulty;
pub mod http;
pub mod invariants;
pub mod people;
pub mod seeking;
pub mod server;
pub mod tokens;
