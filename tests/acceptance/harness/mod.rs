//! What the tests run on: a command line, a cloud, a workspace, and ways to look at plans, state and requests.

mod cli;
mod cloud;
mod configuration;
mod journal;
mod kubernetes_provider;
mod plan;
mod process;
mod state;
mod workspace;

pub(crate) use cli::Cli;
pub(crate) use cloud::{Moto, Simulator};
pub(crate) use configuration::{ADDRESS, Configuration, Pool};
pub(crate) use journal::Request;
pub(crate) use kubernetes_provider::kubernetes_provider;
pub(crate) use plan::Plan;
pub(crate) use process::{Outcome, Running, send, wait_for};
pub(crate) use state::State;
pub(crate) use workspace::Workspace;

/// Declares each test once per command line: `<test>::terraform` and `<test>::tofu`.
///
/// The names are what `cargo xtask test` leaves out where a command line is missing.
macro_rules! with_each_cli {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            #[test]
            fn terraform() {
                super::$test($crate::harness::Cli::terraform());
            }

            #[test]
            fn tofu() {
                super::$test($crate::harness::Cli::tofu());
            }
        }
    )+};
}
pub(crate) use with_each_cli;
