//! What a Kubernetes client needs to reach an environment.

use std::time::SystemTime;

use serde_json::json;

use crate::secret::Secret;

/// Where a cluster's API server is, whom to trust there, and a credential for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterAccess {
    /// The API server's URL.
    pub endpoint: String,
    /// The certificate authority of the API server: PEM in base64, as kubeconfig files hold it.
    pub certificate_authority_data: String,
    /// What the API server is shown.
    pub credential: Credential,
}

/// A bearer token and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The bearer token.
    pub token: Secret,
    /// When the token ends; whoever keeps it longer asks for a new one.
    pub expires_at: SystemTime,
}

impl ClusterAccess {
    /// A kubeconfig with one context called `name`. JSON, which is YAML too, so that no text needs quoting rules of its own.
    pub fn kubeconfig(&self, name: &str) -> Secret {
        let document = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{
                "name": name,
                "cluster": {
                    "server": self.endpoint,
                    "certificate-authority-data": self.certificate_authority_data,
                },
            }],
            "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
            "users": [{ "name": name, "user": { "token": self.credential.token.expose() } }],
        });
        Secret::new(format!("{document:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubeconfig_holds_the_token_and_debug_does_not() {
        let access = ClusterAccess {
            endpoint: "https://cluster.example".to_owned(),
            certificate_authority_data: "Q0E=".to_owned(),
            credential: Credential { token: Secret::new("token-1"), expires_at: SystemTime::UNIX_EPOCH },
        };
        let kubeconfig: serde_json::Value = serde_json::from_str(access.kubeconfig("prod").expose()).unwrap();
        assert_eq!(kubeconfig["users"][0]["user"]["token"], "token-1");
        assert_eq!(kubeconfig["clusters"][0]["cluster"]["server"], "https://cluster.example");
        assert!(!format!("{access:?} {:?}", access.kubeconfig("prod")).contains("token-1"));
    }
}
