//! The project's commands: `cargo xtask demo | test | tools | bench | docs | release`.
//!
//! Each command fetches what it needs into a cache folder (`tools/`), builds what it needs, and leaves nothing running.
#![expect(clippy::print_stdout, reason = "a command-line program speaks on its terminal")]

mod process;
mod tools;
mod workspace;

mod command_line;
mod plugin;
mod simulator;

mod bench;
mod demo;
mod docs;
mod release;
mod test;

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
    /// Applies, plans again and destroys an example on simulated clouds: no account, no credentials.
    Demo(demo::Options),
    /// Runs every test but the exhaustive matrices; the last line lists what was not run.
    Test(test::Options),
    /// Gets the programs that the tests run with, and says where they are, so that `cargo test` finds them.
    Tools,
    /// Measures the release binary beside other providers, and plans of many environments.
    Bench(bench::Options),
    /// Writes the registry's pages from the provider's schema and the examples.
    Docs(docs::Options),
    /// Builds release archives in the form that provider registries take.
    Release(release::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Tools => test::tools(),
        Command::Bench(options) => bench::run(&options),
        Command::Docs(options) => docs::run(&options),
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
