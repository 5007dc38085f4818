//! The project's commands: `cargo xtask demo | test | bench | docs | release`.
//!
//! Each command fetches what it needs into a cache folder (`tools/`), builds what it needs, and leaves nothing running.
#![expect(clippy::print_stdout, reason = "a command-line program speaks on its terminal")]

mod tools;

mod plugin;
mod process;
mod release;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every test but the exhaustive matrices; the last line lists what was not run.
    Test(test::Options),
    /// Builds release archives in the form that provider registries take.
    Release(release::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Release(options) => release::run(&options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
