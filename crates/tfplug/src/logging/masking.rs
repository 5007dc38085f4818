//! Hides secrets in texts that leave the process.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::sync::{LazyLock, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::{Captures, Regex};

/// What stands in place of a secret.
pub(super) const HIDDEN: &str = "***";

/// Shorter texts are words of everyday language: hiding them would make every log unreadable and protect nobody.
const SHORTEST_SECRET: usize = 8;

/// Encoded forms this short could be anything.
const SHORTEST_ENCODED: usize = 6;

/// Tokens are renewed for as long as a provider runs. Beyond this many the oldest, long expired ones are forgotten.
const SECRETS_LIMIT: usize = 4096;

/// Parts of field and key names that announce a secret.
const SECRET_NAMES: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "credential",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
    "access_key",
    "cookie",
    "kubeconfig",
];

/// Makes the secret unreadable in everything that is logged from now on: as it is, in base64 at any offset (so also
/// inside `user:password`), percent-encoded, escaped, and line by line if it has several.
///
/// Texts of fewer than eight bytes are ignored.
pub fn mask(secret: &str) {
    let secret = secret.trim();
    if secret.len() >= SHORTEST_SECRET {
        SECRETS.write().unwrap_or_else(PoisonError::into_inner).add(secret);
    }
}

/// The text without the secrets that [`mask`] was told of, and without what looks like one.
///
/// For texts that leave the process by another way than the log, such as diagnostics.
pub fn masked(text: &str) -> Cow<'_, str> {
    match masked_by_value(&SECRETS, text) {
        Cow::Borrowed(text) => masked_by_shape(text),
        Cow::Owned(text) => Cow::Owned(masked_by_shape(&text).into_owned()),
    }
}

/// Whether a field of this name is hidden whatever its value.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

static SECRETS: RwLock<Secrets> = RwLock::new(Secrets::new());

struct Secrets {
    /// In the order they were told; the set below finds them.
    known: VecDeque<String>,
    found: Option<HashSet<String>>,
    /// Made when the first text after a new secret is masked.
    matcher: Option<AhoCorasick>,
}

impl Secrets {
    const fn new() -> Secrets {
        Secrets { known: VecDeque::new(), found: None, matcher: None }
    }

    fn add(&mut self, secret: &str) {
        let found = self.found.get_or_insert_default();
        if !found.insert(secret.to_owned()) {
            return;
        }
        if self.known.len() == SECRETS_LIMIT
            && let Some(oldest) = self.known.pop_front()
        {
            found.remove(&oldest);
        }
        self.known.push_back(secret.to_owned());
        self.matcher = None;
    }

    fn build(&mut self) {
        let forms: HashSet<String> = self.known.iter().flat_map(|secret| forms(secret)).collect();
        // Percent codes come in either case. Building fails only beyond sizes that the limits above keep away from; then
        // every text is hidden rather than a secret shown.
        self.matcher = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            // Thousands of forms would make the fastest kind a large one.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(forms)
            .ok();
    }
}

fn masked_by_value<'t>(store: &RwLock<Secrets>, text: &'t str) -> Cow<'t, str> {
    let secrets = store.read().unwrap_or_else(PoisonError::into_inner);
    if secrets.known.is_empty() {
        return Cow::Borrowed(text);
    }
    if let Some(matcher) = &secrets.matcher {
        return hide(matcher, text);
    }
    drop(secrets);
    let mut secrets = store.write().unwrap_or_else(PoisonError::into_inner);
    if secrets.matcher.is_none() {
        secrets.build();
    }
    match &secrets.matcher {
        Some(matcher) => hide(matcher, text),
        None => Cow::Borrowed(HIDDEN),
    }
}

fn hide<'t>(matcher: &AhoCorasick, text: &'t str) -> Cow<'t, str> {
    if !matcher.is_match(text) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    matcher.replace_all_with(text, &mut clean, |_, _, clean| {
        clean.push_str(HIDDEN);
        true
    });
    Cow::Owned(clean)
}

/// Every way in which the secret may stand in a text.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_ENCODED && *line != secret);
    for part in std::iter::once(secret).chain(lines) {
        forms.push(part.to_owned());
        forms.push(part.escape_debug().to_string());
        forms.push(part.escape_default().to_string());
        let json = serde_json::Value::from(part).to_string();
        forms.push(json[1..json.len() - 1].to_owned());
        let percent = percent_encoded(part);
        forms.push(percent.replace("%20", "+"));
        forms.push(percent);
        for offset in 0..3 {
            forms.extend(base64_at(part.as_bytes(), offset).into_iter().filter(|form| form.len() >= SHORTEST_ENCODED));
        }
    }
    forms
}

/// What is certain to stand in the base64 of any text in which the bytes begin at the offset modulo three: the
/// characters at both ends also hold bits of the neighbours.
fn base64_at(bytes: &[u8], offset: usize) -> [String; 2] {
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(bytes.iter().copied()).collect();
    let start = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)]
        .map(|text| text.get(start..end).unwrap_or_default().to_owned())
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Secrets that show by what stands before them, or by their form. The groups `before` and `after` stay.
static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let names = SECRET_NAMES.map(|name| name.replace('_', "[_-]?")).join("|");
    [
        // Authorization headers.
        r"(?i)(?<before>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}".to_owned(),
        // The user part of a URL.
        r"(?i)(?<before>\b[a-z][a-z0-9+.-]*://)[^/\s@?#]+(?<after>@)".to_owned(),
        // name="value" and "name": "value", also inside an escaped string.
        format!(r#"(?i)(?<before>(?:{names})[\w-]*\\*"?\s*[:=]\s*\\*")[^"\\]+"#),
        // name=value, as in query strings; signed URLs carry their secret as a signature.
        format!(r#"(?i)(?<before>(?:{names}|signature)[\w-]*=)[^\s&"'\\,;)}}]+"#),
        // Tokens for EKS clusters, and JSON Web Tokens.
        r"k8s-aws-v1\.[A-Za-z0-9_-]+".to_owned(),
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?".to_owned(),
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)".to_owned(),
    ]
    .iter()
    // Each is compiled by a test, so that none is left out here.
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

fn masked_by_shape(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for shape in SHAPES.iter() {
        let replace = |captures: &Captures<'_>| {
            let group = |name| captures.name(name).map_or("", |group| group.as_str());
            format!("{}{HIDDEN}{}", group("before"), group("after"))
        };
        if let Cow::Owned(clean) = shape.replace_all(&text, replace) {
            text = Cow::Owned(clean);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_shapes_compile() {
        assert_eq!(SHAPES.len(), 7);
    }

    #[test]
    fn shapes_are_hidden_and_the_rest_stays() {
        let check = |text: &str, expected: &str| assert_eq!(masked(text), expected);
        check("Authorization: Bearer abc.def-123", "Authorization: Bearer ***");
        check(
            "GET https://user:pw@host/x?a=1&X-Amz-Security-Token=abc%2F&b=2",
            "GET https://***@host/x?a=1&X-Amz-Security-Token=***&b=2",
        );
        check("https://s3/?X-Amz-Signature=0123abcd", "https://s3/?X-Amz-Signature=***");
        check(r#"Login { user: "me", password: "hunter2" }"#, r#"Login { user: "me", password: "***" }"#);
        check(r#"{"client_secret":"abc","n":1}"#, r#"{"client_secret":"***","n":1}"#);
        check(r#"body="{\"api-key\": \"abc\"}""#, r#"body="{\"api-key\": \"***\"}""#);
        check("got k8s-aws-v1.aHR0cHM6Ly9 now", "got *** now");
        check("jwt eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.sig-_1 end", "jwt *** end");
        check("-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\nrest", "***\nrest");
        check("the token: expired; see https://host/path@v2", "the token: expired; see https://host/path@v2");
    }

    #[test]
    fn names_of_secrets() {
        for name in ["password", "adminPassword", "proxmox_api_token", "X-Api-Key", "Authorization", "client_secret"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["tf_req_id", "tf_resource_type", "backend", "key", "path", "status"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn short_texts_are_not_secrets() {
        mask("ab");
        mask("  ");
        assert_eq!(masked("ab  cd"), "ab  cd");
    }

    #[test]
    fn lines_of_a_secret_are_secrets() {
        mask("first-line-of-it\nsecond-line-of-it");
        assert_eq!(masked("a first-line-of-it b"), "a *** b");
        assert_eq!(masked(r#""first-line-of-it\nsecond-line-of-it""#), r#""***""#);
    }

    #[test]
    fn the_oldest_are_forgotten_beyond_the_limit() {
        let mut secrets = Secrets::new();
        for n in 0..=SECRETS_LIMIT {
            secrets.add(&format!("secret-{n}"));
        }
        assert_eq!(secrets.known.len(), SECRETS_LIMIT);
        assert_eq!(secrets.known.front().unwrap(), "secret-1");
        assert_eq!(secrets.found.as_ref().unwrap().len(), SECRETS_LIMIT);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// Whatever the secret and whatever stands around it, none of its usual encodings gets through.
        #[test]
        fn no_encoding_of_a_secret_gets_through(secret in "[ -~äö]{12,40}", before in "[a-z]{0,5}", after in "[a-z]{0,5}") {
            let secret = secret.trim();
            prop_assume!(secret.len() >= 12);
            let store = RwLock::new(Secrets::new());
            store.write().unwrap().add(secret);
            let around = format!("{before}{secret}{after}");
            let percent = percent_encoded(secret);
            for text in [
                around.clone(),
                format!("{around:?}"),
                serde_json::to_string(&around).unwrap(),
                percent.clone(),
                percent.to_lowercase(),
                percent.replace("%20", "+"),
            ] {
                let clean = masked_by_value(&store, &text);
                prop_assert!(!clean.contains(secret) && !clean.contains(&percent), "{}", clean);
                prop_assert!(clean.contains(HIDDEN), "{}", clean);
            }
            for encoded in [STANDARD.encode(&around), URL_SAFE.encode(&around), STANDARD_NO_PAD.encode(&around)] {
                // What is left of the encoding belongs to the neighbours and at most two characters of the secret.
                let clean = masked_by_value(&store, &encoded).replace(HIDDEN, "");
                let neighbours = (before.len() + after.len()) * 4 / 3 + 8;
                prop_assert!(clean.len() <= neighbours, "{} of {}", clean, encoded);
            }
        }
    }
}
