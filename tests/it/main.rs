//! The one test program, for everything that crosses a module.

mod jwt;
mod vault;
mod wycheproof;
