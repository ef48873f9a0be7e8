//! The program: the command line of the library, and nothing of its own.

fn main() {}
