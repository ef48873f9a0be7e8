//! Stories across interfaces.

mod crowd;
mod site;
mod views;
