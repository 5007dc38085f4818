//! The one HTTP client that every AWS call of a backend goes through: which roots it trusts, which proxy it takes, and
//! when it loads either.
//!
//! Nothing is opened at construction. TLS and the platform's trust store (hundreds of files on some systems) are loaded
//! at the first `https` request, so an `http` endpoint on loopback and the instance metadata service never pay for them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

use crate::transport::{MAX_REPLY, SettingsError, read_bundle};

/// A client for the SDK that trusts `ca_bundle` besides the platform's roots and goes through `proxy`, or through the
/// proxy of the usual environment variables.
pub(crate) fn http_client(ca_bundle: Option<&Path>, proxy: Option<&str>) -> Result<SharedHttpClient, SettingsError> {
    let proxy = match proxy {
        // The URL may hold a password, and the parser's own message repeats the URL.
        Some(url) => ProxyConfig::all(url).map_err(|_| SettingsError::Proxy)?,
        None => ProxyConfig::from_env(),
    };
    let roots = ca_bundle.map(read_bundle).transpose()?;
    Ok(SharedHttpClient::new(Client { connectors: Mutex::default(), roots, proxy }))
}

/// One connector per pair of timeouts: the SDK's clients of one backend share a connection pool, and the metadata
/// service, which is asked with shorter timeouts, has its own.
struct Client {
    connectors: Mutex<HashMap<Timeouts, SharedHttpConnector>>,
    roots: Option<Vec<u8>>,
    proxy: ProxyConfig,
}

type Timeouts = (Option<Duration>, Option<Duration>);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The proxy may carry a password.
        f.debug_struct("Client").field("ca_bundle", &self.roots.is_some()).finish_non_exhaustive()
    }
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        connectors
            .entry(timeouts)
            .or_insert_with(|| {
                SharedHttpConnector::new(ByScheme(Arc::new(Connectors {
                    settings: settings.clone(),
                    roots: self.roots.clone(),
                    proxy: self.proxy.clone(),
                    direct: std::sync::OnceLock::new(),
                    plain: std::sync::OnceLock::new(),
                    tls: std::sync::OnceLock::new(),
                })))
            })
            .clone()
    }
}

/// Chooses the connector by the request's scheme and host, and builds it at its first use.
struct ByScheme(Arc<Connectors>);

struct Connectors {
    settings: HttpConnectorSettings,
    roots: Option<Vec<u8>>,
    proxy: ProxyConfig,
    direct: std::sync::OnceLock<Connector>,
    plain: std::sync::OnceLock<Connector>,
    tls: std::sync::OnceLock<Connector>,
}

impl std::fmt::Debug for ByScheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByScheme").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let reply = self.dispatch(request);
        HttpConnectorFuture::new(async move {
            let limited = |body| SdkBody::from_body_1_x(Limited::new(body, MAX_REPLY));
            Ok(reply.await?.map(limited))
        })
    }
}

impl ByScheme {
    fn dispatch(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Ok(uri) = request.uri().parse::<http::Uri>() else {
            return HttpConnectorFuture::ready(Err(ConnectorError::user("the endpoint is not a URL".into())));
        };
        let connectors = &self.0;
        match uri.scheme_str() {
            Some("https") => connectors.tls.get_or_init(|| connectors.build_tls()).call(request),
            Some("http") if is_link_local(uri.host().unwrap_or_default()) => {
                connectors.direct.get_or_init(|| connectors.builder().build_http()).call(request)
            }
            Some("http") => connectors
                .plain
                .get_or_init(|| connectors.builder().proxy_config(connectors.proxy.clone()).build_http())
                .call(request),
            Some(_) | None => {
                HttpConnectorFuture::ready(Err(ConnectorError::user("the endpoint is neither http nor https".into())))
            }
        }
    }
}

impl Connectors {
    fn builder(&self) -> ConnectorBuilder {
        Connector::builder().connector_settings(self.settings.clone())
    }

    fn build_tls(&self) -> Connector {
        let mut trust = TrustStore::default();
        if let Some(roots) = &self.roots {
            trust = trust.with_pem_certificate(roots.clone());
        }
        let builder = self
            .builder()
            .proxy_config(self.proxy.clone())
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc));
        match TlsContext::builder().with_trust_store(trust).build() {
            Ok(context) => builder.tls_context(context).build(),
            // The builder has no failing path today; were one added, the platform's roots alone are the safe choice.
            Err(_) => builder.build(),
        }
    }
}

/// Credentials of instances, containers and pods come from fixed link-local addresses, which no proxy can reach.
/// (EC2 user guide, "Access instance metadata"; ECS developer guide, "Task IAM role"; EKS user guide, "Pod Identity".)
fn is_link_local(host: &str) -> bool {
    host.starts_with("169.254.") || host.starts_with("[fd00:ec2::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_with_a_password_is_refused_without_repeating_it() {
        let error = http_client(None, Some("ftp://user:hunter2@proxy")).map(|_| ()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let client = http_client(None, Some("http://user:hunter2@proxy:3128")).unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
    }

    #[test]
    fn metadata_addresses_never_go_through_a_proxy() {
        assert!(is_link_local("169.254.169.254"));
        assert!(is_link_local("[fd00:ec2::254]"));
        assert!(!is_link_local("127.0.0.1"));
        assert!(!is_link_local("sts.amazonaws.com"));
    }
}
