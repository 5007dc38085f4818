//! The one error of this crate. Each cloud's folder maps its own errors to it in one place; the driver decides by
//! [`ErrorKind::retry_class`] alone.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::environment::BackendKind;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What failed, where, and on what.
///
/// `Display` says this error's own part; [`ErrorChain`] prints it with everything below.
#[derive(Debug)]
pub struct Error {
    /// What sort of failure it is: decides what can be done about it.
    pub kind: ErrorKind,
    /// The backend that was asked.
    pub backend: BackendKind,
    /// What was being done, as the cloud calls it where it has a name for it, such as `CreateCluster`.
    pub operation: &'static str,
    /// What it was done to: an environment's id, or a pool in it.
    pub subject: String,
    /// The cloud's id of the request, for its support.
    pub request_id: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Sorts of failure. Closed, so that the compiler shows every caller what a new kind would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such object.
    NotFound,
    /// An object of that name exists.
    AlreadyExists,
    /// The object exists and is not ours to change: another owner's mark, no mark, or not the object that was meant.
    NotOwned,
    /// Deletion protection is on.
    Protected,
    /// Another operation runs on the object; it can be found and waited for.
    Conflict,
    /// What is wanted is wrong in itself; asking again does not help.
    InvalidConfig,
    /// The cloud, or this backend, cannot do that.
    Unsupported,
    /// There is no credential, or the cloud does not know it.
    Unauthenticated,
    /// The credential may not do that.
    PermissionDenied,
    /// A quota of the account is used up.
    QuotaExceeded,
    /// The cloud asks for fewer requests.
    Throttled {
        /// How long the cloud asks to wait.
        retry_after: Option<Duration>,
    },
    /// The cloud did not take the request at all: refused connection, 503. Nothing was changed.
    Unavailable {
        /// How long the cloud asks to wait.
        retry_after: Option<Duration>,
    },
    /// Something that was just made is not known everywhere yet, such as a role.
    Propagating,
    /// Whether the request took effect is not known: the reply was lost or cut, or the server failed in between.
    Ambiguous,
    /// We stopped waiting.
    TimedOut,
    /// We were told to stop.
    Cancelled,
    /// The nodes that a step takes away could not be emptied; it was not sent.
    NotDrained,
    /// The cloud gave up on an operation that it had accepted.
    OperationFailed,
    /// A reply that makes no sense.
    Protocol,
}

/// What may be done about a failure. The four that can be tried again are never mixed: each has its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryClass {
    /// Trying again does not help.
    Final,
    /// Find the operation that is in the way, wait for it, send again.
    Busy,
    /// Wait for as long as the cloud asks, or back off, then send again.
    Throttled {
        /// How long the cloud asks to wait.
        retry_after: Option<Duration>,
    },
    /// Send again for a bounded time.
    Propagating,
    /// Read back before anything is sent again.
    Ambiguous,
}

impl ErrorKind {
    /// The class that decides what the driver does.
    pub fn retry_class(self) -> RetryClass {
        match self {
            Self::Conflict => RetryClass::Busy,
            Self::Throttled { retry_after } | Self::Unavailable { retry_after } => {
                RetryClass::Throttled { retry_after }
            }
            Self::Propagating => RetryClass::Propagating,
            Self::Ambiguous => RetryClass::Ambiguous,
            Self::NotFound
            | Self::AlreadyExists
            | Self::NotOwned
            | Self::Protected
            | Self::InvalidConfig
            | Self::Unsupported
            | Self::Unauthenticated
            | Self::PermissionDenied
            | Self::QuotaExceeded
            | Self::TimedOut
            | Self::Cancelled
            | Self::NotDrained
            | Self::OperationFailed
            | Self::Protocol => RetryClass::Final,
        }
    }

    /// Whether the same request may succeed later.
    pub fn retryable(self) -> bool {
        match self.retry_class() {
            RetryClass::Final => false,
            RetryClass::Busy | RetryClass::Throttled { .. } | RetryClass::Propagating | RetryClass::Ambiguous => true,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::NotOwned => "not ours to change",
            Self::Protected => "deletion protection is on",
            Self::Conflict => "another operation is running",
            Self::InvalidConfig => "invalid configuration",
            Self::Unsupported => "not supported",
            Self::Unauthenticated => "not authenticated",
            Self::PermissionDenied => "permission denied",
            Self::QuotaExceeded => "quota exceeded",
            Self::Throttled { .. } => "too many requests",
            Self::Unavailable { .. } => "the cloud is not available",
            Self::Propagating => "something just made is not known everywhere yet",
            Self::Ambiguous => "whether the request took effect is not known",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::NotDrained => "its nodes could not be drained",
            Self::OperationFailed => "the cloud gave up",
            Self::Protocol => "the reply makes no sense",
        })
    }
}

impl Error {
    /// An error without a cause below it.
    pub fn new(kind: ErrorKind, backend: BackendKind, operation: &'static str, subject: impl fmt::Display) -> Self {
        Self { kind, backend, operation, subject: subject.to_string(), request_id: None, source: None }
    }

    /// Adds the cause. Text that came from a server goes in as [`ServerText`].
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the cloud's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, request_id: Option<impl Into<String>>) -> Self {
        self.request_id = request_id.map(Into::into);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}: {}", self.backend, self.operation, self.subject, self.kind)?;
        match &self.request_id {
            Some(request_id) => write!(f, " (request {request_id})"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Prints an error with all its causes, each once, joined by `: `.
///
/// Here, and only here, text is made harmless on its way to people: see [`ServerText`].
#[derive(Debug)]
pub struct ErrorChain<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed: Option<String> = None;
        for error in causes(self.0) {
            let text = ServerText::new(&error.to_string()).0;
            // Libraries exist whose `Display` repeats the source; what has been said is not said again.
            match &printed {
                Some(before) if before.ends_with(&text) => continue,
                Some(_) => write!(f, ": {text}")?,
                None => f.write_str(&text)?,
            }
            printed = Some(text);
        }
        Ok(())
    }
}

/// Causes that are looked at: more than any chain has, and one that refers to itself must end somewhere.
const MAX_CAUSES: usize = 16;

/// An error and what lies below it.
pub(crate) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    let causes = std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    });
    causes.take(MAX_CAUSES)
}

/// Text that a server sent, made fit for a terminal: no control characters or escape sequences, no reordering of
/// what is read (bidirectional marks), one line, and not longer than [`ServerText::MAX_CHARS`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "String")]
pub struct ServerText(String);

impl ServerText {
    /// More than any cloud's own message, less than a screen.
    pub const MAX_CHARS: usize = 2_000;

    /// Takes a server's text.
    pub fn new(raw: &str) -> Self {
        let mut text = String::new();
        let mut count = 0;
        let mut chars = raw.chars().peekable();
        while let Some(char) = chars.next() {
            if char == '\u{1b}' {
                // CSI is `ESC [ parameters final`, OSC is `ESC ] text BEL`; of other sequences one character goes too.
                match chars.next() {
                    Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                    Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{9c}') {},
                    Some(_) | None => {}
                }
                continue;
            }
            let harmless = match char {
                '\n' | '\r' | '\t' => ' ',
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
                char if char.is_control() => continue,
                char => char,
            };
            if count == Self::MAX_CHARS {
                text.push('…');
                break;
            }
            text.push(harmless);
            count += 1;
        }
        Self(text.trim().to_owned())
    }

    /// The harmless text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ServerText {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl fmt::Display for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for ServerText {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_says_each_part_once() {
        let error = Error::new(ErrorKind::PermissionDenied, BackendKind::Eks, "CreateCluster", "prod")
            .with_request_id(Some("r-1"))
            .with_source(ServerText::new("User is not authorized"));
        assert_eq!(error.to_string(), "eks: CreateCluster prod: permission denied (request r-1)");
        assert_eq!(
            ErrorChain(&error).to_string(),
            "eks: CreateCluster prod: permission denied (request r-1): User is not authorized"
        );
    }

    #[test]
    fn server_text_is_harmless() {
        let check = |raw: &str, expected: &str| assert_eq!(ServerText::new(raw).as_str(), expected);
        check("plain", "plain");
        check("\u{1b}[31mred\u{1b}[0m", "red");
        check("\u{1b}]0;title\u{7}x", "x");
        check("a\r\nb\u{0}\u{8}c", "a  bc");
        check("\u{202e}txt", "txt");
        check("ends in escape \u{1b}", "ends in escape");
        let long = ServerText::new(&"é".repeat(1 << 20));
        assert_eq!(long.as_str().chars().count(), ServerText::MAX_CHARS + 1);
    }

    proptest::proptest! {
        #[test]
        fn no_text_stays_harmful(raw in "[\\x00-\\x9f\\u{202a}-\\u{202e}a]*") {
            let text = ServerText::new(&raw);
            let harmful = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
            proptest::prop_assert!(!text.as_str().contains(harmful));
            proptest::prop_assert_eq!(&ServerText::new(text.as_str()), &text);
        }
    }

    #[test]
    fn chain_makes_every_link_harmless() {
        let error = Error::new(ErrorKind::Protocol, BackendKind::Eks, "DescribeCluster", "prod")
            .with_source("\u{1b}[2Jenter your password:");
        assert!(!ErrorChain(&error).to_string().contains('\u{1b}'));
    }
}
