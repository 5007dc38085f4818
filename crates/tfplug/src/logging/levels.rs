//! Which events are written, decided by the CLI's variables.

use tracing::Metadata;
use tracing::level_filters::LevelFilter;

/// Whose event it is; the CLI shows it as the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The provider's own crates.
    Provider,
    /// The transport part of this crate.
    Protocol,
    /// The rest of this crate.
    Framework,
    /// Libraries.
    Library,
}

impl Origin {
    pub(super) fn module(self) -> &'static str {
        match self {
            Origin::Provider => "provider",
            Origin::Protocol => "sdk.proto",
            Origin::Framework => "sdk.framework",
            Origin::Library => "library",
        }
    }
}

/// A level for each origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Levels {
    provider: LevelFilter,
    protocol: LevelFilter,
    framework: LevelFilter,
    crates: &'static [&'static str],
}

impl Levels {
    /// Each variable decides where it is set, else the next more general one does.
    pub(super) fn from_env(
        address: &str,
        crates: &'static [&'static str],
        var: impl Fn(&str) -> Option<String>,
    ) -> Levels {
        let name = address.rsplit('/').next().unwrap_or(address).to_uppercase().replace('-', "_");
        let level = |keys: &[&str]| keys.iter().find_map(|key| parse(&var(key)?)).unwrap_or(LevelFilter::OFF);
        let own = format!("TF_LOG_PROVIDER_{name}");
        Levels {
            provider: level(&[&own, "TF_LOG_PROVIDER", "TF_LOG"]),
            protocol: level(&["TF_LOG_SDK_PROTO", "TF_LOG_SDK", &own, "TF_LOG_PROVIDER", "TF_LOG"]),
            framework: level(&["TF_LOG_SDK_FRAMEWORK", "TF_LOG_SDK", &own, "TF_LOG_PROVIDER", "TF_LOG"]),
            crates,
        }
    }

    pub(super) fn are_off(&self) -> bool {
        self.most_verbose() == LevelFilter::OFF
    }

    pub(super) fn most_verbose(&self) -> LevelFilter {
        self.provider.max(self.protocol).max(self.framework)
    }

    pub(super) fn allow(&self, metadata: &Metadata<'_>) -> bool {
        let origin = self.origin(metadata.target());
        let limit = self.limit(origin);
        if metadata.is_span() && origin != Origin::Library {
            // Whatever its level, a span names the request in the lines that are written.
            return limit != LevelFilter::OFF;
        }
        *metadata.level() <= limit
    }

    pub(super) fn origin(&self, target: &str) -> Origin {
        let mut parts = target.split("::");
        match (parts.next().unwrap_or_default(), parts.next()) {
            ("tfplug", Some("serve" | "logging" | "proto")) => Origin::Protocol,
            ("tfplug", _) => Origin::Framework,
            (name, _) if self.crates.contains(&name) => Origin::Provider,
            _ => Origin::Library,
        }
    }

    fn limit(&self, origin: Origin) -> LevelFilter {
        match origin {
            Origin::Provider => self.provider,
            Origin::Protocol => self.protocol,
            Origin::Framework => self.framework,
            // What libraries tell in detail are requests and their headers.
            Origin::Library => self.provider.min(LevelFilter::WARN),
        }
    }
}

/// `None` is a variable that decides nothing. The CLI takes an unknown level for TRACE, and `JSON` means TRACE too.
fn parse(value: &str) -> Option<LevelFilter> {
    match value.trim().to_uppercase().as_str() {
        "" => None,
        "OFF" | "NONE" => Some(LevelFilter::OFF),
        "ERROR" => Some(LevelFilter::ERROR),
        "WARN" => Some(LevelFilter::WARN),
        "INFO" => Some(LevelFilter::INFO),
        "DEBUG" => Some(LevelFilter::DEBUG),
        _ => Some(LevelFilter::TRACE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(vars: &[(&str, &str)]) -> Levels {
        Levels::from_env("registry.terraform.io/acme/big-anvil", &["anvil"], |key| {
            vars.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_is_off() {
        assert!(levels(&[]).are_off());
        assert!(levels(&[("TF_LOG", "off")]).are_off());
        assert!(levels(&[("TF_LOG", "")]).are_off());
        assert!(levels(&[("TF_LOG_CORE", "trace")]).are_off());
    }

    #[test]
    fn the_most_particular_variable_decides() {
        let some = levels(&[("TF_LOG", "warn"), ("TF_LOG_PROVIDER", "info"), ("TF_LOG_PROVIDER_BIG_ANVIL", "debug")]);
        assert_eq!(some.provider, LevelFilter::DEBUG);
        let quiet = levels(&[("TF_LOG", "trace"), ("TF_LOG_SDK", "error"), ("TF_LOG_SDK_PROTO", "off")]);
        assert_eq!(
            (quiet.provider, quiet.protocol, quiet.framework),
            (LevelFilter::TRACE, LevelFilter::OFF, LevelFilter::ERROR)
        );
    }

    #[test]
    fn unknown_levels_and_json_are_trace() {
        assert_eq!(levels(&[("TF_LOG", "json")]).provider, LevelFilter::TRACE);
        assert_eq!(levels(&[("TF_LOG", "1")]).provider, LevelFilter::TRACE);
    }

    #[test]
    fn libraries_tell_only_what_is_wrong() {
        let all = levels(&[("TF_LOG", "trace")]);
        assert_eq!(all.limit(all.origin("hyper::client")), LevelFilter::WARN);
        assert_eq!(all.limit(all.origin("anvil::forge")), LevelFilter::TRACE);
        assert_eq!(all.origin("tfplug::serve::stdout"), Origin::Protocol);
        assert_eq!(all.origin("tfplug"), Origin::Framework);
    }
}
