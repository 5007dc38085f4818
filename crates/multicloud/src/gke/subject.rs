//! The token of somebody else's that workload identity federation exchanges: from a file, an address, a program, or made
//! with the credentials of AWS (<https://google.aip.dev/auth/4117>). It is had anew each time, because whoever issues it
//! replaces it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::token::{Desk, NoToken, finish, percent_encode, read_file, refused, secret};
use crate::secret::Secret;

/// How long a program may take, where the file does not say (AIP-4117).
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30);
/// The most that is read of a program: tokens have some KiB.
const MAX_PRINTED: u64 = 1024 * 1024;
/// How long the session with AWS's metadata service is good: for the requests of one token.
const SESSION_SECONDS: &str = "300";

/// Where the token is from.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CredentialSource {
    file: Option<String>,
    url: Option<String>,
    headers: BTreeMap<String, Secret>,
    format: Format,
    executable: Option<Program>,
    environment_id: Option<String>,
    region_url: Option<String>,
    regional_cred_verification_url: Option<String>,
    imdsv2_session_token_url: Option<String>,
    certificate: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Format {
    r#type: String,
    subject_token_field_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Program {
    command: String,
    timeout_millis: Option<u64>,
}

/// For whom the token is.
#[derive(Clone, Copy)]
pub(crate) struct Audience<'a> {
    pub(crate) audience: &'a str,
    pub(crate) token_type: &'a str,
}

/// The token.
pub(crate) async fn token(
    desk: Desk<'_>,
    source: &CredentialSource,
    audience: Audience<'_>,
) -> Result<Secret, NoToken> {
    let token = match source {
        CredentialSource { environment_id: Some(id), .. } if id.starts_with("aws") => {
            of_aws(desk, source, audience).await
        }
        CredentialSource { executable: Some(program), .. } => of_program(desk, program, audience).await,
        CredentialSource { file: Some(file), .. } => {
            formatted(read_file(desk.around.path(file)).await?, &source.format)
        }
        CredentialSource { url: Some(url), .. } => {
            let headers = source.headers.iter().map(|(name, value)| (name.as_str(), value));
            formatted(ask(desk, http::Request::get(url), headers).await?, &source.format)
        }
        CredentialSource { certificate: Some(_), .. } => {
            Err(NoToken::broken("a credential_source that is an X.509 certificate is not supported"))
        }
        CredentialSource { .. } => {
            Err(NoToken::broken("its credential_source names neither a file nor a URL, a program or AWS"))
        }
    }?;
    if token.expose().is_empty() {
        return Err(NoToken::broken("the subject token is empty"));
    }
    Ok(token)
}

fn formatted(text: Secret, format: &Format) -> Result<Secret, NoToken> {
    if format.r#type != "json" {
        return Ok(Secret::new(text.expose().trim()));
    }
    let field = format.subject_token_field_name.as_deref().unwrap_or_default();
    let value: Value =
        serde_json::from_str(text.expose()).map_err(|_| NoToken::broken("the subject token is not in JSON"))?;
    let found = value.get(field).and_then(Value::as_str);
    found.map(Secret::new).ok_or_else(|| NoToken::broken(format!("the subject token's JSON has no {field:?}")))
}

/// The text that an address answers with.
async fn ask<'a>(
    desk: Desk<'_>,
    mut request: http::request::Builder,
    headers: impl Iterator<Item = (&'a str, &'a Secret)>,
) -> Result<Secret, NoToken> {
    for (name, value) in headers {
        request = request.header(name, secret(value.expose())?);
    }
    let reply = desk.http.send(finish(request, Vec::new())?).await?;
    if reply.status != 200 {
        return Err(refused("the source of the subject token", &reply));
    }
    let text = String::from_utf8(reply.body);
    text.map(Secret::new).map_err(|_| NoToken::broken("the source of the subject token answered with no text"))
}

/// What a program prints. It is run only where the user allows programs of credential files, by the variable that all of
/// Google's libraries ask for.
async fn of_program(desk: Desk<'_>, program: &Program, audience: Audience<'_>) -> Result<Secret, NoToken> {
    const ALLOW: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";

    #[derive(Deserialize)]
    struct Printed {
        success: bool,
        message: Option<String>,
        id_token: Option<Secret>,
        saml_response: Option<Secret>,
    }

    if desk.around.variable(ALLOW).as_deref() != Some("1") {
        return Err(NoToken::broken(format!("its credential_source is a program, which is run only with {ALLOW}=1")));
    }
    let mut words = program.command.split_whitespace();
    let name = words.next().ok_or_else(|| NoToken::broken("its credential_source is a program without a name"))?;
    let run = tokio::process::Command::new(name)
        .args(words)
        .env("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", audience.audience)
        .env("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", audience.token_type)
        .env("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = run.map_err(|error| NoToken::broken(format!("the program {name} cannot be run: {error}")))?;
    let printing = async {
        let mut printed = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MAX_PRINTED).read_to_end(&mut printed).await?;
        }
        // Whoever prints more is ended with the child.
        std::io::Result::Ok(printed)
    };
    let limit = program.timeout_millis.map_or(PROGRAM_TIMEOUT, Duration::from_millis);
    let printed = tokio::time::timeout(limit, printing)
        .await
        .map_err(|_| NoToken::broken(format!("the program {name} takes longer than {} s", limit.as_secs())))?
        .map_err(|error| NoToken::broken(format!("the program {name} cannot be run: {error}")))?;
    let printed: Printed = serde_json::from_slice(&printed)
        .map_err(|_| NoToken::broken(format!("the program {name} printed no answer in JSON")))?;
    match (printed.success, printed.id_token.or(printed.saml_response)) {
        (true, Some(token)) => Ok(token),
        (true, None) => Err(NoToken::broken(format!("the program {name} answered without a token"))),
        (false, _) => {
            let why = printed.message.unwrap_or_default();
            Err(NoToken::broken(format!("the program {name} has no token: {why}")))
        }
    }
}

/// Keys of AWS.
struct Keys {
    access_key: String,
    secret_key: Secret,
    token: Option<Secret>,
}

/// A signed `sts:GetCallerIdentity`, which Google sends on to learn who asks.
async fn of_aws(desk: Desk<'_>, source: &CredentialSource, audience: Audience<'_>) -> Result<Secret, NoToken> {
    let missing = |what: &str| NoToken::broken(format!("its credential_source of AWS has no {what}"));
    let session = match &source.imdsv2_session_token_url {
        // The keys of the environment need no metadata service.
        Some(url) if desk.around.variable("AWS_ACCESS_KEY_ID").is_none() => {
            let request = http::Request::put(url).header("x-aws-ec2-metadata-token-ttl-seconds", SESSION_SECONDS);
            Some(ask(desk, request, std::iter::empty()).await?)
        }
        Some(_) | None => None,
    };
    let header = || session.iter().map(|session| ("x-aws-ec2-metadata-token", session));
    let region = match desk.around.first_variable(&["AWS_REGION", "AWS_DEFAULT_REGION"]) {
        Some(region) => region,
        None => {
            let url = source.region_url.as_deref().ok_or_else(|| missing("region_url"))?;
            // A zone, which is the region and a letter.
            let zone = ask(desk, http::Request::get(url), header()).await?;
            let zone = zone.expose().trim();
            zone.char_indices().last().map(|(last, _)| zone[..last].to_owned()).unwrap_or_default()
        }
    };
    let keys = match (desk.around.variable("AWS_ACCESS_KEY_ID"), desk.around.variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(access_key), Some(secret_key)) => Keys {
            access_key,
            secret_key: Secret::new(secret_key),
            token: desk.around.variable("AWS_SESSION_TOKEN").map(Secret::new),
        },
        (Some(_) | None, _) => {
            #[derive(Deserialize)]
            #[serde(rename_all = "PascalCase")]
            struct Role {
                access_key_id: String,
                secret_access_key: Secret,
                token: Secret,
            }
            let url = source.url.as_deref().ok_or_else(|| missing("url"))?;
            let role = ask(desk, http::Request::get(url), header()).await?;
            let url = format!("{}/{}", url.trim_end_matches('/'), role.expose().trim());
            let text = ask(desk, http::Request::get(url), header()).await?;
            let role: Role = serde_json::from_str(text.expose())
                .map_err(|_| NoToken::broken("AWS's metadata service answered without keys"))?;
            Keys { access_key: role.access_key_id, secret_key: role.secret_access_key, token: Some(role.token) }
        }
    };
    let url = source.regional_cred_verification_url.as_deref();
    let url = url.ok_or_else(|| missing("regional_cred_verification_url"))?.replace("{region}", &region);
    let now: k8s_openapi::jiff::Timestamp =
        desk.around.now().try_into().map_err(|_| NoToken::broken("the time of day is no time"))?;
    let now = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    caller_identity(&url, &region, &keys, audience.audience, &now)
}

/// The request, signed by Signature Version 4
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>), as Google takes it.
fn caller_identity(url: &str, region: &str, keys: &Keys, audience: &str, now: &str) -> Result<Secret, NoToken> {
    let uri: http::Uri = url.parse().map_err(|_| NoToken::broken("its regional_cred_verification_url is no URL"))?;
    let host = uri.host().unwrap_or_default();
    let mut headers = vec![("host", host), ("x-amz-date", now)];
    headers.extend(keys.token.as_ref().map(|token| ("x-amz-security-token", token.expose())));
    headers.push(("x-goog-cloud-target-resource", audience));

    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let mut query: Vec<&str> = uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let canonical = format!("POST\n/\n{}\n{lines}\n{names}\n{}", query.join("&"), hex(&Sha256::digest(b"")));
    let date = &now[..8];
    let scope = format!("{date}/{region}/sts/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let first = zeroize::Zeroizing::new(format!("AWS4{}", keys.secret_key.expose()));
    let key = [date, region, "sts", "aws4_request"]
        .iter()
        .fold(first.as_bytes().to_vec(), |key, part| hmac(&key, part.as_bytes()).to_vec());
    let signature = hex(&hmac(&key, text.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        keys.access_key
    );
    headers.push(("Authorization", &authorization));
    let headers: Vec<Value> = headers.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let request = json!({ "url": url, "method": "POST", "headers": headers, "body": "" });
    Ok(Secret::new(percent_encode(&request.to_string())))
}

/// RFC 2104 with SHA-256, whose blocks have 64 bytes.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |byte: u8| block.map(|found| found ^ byte);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 1, 2 and 6.
    #[test]
    fn codes_are_those_of_the_standard() {
        assert_eq!(
            hex(&hmac(&[0x0b; 20], b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    /// Judged by botocore: `SigV4Auth(credentials, "sts", "us-east-2").add_auth` with this time and these headers.
    #[test]
    fn a_request_is_signed_as_aws_tools_sign_it() {
        let keys = Keys {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            token: Some(Secret::new("session/token+value==")),
        };
        let url = "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15";
        let audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/a";
        let token = caller_identity(url, "us-east-2", &keys, audience, "20261121T133000Z").unwrap();
        assert!(token.expose().starts_with("%7B%22body%22"), "{}", token.expose());
        assert!(
            token.expose().contains("26dd44dc8547e00a1780fc2b90733eaa8156398e15f9e2c80c5ec1eb32a538d6"),
            "{}",
            token.expose()
        );
    }
}
