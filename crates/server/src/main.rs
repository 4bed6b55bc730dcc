//! The `tallylight` binary.

use std::process::ExitCode;

use clap::Parser;
use tallylight::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
