//! The program `dfl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dfl_bench::cli::run(std::env::args_os())
}
