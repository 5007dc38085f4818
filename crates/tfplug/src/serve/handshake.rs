//! What the CLI tells a plugin through its environment, and the one line it wants back.
//!
//! Pure functions: nothing here opens, binds or prints.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::listener::Address;

/// The plugin protocol that this crate speaks.
///
/// The CLI lists what it speaks in `PLUGIN_PROTOCOL_VERSIONS`. As there is one version to choose from, the answer is
/// always this one: where the CLI does not speak it, it says so to the user in its own words.
pub(super) const PROTOCOL_VERSION: u32 = 6;

/// The protocol between a CLI and any plugin, below the one above.
const CORE_PROTOCOL_VERSION: u32 = 1;

const COOKIE_KEY: &str = "TF_PLUGIN_MAGIC_COOKIE";
const COOKIE_VALUE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// What the CLI asks of the plugin process that it starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The only certificate whose owner may call us. Without it the channel is plain.
    pub(super) client_certificate: Option<CertificateDer<'static>>,
    /// Where TCP listeners are wanted; `None` is any port.
    pub(super) ports: Option<RangeInclusive<u16>>,
    /// Where the socket is wanted instead of the temporary folder.
    pub(super) socket_dir: Option<PathBuf>,
    /// The CLI asks whether one connection can be shared by plugins.
    pub(super) asks_multiplexing: bool,
}

/// Why there is no handshake.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    /// Somebody started the program by hand.
    #[error("the environment does not name a Terraform or OpenTofu command as the caller")]
    NoCookie,
    /// Going on without TLS would open the provider to every local process.
    #[error("PLUGIN_CLIENT_CERT holds no PEM certificate")]
    ClientCertificate,
}

impl Request {
    /// Reads the request from environment variables, of which every byte may be hostile.
    pub(super) fn from_env(var: impl Fn(&str) -> Option<OsString>) -> Result<Request, RequestError> {
        let text = |key| var(key).and_then(|value| value.into_string().ok());
        if text(COOKIE_KEY).as_deref() != Some(COOKIE_VALUE) {
            return Err(RequestError::NoCookie);
        }
        let client_certificate = match var("PLUGIN_CLIENT_CERT").filter(|pem| !pem.is_empty()) {
            None => None,
            Some(pem) => Some(
                CertificateDer::from_pem_slice(pem.as_encoded_bytes()).map_err(|_| RequestError::ClientCertificate)?,
            ),
        };
        let port = |key| text(key)?.trim().parse::<u16>().ok().filter(|port| *port != 0);
        let ports = match (port("PLUGIN_MIN_PORT"), port("PLUGIN_MAX_PORT")) {
            (Some(min), Some(max)) if min <= max => Some(min..=max),
            _ => None,
        };
        Ok(Request {
            client_certificate,
            ports,
            socket_dir: var("PLUGIN_UNIX_SOCKET_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from),
            asks_multiplexing: var("PLUGIN_MULTIPLEX_GRPC").is_some_and(|value| !value.is_empty()),
        })
    }

    /// The handshake line without its line end.
    pub(super) fn answer(&self, address: &Address, own_certificate: Option<&CertificateDer<'_>>) -> String {
        let certificate = own_certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
        let network = address.network();
        let mut line = format!("{CORE_PROTOCOL_VERSION}|{PROTOCOL_VERSION}|{network}|{address}|grpc|{certificate}");
        // A seventh field only on demand: older clients take everything after the fifth bar for the certificate.
        if self.asks_multiplexing {
            line.push_str("|false");
        }
        line
    }
}

/// What a person reads who started the program by hand.
pub(super) fn usage(address: &str, program: &str, version: &str) -> String {
    let mut parts = address.rsplit('/');
    let name = parts.next().unwrap_or(address);
    let namespace = parts.next().unwrap_or("example");
    format!(
        r#"{program} {version} is a provider for Terraform and OpenTofu. It is started by their
commands and does nothing on its own. To use it, write

  terraform {{
    required_providers {{
      {name} = {{ source = "{namespace}/{name}" }}
    }}
  }}

in a configuration and run `terraform init` or `tofu init`.

To run it under a debugger, start it with
  -debug                 serve until interrupted and print the variable that makes the CLI use this process
  -debug-env-file FILE   write that variable to a file too
"#
    )
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::os::unix::ffi::OsStringExt as _;

    use proptest::prelude::*;

    use super::*;

    const KEYS: [&str; 7] = [
        COOKIE_KEY,
        "PLUGIN_CLIENT_CERT",
        "PLUGIN_MIN_PORT",
        "PLUGIN_MAX_PORT",
        "PLUGIN_UNIX_SOCKET_DIR",
        "PLUGIN_MULTIPLEX_GRPC",
        "PLUGIN_PROTOCOL_VERSIONS",
    ];

    fn request(vars: &[(&str, &str)]) -> Result<Request, RequestError> {
        let vars: HashMap<&str, OsString> =
            [(COOKIE_KEY, COOKIE_VALUE)].iter().chain(vars).map(|(key, value)| (*key, OsString::from(value))).collect();
        Request::from_env(|key| vars.get(key).cloned())
    }

    #[test]
    fn without_the_cookie_there_is_no_handshake() {
        assert_eq!(Request::from_env(|_| None), Err(RequestError::NoCookie));
        assert_eq!(request(&[(COOKIE_KEY, "something else")]), Err(RequestError::NoCookie));
    }

    #[test]
    fn a_certificate_that_cannot_be_read_never_means_plain_text() {
        assert_eq!(request(&[("PLUGIN_CLIENT_CERT", "not PEM")]), Err(RequestError::ClientCertificate));
        assert_eq!(request(&[("PLUGIN_CLIENT_CERT", "")]).unwrap().client_certificate, None);
    }

    #[test]
    fn ports_are_a_range_or_nothing() {
        let ports = |min, max| request(&[("PLUGIN_MIN_PORT", min), ("PLUGIN_MAX_PORT", max)]).unwrap().ports;
        assert_eq!(ports("10000", "25000"), Some(10000..=25000));
        assert_eq!(ports("25000", "10000"), None);
        assert_eq!(ports("-1", "99999"), None);
        assert_eq!(ports("0", "1"), None);
    }

    #[test]
    fn the_line_has_six_fields_and_a_seventh_on_demand() {
        let address = Address::Unix("/tmp/plugin1".into());
        let plain = request(&[]).unwrap().answer(&address, None);
        assert_eq!(plain, "1|6|unix|/tmp/plugin1|grpc|");
        let der = CertificateDer::from(vec![0xff; 4]);
        let tls = request(&[]).unwrap().answer(&Address::Tcp(([127, 0, 0, 1], 10001).into()), Some(&der));
        assert_eq!(tls, "1|6|tcp|127.0.0.1:10001|grpc|/////w");
        let asked = request(&[("PLUGIN_MULTIPLEX_GRPC", "true")]).unwrap().answer(&address, None);
        assert_eq!(asked, "1|6|unix|/tmp/plugin1|grpc||false");
    }

    #[test]
    fn usage_names_the_source_address() {
        let text = usage("registry.terraform.io/acme/anvil", "terraform-provider-anvil", "1.2.3");
        assert!(text.contains(r#"anvil = { source = "acme/anvil" }"#), "{text}");
        // An address of any shape still gives a text.
        usage("", "", "");
    }

    proptest! {
        /// Hostile variables give an answer or an error, never a panic, and never a second line.
        #[test]
        fn hostile_variables_never_panic(
            values in proptest::collection::vec(proptest::option::of(proptest::collection::vec(1u8.., 0..64)), KEYS.len()),
            honest_cookie: bool,
            pem_frame: bool,
        ) {
            let vars: HashMap<&str, OsString> = KEYS
                .into_iter()
                .zip(values)
                .filter_map(|(key, value)| Some((key, value?)))
                .map(|(key, mut value)| {
                    if honest_cookie && key == COOKIE_KEY {
                        value = COOKIE_VALUE.into();
                    }
                    if pem_frame && key == "PLUGIN_CLIENT_CERT" {
                        value = [b"-----BEGIN CERTIFICATE-----\n", &value[..], b"\n-----END CERTIFICATE-----\n"].concat();
                    }
                    (key, OsString::from_vec(value))
                })
                .collect();
            if let Ok(request) = Request::from_env(|key| vars.get(key).cloned()) {
                prop_assert!(honest_cookie);
                let asked_for_tls = vars.get("PLUGIN_CLIENT_CERT").is_some_and(|pem| !pem.is_empty());
                prop_assert_eq!(asked_for_tls, request.client_certificate.is_some());
                let line = request.answer(&Address::Tcp(([127, 0, 0, 1], 1).into()), None);
                prop_assert!(!line.contains('\n'));
            }
        }
    }
}
