//! The n720d binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    n720d::cli::run()
}
