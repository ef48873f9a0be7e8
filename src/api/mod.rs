//! The dialects: public HTTP interfaces over one core, each in a folder of its own.

pub mod auth0;
