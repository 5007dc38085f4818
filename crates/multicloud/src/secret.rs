//! Text that must never reach a log, a state file or an error.

use std::fmt;

use zeroize::Zeroizing;

/// A secret text. It prints as `[redacted]`, cannot be serialized, and its memory is cleared when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text as secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Call it only where the secret is handed to the one who asked for it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    /// Files and replies hold secrets; what is read of them is one from its first moment.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_nothing_of_itself() {
        let secret = Secret::new("k8s-aws-v1.abc");
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)).matches("abc").count(), 0);
        assert_eq!(secret.expose(), "k8s-aws-v1.abc");
    }
}
