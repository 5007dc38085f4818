//! The plugin process, as Terraform and OpenTofu start it.

use std::process::ExitCode;

use terraform_provider_multicloud::MulticloudProvider;
use tfplug::Server;
use tfplug::serve::{Network, Options, serve};

fn main() -> ExitCode {
    let options = Options {
        address: "registry.terraform.io/multicloud-rs/multicloud",
        version: env!("CARGO_PKG_VERSION"),
        log_crates: &["terraform_provider_multicloud", "multicloud"],
        network: Network::Auto,
    };
    serve(options, || Server::new(MulticloudProvider))
}
