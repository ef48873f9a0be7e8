//! The program: the library's command line, and nothing of its own but the allocator.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    oneself::command::run(std::env::args_os())
}
