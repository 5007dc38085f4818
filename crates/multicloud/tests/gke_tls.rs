//! Whom the GKE backend trusts.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

#[allow(dead_code, reason = "the server here speaks TLS, and takes only the form of a reply from there")]
mod scripted;
mod tls;

use std::path::PathBuf;

use multicloud::gke::{Gke, GoogleSettings};
use multicloud::{Backend as _, Error, Secret};

/// What comes of a request.
async fn ask(url: String, ca_bundle: Option<PathBuf>) -> Error {
    let settings = GoogleSettings {
        endpoint: Some(url),
        ca_bundle,
        access_token: Some(Secret::new("any")),
        ..GoogleSettings::default()
    };
    let id = "gke/acme/europe-west1/prod".parse().unwrap();
    Gke::new(settings).read(&id).await.expect_err("a refusal, of one sort or another")
}

#[tokio::test]
async fn only_the_right_certificate_is_trusted() {
    let refusal = tls::always(scripted::json("403 Forbidden", &["Connection: close"], "{}"));
    tls::only_the_right_certificate_is_trusted(refusal, ask).await;
}

#[tokio::test]
async fn what_speaks_no_tls_gets_no_request() {
    tls::what_speaks_no_tls_gets_no_request(ask).await;
}
