//! What tests of several areas use.

pub mod authority;
pub mod database;
pub mod faulty;
pub mod http;
pub mod invariants;
pub mod kept;
pub mod people;
pub mod proxy;
pub mod sandbox;
pub mod seeking;
pub mod server;
pub mod shape;
pub mod tables;
pub mod tokens;
