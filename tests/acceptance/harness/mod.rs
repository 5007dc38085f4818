//! What the tests run on: a command line, a cloud, a workspace, and ways to look at plans, state and requests.

mod backend;
mod cli;
mod cloud;
mod configuration;
mod journal;
mod kubernetes_provider;
mod plan;
mod process;
mod state;
mod workspace;

pub(crate) use backend::{Backend, Deed, Event};
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

/// Declares each test once per backend and command line: `<test>::<backend>::<command line>`.
macro_rules! on_each_backend {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            $crate::harness::on_each_backend!(in aks Aks $test);
            $crate::harness::on_each_backend!(in eks Eks $test);
            $crate::harness::on_each_backend!(in gke Gke $test);
        }
    )+};
    (in $module:ident $backend:ident $test:ident) => {
        mod $module {
            #[test]
            fn terraform() {
                super::super::$test($crate::harness::Cli::terraform(), $crate::harness::Backend::$backend);
            }

            #[test]
            fn tofu() {
                super::super::$test($crate::harness::Cli::tofu(), $crate::harness::Backend::$backend);
            }
        }
    };
}
pub(crate) use on_each_backend;
