//! Who we are to Google: the chain of sources, in the order of Google's own provider and tools, and the token that is kept
//! until shortly before its end. An error names every source that was asked and why it was of no use.
//!
//! Order: the settings; `GOOGLE_CREDENTIALS`; `GOOGLE_OAUTH_ACCESS_TOKEN`; `GOOGLE_APPLICATION_CREDENTIALS`; the file that
//! `gcloud auth application-default login` leaves; the metadata server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use super::settings::GoogleSettings;
use super::surroundings::Surroundings;
use super::token::{self, Desk, NoToken, NoTokenSort, Token};
use super::transport::Http;
use crate::error::ErrorChain;
use crate::secret::Secret;
use crate::transport::Reply;

/// A token is renewed this long before its end: what Google's own libraries keep, because the metadata server hands out the
/// same token until then (google-auth, `REFRESH_THRESHOLD`).
const RENEW_BEFORE: Duration = Duration::from_secs(225);

/// The life of a token that is asked for by impersonation: the longest that needs no exception of the organization.
const IMPERSONATED_LIFETIME: Duration = Duration::from_secs(3600);

/// Every answer of the metadata server carries it, and every request must.
const FLAVOR: (&str, &str) = ("metadata-flavor", "Google");

const METADATA_HOST: &str = "metadata.google.internal";

/// No source gave a usable token: each that was asked, and why it failed.
#[derive(Debug, Clone)]
pub(crate) struct CredentialError {
    attempts: Vec<(&'static str, NoToken)>,
}

impl CredentialError {
    /// Whether asking again later may help.
    pub(crate) fn is_transient(&self) -> bool {
        self.attempts.iter().any(|(_, no_token)| no_token.sort == NoTokenSort::Transient)
    }
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no usable Google credentials")?;
        for (index, (source, no_token)) in self.attempts.iter().enumerate() {
            write!(f, "{} {source}: {}", if index == 0 { "; tried" } else { ";" }, no_token.reason)?;
        }
        Ok(())
    }
}

impl std::error::Error for CredentialError {}

/// The credentials of one backend.
pub(crate) struct CredentialChain {
    sources: Vec<(&'static str, Source)>,
    impersonation: Option<Impersonation>,
    http: Arc<Http>,
    around: Surroundings,
    found: Mutex<Option<Token>>,
}

enum Source {
    /// A token as it is.
    Token(Secret),
    /// A credential file's content, or its path.
    Credentials(Secret),
    /// A credential file that somebody named.
    File(PathBuf),
    /// A credential file that may be there.
    FileIfAny(Option<PathBuf>),
    /// A variable that is not set.
    Unset,
    /// The metadata server.
    Metadata,
}

struct Impersonation {
    url: String,
    delegates: Vec<String>,
}

impl fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.sources.iter().map(|(name, _)| name).collect();
        f.debug_struct("CredentialChain").field("sources", &sources).finish_non_exhaustive()
    }
}

impl CredentialChain {
    /// Lays out the sources, and asks none.
    pub(crate) fn new(settings: &GoogleSettings, universe: &str, http: Arc<Http>, around: Surroundings) -> Self {
        let impersonated = settings
            .impersonate_service_account
            .clone()
            .or_else(|| around.variable("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT"));
        let iam = around
            .variable("GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT")
            .unwrap_or_else(|| format!("https://iamcredentials.{universe}"));
        let iam = iam.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        Self {
            sources: sources(settings, &around),
            impersonation: impersonated.map(|account| Impersonation {
                url: format!("{iam}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"),
                delegates: settings.impersonate_delegates.clone(),
            }),
            http,
            around,
            found: Mutex::new(None),
        }
    }

    /// The token, kept from before where it still lasts.
    pub(crate) async fn resolve(&self) -> Result<Token, CredentialError> {
        let mut found = self.found.lock().await;
        let now = self.around.now();
        let lasts = |token: &&Token| token.expires_at.is_none_or(|end| now + RENEW_BEFORE < end);
        if let Some(token) = found.as_ref().filter(lasts) {
            return Ok(token.clone());
        }
        let base = self.first().await?;
        let token = match &self.impersonation {
            Some(Impersonation { url, delegates }) => {
                let token = token::impersonate(self.desk(), url, delegates, IMPERSONATED_LIFETIME, &base).await;
                token.map_err(|no_token| CredentialError { attempts: vec![("impersonation", no_token)] })?
            }
            None => base,
        };
        *found = Some(token.clone());
        Ok(token)
    }

    /// Forgets what was found: the cloud said that it has ended or is not known.
    pub(crate) async fn forget(&self) {
        *self.found.lock().await = None;
    }

    /// The project that the credentials belong to, where they say one.
    pub(crate) async fn project(&self) -> Option<String> {
        for (_, source) in &self.sources {
            let text = match source {
                Source::Credentials(given) => self.content(given).await,
                Source::File(path) | Source::FileIfAny(Some(path)) => token::read_file(path.clone()).await,
                Source::Token(_) | Source::FileIfAny(None) | Source::Unset => continue,
                Source::Metadata => {
                    let reply = self.metadata("project/project-id").await.ok().filter(|reply| reply.status == 200)?;
                    return String::from_utf8(reply.body).ok().map(|text| text.trim().to_owned());
                }
            };
            match text {
                Ok(text) => return token::parse(text.expose()).ok()?.1,
                Err(no_token) if no_token.sort == NoTokenSort::Absent => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Asks one source after the other. One that is there but broken ends the search: the next might be somebody else.
    async fn first(&self) -> Result<Token, CredentialError> {
        let mut attempts = Vec::new();
        for (name, source) in &self.sources {
            match self.ask(source).await {
                Ok(token) => {
                    tracing::debug!(source = name, "Google credentials found");
                    return Ok(token);
                }
                Err(no_token) => {
                    let goes_on = no_token.sort == NoTokenSort::Absent;
                    attempts.push((*name, no_token));
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        Err(CredentialError { attempts })
    }

    async fn ask(&self, source: &Source) -> Result<Token, NoToken> {
        let text = match source {
            Source::Token(token) => return Ok(Token { secret: token.clone(), expires_at: None }),
            Source::Unset => return Err(NoToken::absent("it is not set")),
            Source::FileIfAny(None) => return Err(NoToken::absent("there is no such folder")),
            Source::Metadata => return self.of_metadata().await,
            Source::Credentials(given) => self.content(given).await,
            Source::FileIfAny(Some(path)) => token::read_file(path.clone()).await,
            // One that was named must be there.
            Source::File(path) => token::read_file(path.clone()).await.map_err(required),
        };
        token::of_file(self.desk(), &token::parse(text?.expose())?.0).await
    }

    async fn content(&self, given: &Secret) -> Result<Secret, NoToken> {
        match given.expose().trim_start().starts_with('{') {
            true => Ok(given.clone()),
            false => {
                // A key that lost its first brace is not for an error.
                let path = self.around.path(given.expose().trim());
                let content = token::read_file(path).await;
                content.map_err(|_| NoToken::broken("it is neither JSON nor the path of a file that can be read"))
            }
        }
    }

    async fn of_metadata(&self) -> Result<Token, NoToken> {
        let asked_at = self.around.now();
        let reply = self.metadata("instance/service-accounts/default/token").await?;
        if reply.headers.get(FLAVOR.0).is_none_or(|flavor| flavor != FLAVOR.1) {
            return Err(NoToken::absent("whoever answers is not the metadata server"));
        }
        token::of_reply("the metadata server", &reply, asked_at)
    }

    async fn metadata(&self, what: &str) -> Result<Reply, NoToken> {
        let host = self.around.first_variable(&["GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"]);
        let host = host.as_deref().unwrap_or(METADATA_HOST);
        let url = format!("http://{host}/computeMetadata/v1/{what}");
        let request = http::Request::get(url).header(FLAVOR.0, FLAVOR.1).body(Vec::new());
        let request = request.map_err(|_| NoToken::absent("its host cannot stand in a URL"))?;
        // Away from Google Cloud nobody answers.
        let reply = self.http.ask_metadata(request).await;
        reply.map_err(|error| NoToken::absent(ErrorChain(&error).to_string()))
    }

    fn desk(&self) -> Desk<'_> {
        Desk { http: &self.http, around: &self.around }
    }
}

fn required(no_token: NoToken) -> NoToken {
    match no_token.sort {
        NoTokenSort::Absent => NoToken { sort: NoTokenSort::Broken, ..no_token },
        NoTokenSort::Broken | NoTokenSort::Transient => no_token,
    }
}

fn sources(settings: &GoogleSettings, around: &Surroundings) -> Vec<(&'static str, Source)> {
    if let Some(token) = &settings.access_token {
        return vec![("settings `access_token`", Source::Token(token.clone()))];
    }
    if let Some(credentials) = &settings.credentials {
        return vec![("settings `credentials`", Source::Credentials(credentials.clone()))];
    }
    let secret = |names: &[&str]| around.first_variable(names).map(Secret::new);
    let of_provider = secret(&["GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON"]);
    let token = secret(&["GOOGLE_OAUTH_ACCESS_TOKEN"]);
    let named = around.variable("GOOGLE_APPLICATION_CREDENTIALS");
    let of_gcloud = around.gcloud_folder().map(|folder| folder.join("application_default_credentials.json"));
    vec![
        ("GOOGLE_CREDENTIALS", of_provider.map_or(Source::Unset, Source::Credentials)),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", token.map_or(Source::Unset, Source::Token)),
        ("GOOGLE_APPLICATION_CREDENTIALS", named.map_or(Source::Unset, |path| Source::File(around.path(&path)))),
        ("gcloud's application default credentials", Source::FileIfAny(of_gcloud)),
        ("metadata server", Source::Metadata),
    ]
}

/// When a token ends for whoever is handed it: of one that was given to us nobody tells, so that it is best asked for anew
/// after a few minutes.
pub(crate) fn declared_end(token: &Token, now: SystemTime) -> SystemTime {
    const UNTOLD: Duration = Duration::from_secs(300);
    token.expires_at.unwrap_or(now + UNTOLD)
}
