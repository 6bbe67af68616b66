//! The `daylight` program.

use std::process::ExitCode;

/// Faster than the system's allocator where thousands of small buffers come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    daylight::cli::main()
}
