//! Whom the EKS backend trusts.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

#[allow(dead_code, reason = "the server here speaks TLS, and takes only the form of a reply from there")]
mod scripted;
mod tls;

use std::path::PathBuf;

use multicloud::eks::{AwsSettings, Eks};
use multicloud::{Backend as _, Error, Secret};

/// What comes of a request.
async fn ask(url: String, ca_bundle: Option<PathBuf>) -> Error {
    let settings = AwsSettings {
        endpoint: Some(url),
        ca_bundle,
        access_key: Some("AKIDEXAMPLE".to_owned()),
        secret_key: Some(Secret::new("any")),
        ..AwsSettings::default()
    };
    let id = "eks/123456789012/us-east-1/prod".parse().unwrap();
    Eks::new(settings).read(&id).await.expect_err("a refusal, of one sort or another")
}

#[tokio::test]
async fn only_the_right_certificate_is_trusted() {
    let headers = ["x-amzn-ErrorType: AccessDeniedException", "Connection: close"];
    let refusal = tls::always(scripted::json("403 Forbidden", &headers, "{}"));
    tls::only_the_right_certificate_is_trusted(refusal, ask).await;
}

#[tokio::test]
async fn what_speaks_no_tls_gets_no_request() {
    tls::what_speaks_no_tls_gets_no_request(ask).await;
}
