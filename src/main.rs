//! argv in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(bryo::cli::main(std::env::args_os().collect()))
}
