//! `cargo xtask docs`: the registry's pages, made from the provider's schemas and the examples.
//!
//! Where the pages are made is a test, `tests/acceptance/documentation.rs`, so that `cargo test` compares them too.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{process, workspace};

/// The options of `cargo xtask docs`.
#[derive(Args)]
pub(crate) struct Options {
    /// Writes nothing; fails when a page is not as it would be written.
    #[arg(long)]
    check: bool,
}

/// Writes the pages, or compares them.
///
/// # Errors
/// When the provider does not build, an example is missing, or with `--check` when a page differs.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--quiet", "--locked", "--package", "terraform-provider-multicloud", "--test", "acceptance"]);
    cargo.args(["--", "documentation::pages_are_current"]);
    if !options.check {
        cargo.env("UPDATE_EXPECT", "1");
    }
    process::run(&mut cargo)?;
    println!("docs/ is as the schemas and the examples say");
    Ok(ExitCode::SUCCESS)
}
