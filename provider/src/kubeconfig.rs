//! `ephemeral "multicloud_kubeconfig"`: access to an environment's Kubernetes, which is in no plan and no state.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use multicloud::{ClusterAccess, EnvironmentId};
use tfplug::logging::mask;
use tfplug::{Attr, Call, Diagnostics, EphemeralResource, Model, Opened, Path, Severity, async_trait};

use crate::clouds::Clouds;
use crate::diagnostics::{Deed, diagnostic};
use crate::environment::parse_id;

/// Core is asked to come back this long before a token ends: time for a slow answer, and for clocks that differ.
const RENEW_BEFORE: Duration = Duration::from_secs(120);
/// The least time between two renewals: credentials that end all the time must not keep core busy with asking.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// Private state: which environment it is.
const ENVIRONMENT: &str = "environment";

/// `ephemeral "multicloud_kubeconfig"`.
#[derive(Clone, Copy, Debug)]
pub struct Kubeconfig;

/// Gives access to the Kubernetes of an environment with a credential of short life, which is in no plan and no state.
///
/// Terraform opens it anew in each run, when something first needs it: in the run that creates the environment, after
/// that. Before the credential ends Terraform renews it: the provider proves that it can still have one. Values that
/// were handed out stay as they are, so a run that uses them for longer than `expires_at` says takes two applies.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct KubeconfigModel {
    /// The id of the environment.
    #[attribute(required, validate = [string_length(1..=300)])]
    pub environment_id: Attr<String>,
    /// The URL of the API server.
    #[attribute(computed)]
    pub host: Attr<String>,
    /// The certificate authority of the API server: PEM in base64, as kubeconfig files hold it.
    #[attribute(computed)]
    pub certificate_authority_data: Attr<String>,
    /// The bearer token.
    #[attribute(computed, sensitive)]
    pub token: Attr<String>,
    /// When the token ends, as RFC 3339 writes it.
    #[attribute(computed)]
    pub expires_at: Attr<String>,
    /// All of it as a kubeconfig file.
    #[attribute(computed, sensitive)]
    pub kubeconfig: Attr<String>,
}

#[async_trait]
impl EphemeralResource for Kubeconfig {
    type Client = Clouds;
    type State = KubeconfigModel;

    fn type_name(&self) -> &'static str {
        "multicloud_kubeconfig"
    }

    fn validate(&self, config: &KubeconfigModel, diagnostics: &mut Diagnostics) {
        if let Some(id) = config.environment_id.known()
            && let Err(errors) = parse_id(id, Path::root().attribute("environment_id"))
        {
            diagnostics.extend(errors);
        }
    }

    async fn open(&self, call: &Call<Clouds>, config: KubeconfigModel) -> Result<Opened<KubeconfigModel>, Diagnostics> {
        let text = config.environment_id.known().cloned().unwrap_or_default();
        let id = parse_id(&text, Path::root().attribute("environment_id"))?;
        let access = access(call, &id).await?;
        call.private().set(ENVIRONMENT, &id);
        let token = access.credential.token.expose();
        mask(token);
        let result = KubeconfigModel {
            environment_id: text.into(),
            host: access.endpoint.clone().into(),
            certificate_authority_data: access.certificate_authority_data.clone().into(),
            token: token.into(),
            expires_at: rfc3339(access.credential.expires_at),
            kubeconfig: access.kubeconfig(id.name().as_str()).expose().into(),
        };
        Ok(Opened { result, renew_at: Some(renew_at(access.credential.expires_at, SystemTime::now())) })
    }

    async fn renew(&self, call: &Call<Clouds>) -> Result<Option<SystemTime>, Diagnostics> {
        let Some(id) = call.private().get::<EnvironmentId>(ENVIRONMENT) else { return Ok(None) };
        let access = access(call, &id).await?;
        mask(access.credential.token.expose());
        Ok(Some(renew_at(access.credential.expires_at, SystemTime::now())))
    }
}

async fn access(call: &Call<Clouds>, id: &EnvironmentId) -> Result<ClusterAccess, Diagnostics> {
    let driver = call.client()?.driver(id.backend())?;
    let access = driver.access(id).await;
    access.map_err(|error| diagnostic(Severity::Error, Deed::Access, id.name().as_str(), Some(id), &error).into())
}

fn renew_at(end: SystemTime, now: SystemTime) -> SystemTime {
    end.checked_sub(RENEW_BEFORE).unwrap_or(end).max(now + RENEWAL_PAUSE)
}

/// A moment as RFC 3339 writes it, in UTC and to the second; null beyond the calendar's end.
fn rfc3339(moment: SystemTime) -> Attr<String> {
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let moment = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.map(|moment| moment.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339_says() {
        let check = |seconds, expected| {
            assert_eq!(rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), Attr::from(expected));
        };
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(1_709_251_199, "2024-02-29T23:59:59Z");
        check(4_102_444_800, "2100-01-01T00:00:00Z");
    }

    #[test]
    fn it_is_renewed_before_it_ends() {
        let now = SystemTime::UNIX_EPOCH;
        let end = now + Duration::from_secs(840);
        assert_eq!(renew_at(end, now), end - RENEW_BEFORE);
        assert_eq!(renew_at(now + Duration::from_secs(5), now), now + RENEWAL_PAUSE, "never at once, again and again");
    }
}
