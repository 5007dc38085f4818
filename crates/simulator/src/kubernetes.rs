//! The Kubernetes API server behind the clusters that are handed out: a real one named by a kubeconfig, or none at all.
//! Where the kubeconfig lets us in, the clusters' nodes are made there.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::Config;
use serde::Deserialize;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};

/// Of a certificate authority whose key was thrown away: a valid PEM that nothing is signed by.
const UNREACHABLE_CA: &str = include_str!("unreachable-ca.pem");

/// Where clusters are reached.
#[derive(Clone, Debug)]
pub enum ApiServer {
    /// Nowhere: each cluster has an endpoint of its own under `.invalid` (RFC 6761) and a certificate authority that
    /// signed nothing.
    Unreachable,
    /// All at this server.
    At {
        /// Its URL.
        server: String,
        /// The PEM of its certificate authority, in base64.
        certificate_authority_data: String,
        /// The token of the kubeconfig's user, where it has one: what clouds hand out that give credentials with a
        /// cluster.
        token: Option<String>,
    },
}

/// Why a kubeconfig was refused.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not a kubeconfig.
    #[error("{path} is not a kubeconfig")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// Its current context leads to no cluster with a certificate authority.
    #[error("the current context of {path} names no cluster with a certificate authority")]
    NoCluster {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    current_context: Option<String>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Clone, Deserialize)]
struct User {
    token: Option<String>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
}

impl ApiServer {
    /// The server of a kubeconfig's current context, or of its only cluster.
    ///
    /// # Errors
    /// When the file cannot be read or names no such server.
    pub fn from_kubeconfig(path: &Path) -> Result<ApiServer, KubeconfigError> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|source| KubeconfigError::Read { path: path.to_path_buf(), source })
        };
        let config: Kubeconfig = serde_saphyr::from_str(&read(path)?)
            .map_err(|source| KubeconfigError::Parse { path: path.to_path_buf(), source: Box::new(source) })?;
        let no_cluster = || KubeconfigError::NoCluster { path: path.to_path_buf() };
        let token = config.current_token();
        let cluster = config.current_cluster().ok_or_else(no_cluster)?;
        let data = match (cluster.certificate_authority_data, cluster.certificate_authority) {
            (Some(data), _) => data,
            (None, Some(file)) => {
                // Relative names are relative to the kubeconfig, as kubectl reads them.
                let file = path.parent().unwrap_or(Path::new("")).join(file);
                BASE64_STANDARD.encode(read(&file)?)
            }
            (None, None) => return Err(no_cluster()),
        };
        Ok(ApiServer::At { server: cluster.server, certificate_authority_data: data, token })
    }

    /// The name of a cluster's host, whose own would be `host`: nobody's where it is not reached.
    pub(crate) fn host(&self, host: &str) -> String {
        match self {
            ApiServer::Unreachable => format!("{host}.invalid"),
            ApiServer::At { .. } => host.to_owned(),
        }
    }

    /// Endpoint and base64 PEM of the certificate authority for a cluster whose own host name would be `host`.
    pub(crate) fn access(&self, host: &str) -> (String, String) {
        match self {
            ApiServer::Unreachable => (format!("https://{}", self.host(host)), BASE64_STANDARD.encode(UNREACHABLE_CA)),
            ApiServer::At { server, certificate_authority_data, .. } => {
                (server.clone(), certificate_authority_data.clone())
            }
        }
    }

    /// The token that lets in at that server, where it is known.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            ApiServer::Unreachable => None,
            ApiServer::At { token, .. } => token.as_deref(),
        }
    }

    /// How to make nodes there, if the kubeconfig's user has a token.
    pub(crate) fn administrator(&self) -> Result<Option<Config>, Box<dyn std::error::Error + Send + Sync>> {
        let ApiServer::At { server, certificate_authority_data, token: Some(token) } = self else { return Ok(None) };
        let pem = BASE64_STANDARD.decode(certificate_authority_data)?;
        let roots = CertificateDer::pem_slice_iter(&pem).map(|der| Ok(der?.to_vec()));
        let mut config = Config::new(server.parse()?);
        config.root_cert = Some(roots.collect::<Result<_, PemError>>()?);
        config.auth_info.token = Some(token.as_str().into());
        // What does not work at one look is tried at the next.
        config.default_retry = false;
        Ok(Some(config))
    }
}

impl Kubeconfig {
    fn current_token(&self) -> Option<String> {
        let context = self.contexts.iter().find(|context| Some(&context.name) == self.current_context.as_ref())?;
        let user = self.users.iter().find(|user| Some(&user.name) == context.context.user.as_ref())?;
        user.user.token.clone()
    }

    fn current_cluster(self) -> Option<Cluster> {
        let named = match &self.current_context {
            Some(name) => self.contexts.iter().find(|c| c.name == *name).map(|c| c.context.cluster.clone()),
            None => None,
        };
        match (named, self.clusters.as_slice()) {
            (Some(name), clusters) => clusters.iter().find(|c| c.name == name).map(|c| c.cluster.clone()),
            (None, [only]) => Some(only.cluster.clone()),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_context_decides_and_files_are_relative_to_the_kubeconfig() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.crt"), "PEM").unwrap();
        let path = dir.path().join("config");
        std::fs::write(
            &path,
            "apiVersion: v1\nkind: Config\ncurrent-context: b\n\
             contexts:\n- {name: a, context: {cluster: one, user: u}}\n- {name: b, context: {cluster: two, user: u}}\n\
             clusters:\n- {name: one, cluster: {server: 'https://one'}}\n\
             - {name: two, cluster: {server: 'https://two', certificate-authority: ca.crt}}\n",
        )
        .unwrap();
        let read = ApiServer::from_kubeconfig(&path).unwrap();
        let (server, ca) = read.access("x");
        assert_eq!((server.as_str(), ca.as_str()), ("https://two", "UEVN"));
        assert!(read.administrator().unwrap().is_none(), "there is no user");
    }

    #[test]
    fn a_user_with_a_token_makes_nodes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let write = |user: &str| {
            let ca = BASE64_STANDARD.encode(UNREACHABLE_CA);
            let config = format!(
                "current-context: a\ncontexts:\n- {{name: a, context: {{cluster: one, user: me}}}}\n\
                 clusters:\n- {{name: one, cluster: {{server: 'https://one', certificate-authority-data: {ca}}}}}\n\
                 users:\n- {{name: me, user: {user}}}\n"
            );
            std::fs::write(&path, config).unwrap();
        };
        write("{}");
        assert!(ApiServer::from_kubeconfig(&path).unwrap().administrator().unwrap().is_none());
        write("{token: secret-token}");
        let administrator = ApiServer::from_kubeconfig(&path).unwrap().administrator().unwrap().unwrap();
        assert_eq!(administrator.cluster_url, "https://one");
        assert!(!format!("{administrator:?}").contains("secret-token"));
    }

    #[test]
    fn a_kubeconfig_without_a_certificate_authority_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, "clusters:\n- {name: one, cluster: {server: 'https://one'}}\n").unwrap();
        let error = ApiServer::from_kubeconfig(&path).unwrap_err();
        assert!(matches!(error, KubeconfigError::NoCluster { .. }), "{error}");
    }
}
