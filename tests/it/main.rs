//! Everything that crosses a module.

mod blackbox;
