//! The bearer token of an EKS cluster, made here without the aws CLI: a presigned `sts:GetCallerIdentity` request,
//! which the cluster's authenticator sends on to learn who asks.
//!
//! Form and lifetimes are those of `aws eks get-token` (awscli `customizations/eks/get_token.py`, 1.45): header
//! `x-k8s-aws-id` with the cluster's name is signed, the presigned URL itself is good for 60 s, and the cluster accepts
//! the token for 15 min, of which the CLI declares 14.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// How long a token is declared to be good: one minute less than the cluster accepts it.
pub(crate) const LIFETIME: Duration = Duration::from_secs(14 * 60);

const PREFIX: &str = "k8s-aws-v1.";
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
const URL_LIFETIME: Duration = Duration::from_secs(60);

/// The request could not be signed: the endpoint or the cluster's name cannot stand in an HTTP request.
#[derive(Debug, thiserror::Error)]
#[error("the token request cannot be signed")]
pub(crate) struct SignError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Makes a token for `cluster`, signed for the STS endpoint of `region`.
pub(crate) fn kube_token(
    sts_endpoint: &str,
    region: &str,
    cluster: &str,
    credentials: Credentials,
    now: SystemTime,
) -> Result<Zeroizing<String>, SignError> {
    let url = presign(sts_endpoint, region, cluster, credentials, now)?;
    let mut token = Zeroizing::new(String::with_capacity(PREFIX.len() + url.len() * 4 / 3 + 4));
    token.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(url.as_bytes(), &mut token);
    Ok(token)
}

fn presign(
    sts_endpoint: &str,
    region: &str,
    cluster: &str,
    credentials: Credentials,
    now: SystemTime,
) -> Result<Zeroizing<String>, SignError> {
    let url = format!("{}/?Action=GetCallerIdentity&Version=2011-06-15", sts_endpoint.trim_end_matches('/'));
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(URL_LIFETIME);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| SignError(error.into()))?
        .into();
    let request =
        SignableRequest::new("GET", url.as_str(), std::iter::once((CLUSTER_HEADER, cluster)), SignableBody::Bytes(&[]))
            .map_err(|error| SignError(error.into()))?;
    let (instructions, _signature) = sign(request, &params).map_err(|error| SignError(error.into()))?.into_parts();

    let mut presigned = Zeroizing::new(url);
    for (name, value) in instructions.params() {
        presigned.push('&');
        presigned.push_str(name);
        presigned.push('=');
        presigned.push_str(&percent_encode(value));
    }
    Ok(presigned)
}

/// Percent-encodes what SigV4 calls reserved: everything but letters, digits and `-._~`.
fn percent_encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T13:30:00Z
    const NOW: Duration = Duration::from_secs(1_795_267_800);

    fn token(session: Option<&str>) -> String {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session.map(str::to_owned),
            None,
            "test",
        );
        let now = SystemTime::UNIX_EPOCH + NOW;
        let token =
            kube_token("https://sts.us-east-1.amazonaws.com", "us-east-1", "workload-aws-east", credentials, now);
        token.unwrap().to_string()
    }

    fn decoded(token: &str) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX).unwrap()).unwrap()).unwrap()
    }

    /// The expected text is what awscli 1.45.11 makes with these credentials when its clock says the same time.
    #[test]
    fn equals_the_cli_token_byte_by_byte() {
        assert_eq!(
            token(None),
            "k8s-aws-v1.aHR0cHM6Ly9zdHMudXMtZWFzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXRDYWxsZXJJZGVudGl0eSZWZXJzaW9u\
             PTIwMTEtMDYtMTUmWC1BbXotQWxnb3JpdGhtPUFXUzQtSE1BQy1TSEEyNTYmWC1BbXotQ3JlZGVudGlhbD1BS0lERVhBTVBMRSUyRjIw\
             MjYxMTIxJTJGdXMtZWFzdC0xJTJGc3RzJTJGYXdzNF9yZXF1ZXN0JlgtQW16LURhdGU9MjAyNjExMjFUMTMzMDAwWiZYLUFtei1FeHBp\
             cmVzPTYwJlgtQW16LVNpZ25lZEhlYWRlcnM9aG9zdCUzQngtazhzLWF3cy1pZCZYLUFtei1TaWduYXR1cmU9ZjFmZWY0ZDQxNWExNGU3\
             MzkxMTVlMTVjOGFjZTNiY2QwYzJiNzAyYjAwNWViOTgzZGZiYzA1YTg4MWU3YzgwZQ"
        );
    }

    #[test]
    fn a_session_token_is_signed_with_the_rest() {
        let url = decoded(&token(Some("session/token+value==")));
        let parameters: Vec<&str> = url.split('&').collect();
        for parameter in [
            "X-Amz-Security-Token=session%2Ftoken%2Bvalue%3D%3D",
            "X-Amz-Signature=70c81b0a147e525cb647645232dcc5542dfccb372545dde8d5c2f1e01c1ed2f7",
        ] {
            assert!(parameters.contains(&parameter), "{url}");
        }
    }

    /// The CLI signs with the time of day; ours is signed with the time that its token names.
    #[test]
    fn equals_what_the_installed_cli_makes() {
        let output = std::process::Command::new("aws")
            .args(["eks", "get-token", "--cluster-name", "prod", "--region", "eu-west-1", "--output", "json"])
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
            .env("AWS_SESSION_TOKEN", "session/token+value==")
            .env("AWS_STS_REGIONAL_ENDPOINTS", "regional")
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_ENDPOINT_URL")
            .env_remove("AWS_ENDPOINT_URL_STS")
            .output()
            .unwrap_or_else(|error| panic!("aws cannot be started: {error}; install it with `pip install awscli`"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let reply: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let sorted = |token: &str| {
            let url = decoded(token);
            let (endpoint, query) = url.split_once('?').unwrap();
            let mut parameters: Vec<String> = query.split('&').map(str::to_owned).collect();
            parameters.sort();
            (endpoint.to_owned(), parameters)
        };
        let theirs = sorted(reply["status"]["token"].as_str().unwrap());
        let date = theirs.1.iter().find_map(|parameter| parameter.strip_prefix("X-Amz-Date=")).unwrap();
        let spelled = format!(
            "{}-{}-{}T{}:{}:{}Z",
            &date[..4],
            &date[4..6],
            &date[6..8],
            &date[9..11],
            &date[11..13],
            &date[13..15]
        );
        let format = aws_smithy_types::date_time::Format::DateTime;
        let now = SystemTime::try_from(aws_smithy_types::DateTime::from_str(&spelled, format).unwrap()).unwrap();
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            Some("session/token+value==".to_owned()),
            None,
            "test",
        );
        let ours = kube_token("https://sts.eu-west-1.amazonaws.com", "eu-west-1", "prod", credentials, now).unwrap();
        assert_eq!(sorted(&ours), theirs);
        // And it declares the same life.
        let expiry = reply["status"]["expirationTimestamp"].as_str().unwrap();
        let expiry = SystemTime::try_from(aws_smithy_types::DateTime::from_str(expiry, format).unwrap()).unwrap();
        let life = expiry.duration_since(now).unwrap();
        assert!((LIFETIME - Duration::from_secs(5)..=LIFETIME + Duration::from_secs(5)).contains(&life), "{life:?}");
    }

    #[test]
    fn a_name_that_cannot_be_a_header_is_an_error() {
        let credentials = Credentials::new("a", "b", None, None, "test");
        let now = SystemTime::UNIX_EPOCH + NOW;
        assert!(kube_token("https://sts", "us-east-1", "two\nlines", credentials, now).is_err());
    }
}
