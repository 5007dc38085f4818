//! The provider block: its schema, and how it becomes [`Clouds`]. Each cloud's part is in the file of its name.

mod aws;
mod azure;
mod google;
mod reading;

use multicloud::Owner;
use tfplug::{Attr, Configure, Configured, Diagnostic, Diagnostics, Model, Offers, Path, Provider, async_trait};

pub use self::aws::{Aws, Role, WebIdentityRole};
pub use self::azure::Azure;
pub use self::google::Google;
use crate::clouds::{Clouds, OWNER_VARIABLE, Setting};
use crate::environment::{EnvironmentData, EnvironmentResource};
use crate::environments::Environments;
use crate::kubeconfig::Kubeconfig;

/// A text in a provider block that is longer than this is a mistake.
const TEXT_MAX: usize = 4096;

/// A session token of STS, an identity token, a credential file: each has a few KiB.
const TOKEN_MAX: usize = 65_536;

/// The provider `multicloud`.
#[derive(Clone, Copy, Debug)]
pub struct MulticloudProvider;

/// Kubernetes environments on many clouds, declared in one resource.
///
/// Each cloud's block is optional, and nothing in it is used before an environment of that cloud is: `validate`, and
/// `plan` of new environments, need no credentials and no network. Where there are credentials, a plan also says what
/// the cloud does not offer.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct ProviderConfig {
    /// Whose the environments are: lower-case letters, digits and `-`, at most 32. Every object carries it as the
    /// ownership mark `multicloud-owner`, and what carries another is never changed. Or the environment variable
    /// `MULTICLOUD_OWNER`.
    #[attribute(optional, validate = [matches("^[a-z0-9-]{1,32}$", "lower-case letters, digits and dashes, at most 32 ([a-z0-9-]{1,32})")])]
    pub owner: Attr<String>,
    /// How to reach Microsoft Azure. What is left out comes from the environment, as Azure's providers take it.
    #[attribute(optional)]
    pub azure: Attr<Azure>,
    /// How to reach Amazon Web Services. What is left out comes from the environment and the shared files, as the AWS
    /// tools take it.
    #[attribute(optional)]
    pub aws: Attr<Aws>,
    /// How to reach Google Cloud. What is left out comes from the environment, the files of `gcloud` and the metadata
    /// server, as Google's own tools take it.
    #[attribute(optional)]
    pub google: Attr<Google>,
}

#[async_trait]
impl Provider for MulticloudProvider {
    type Config = ProviderConfig;
    type Client = Clouds;

    fn offers(&self, offers: &mut Offers<Clouds>) {
        offers
            .resource(EnvironmentResource)
            .data_source(EnvironmentData)
            .ephemeral_resource(Kubeconfig)
            .function(Environments);
    }

    async fn configure(&self, _: Configure, config: ProviderConfig) -> Result<Configured<Clouds>, Diagnostics> {
        let environment = std::env::var(OWNER_VARIABLE).ok().filter(|owner| !owner.is_empty());
        let owner = owner(&config.owner, environment)?;
        let azure = setting(&config.azure, Azure::settings);
        let aws = setting(&config.aws, Aws::settings);
        let google = setting(&config.google, Google::settings);
        let deferred = owner.is_unknown() || azure.is_unknown() || aws.is_unknown() || google.is_unknown();
        Ok(Configured { client: Clouds::new(owner, azure, aws, google), warnings: Diagnostics::new(), deferred })
    }
}

fn setting<B, S>(block: &Attr<B>, read: impl FnOnce(&B) -> Setting<S>) -> Setting<S> {
    match block {
        Attr::Null => Setting::Missing,
        Attr::Unknown(_) => Setting::Unknown,
        Attr::Known(block) => read(block),
    }
}

/// The owner that the block names, or else the environment.
fn owner(configured: &Attr<String>, environment: Option<String>) -> Result<Setting<Owner>, Diagnostics> {
    let (text, whence) = match (configured, environment) {
        (Attr::Unknown(_), _) => return Ok(Setting::Unknown),
        (Attr::Known(text), _) => (text.clone(), "owner"),
        (Attr::Null, Some(text)) => (text, OWNER_VARIABLE),
        (Attr::Null, None) => return Ok(Setting::Missing),
    };
    text.parse().map(Setting::Known).map_err(|error| {
        Diagnostic::error(
            "Invalid owner",
            format!("{whence}: {error}. It has 1 to 32 lower-case letters, digits and dashes ([a-z0-9-]{{1,32}})."),
        )
        .at(Path::root().attribute("owner"))
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_comes_from_the_block_before_the_environment() {
        let known = |setting: Setting<Owner>| match setting {
            Setting::Known(owner) => owner.to_string(),
            Setting::Missing => "missing".to_owned(),
            Setting::Unknown => "unknown".to_owned(),
        };
        let given = |configured: Attr<String>, variable: Option<&str>| {
            owner(&configured, variable.map(str::to_owned)).map(known).map_err(|errors| errors.len())
        };
        assert_eq!(given("a".into(), Some("b")), Ok("a".to_owned()));
        assert_eq!(given(Attr::Null, Some("b")), Ok("b".to_owned()));
        assert_eq!(given(Attr::Null, None), Ok("missing".to_owned()));
        assert_eq!(given(Attr::unknown(), Some("b")), Ok("unknown".to_owned()));
        assert_eq!(given("Über uns".into(), None), Err(1));
    }
}
