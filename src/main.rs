//! The binary: arguments in, exit code out.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Gives the memory of a burst back to the system, which the system's own allocator on Linux does not.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    onelane::cli::main(std::env::args_os())
}
