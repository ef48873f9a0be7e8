//! The one test program, for everything that crosses a module.

mod command;
mod house;
