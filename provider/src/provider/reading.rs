//! Reading a cloud's block: what is known of it, whether all of it is, and what in it must never be logged.

use std::path::PathBuf;

use multicloud::Secret;
use tfplug::logging::mask;
use tfplug::{Attr, ListOf};

use crate::clouds::Setting;

/// Reads attributes of a block, and notes whether one of them is not known yet.
#[derive(Default)]
pub(super) struct Reading {
    unknown: bool,
}

impl Reading {
    /// What was read, if all of it is known.
    pub(super) fn finished<S>(self, settings: S) -> Setting<S> {
        if self.unknown { Setting::Unknown } else { Setting::Known(settings) }
    }

    pub(super) fn value<T: Clone>(&mut self, attribute: &Attr<T>) -> Option<T> {
        self.unknown |= attribute.is_unknown();
        attribute.known().cloned()
    }

    pub(super) fn secret(&mut self, attribute: &Attr<String>) -> Option<Secret> {
        let secret = self.value(attribute)?;
        mask(&secret);
        Some(Secret::new(secret))
    }

    pub(super) fn file(&mut self, attribute: &Attr<String>) -> Option<PathBuf> {
        self.value(attribute).map(PathBuf::from)
    }

    pub(super) fn texts(&mut self, attribute: &ListOf<String>) -> Vec<String> {
        let texts = self.value(attribute).unwrap_or_default();
        texts.iter().filter_map(|text| self.value(text)).collect()
    }

    /// An address, which may hold a password: that is then a secret.
    pub(super) fn address(&mut self, attribute: &Attr<String>) -> Option<String> {
        let address = self.value(attribute)?;
        if let Some((_, password)) = userinfo(&address).and_then(|userinfo| userinfo.split_once(':')) {
            mask(password);
        }
        Some(address)
    }
}

/// What stands before the `@` of an address.
fn userinfo(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split('/').next()?;
    authority.rsplit_once('@').map(|(userinfo, _)| userinfo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_password_is_found() {
        assert_eq!(userinfo("http://user:pass@proxy:3128/x@y"), Some("user:pass"));
        assert_eq!(userinfo("http://proxy:3128"), None);
    }
}
