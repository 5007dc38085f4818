//! Acceptance tests: the built provider under a real terraform and a real tofu, against clouds on loopback.
//!
//! `harness/` knows how to run a command line, a cloud and a workspace; every other file is one behaviour of the provider.
//! A tool that is missing fails the test with the command that provides it.
#![expect(clippy::print_stderr, reason = "a failed test shows how far it came")]

mod harness;
#[path = "../testbed/mod.rs"]
mod testbed;

mod bad_input;
mod by_hand;
mod cluster_and_content;
mod data_source;
mod documentation;
mod environment_drain;
mod environment_drift;
mod environment_foreign;
mod environment_interrupted;
mod environment_lifecycle;
mod environment_offer;
mod environment_settings;
mod environment_upgrade;
mod examples;
mod function_environments;
mod kubeconfig;
mod kubeconfig_renewal;
mod plan_offline;
mod provider_unknown;
mod regression;
mod secrets;
mod tfplug_example;
mod topology;
