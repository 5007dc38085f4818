//! A provider small enough to copy: it keeps documents in a directory, one file each.
//!
//! | file | what it shows |
//! | --- | --- |
//! | `main.rs` | the provider: its configuration, what it offers, and `main` |
//! | `document.rs` | a managed resource: schema, plan, create, read, update, delete, import, identity |
//! | `others.rs` | a data source, an ephemeral resource and a function |
//!
//! Try it: `cargo build --example cabinet -p tfplug`, then a CLI configuration file with
//! `provider_installation { dev_overrides { "example.com/tfplug/cabinet" = "<target folder>/debug/examples" } direct {} }`
//! named by `TF_CLI_CONFIG_FILE`. A development override wants the program's name to begin with
//! `terraform-provider-cabinet`: copy or link it.

mod document;
mod others;

use std::path::PathBuf;
use std::process::ExitCode;

use tfplug::serve::{Network, Options, serve};
use tfplug::{Attr, Configure, Configured, Diagnostics, Model, Offers, Provider, Server, async_trait};

/// Keeps documents in a directory of this machine.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Config {
    /// The directory that holds the documents. Created with the first document.
    #[attribute(required, validate = [string_length(1..=4096)])]
    directory: Attr<String>,
}

/// What handlers work with. The directory is unknown while another resource that makes it is only planned.
pub(crate) struct Cabinet {
    directory: Option<PathBuf>,
}

struct CabinetProvider;

#[async_trait]
impl Provider for CabinetProvider {
    type Config = Config;
    type Client = Cabinet;

    fn offers(&self, offers: &mut Offers<Cabinet>) {
        offers
            .resource(document::Documents)
            .data_source(others::Listing)
            .ephemeral_resource(others::Lock)
            .function(others::Slug);
    }

    async fn configure(&self, _: Configure, config: Config) -> Result<Configured<Cabinet>, Diagnostics> {
        Ok(Configured::new(Cabinet { directory: config.directory.into_known().map(PathBuf::from) }))
    }
}

fn main() -> ExitCode {
    let options = Options {
        address: "example.com/tfplug/cabinet",
        version: env!("CARGO_PKG_VERSION"),
        log_crates: &["cabinet"],
        network: Network::Auto,
    };
    serve(options, || Server::new(CabinetProvider))
}
