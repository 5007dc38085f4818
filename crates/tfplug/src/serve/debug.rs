//! Debug mode: a process that the CLI is pointed at instead of starting its own.

use serde_json::json;

use super::handshake::PROTOCOL_VERSION;
use super::listener::Address;

/// The variable that points the CLI at a running provider.
const REATTACH_KEY: &str = "TF_REATTACH_PROVIDERS";

/// Providers of the public registry have an address on the registry of each CLI.
const REGISTRIES: [&str; 2] = ["registry.terraform.io/", "registry.opentofu.org/"];

/// The line `TF_REATTACH_PROVIDERS='…'` that a shell and an env file can read.
pub(super) fn reattach_line(provider: &str, address: &Address, pid: u32) -> String {
    let entry = json!({
        "Protocol": "grpc",
        "ProtocolVersion": PROTOCOL_VERSION,
        "Pid": pid,
        // The CLI must not end a process that it did not start.
        "Test": true,
        "Addr": { "Network": address.network(), "String": address.to_string() },
    });
    let path = REGISTRIES.iter().find_map(|registry| provider.strip_prefix(registry));
    let providers: serde_json::Map<String, serde_json::Value> = match path {
        Some(path) => REGISTRIES.iter().map(|registry| (format!("{registry}{path}"), entry.clone())).collect(),
        None => [(provider.to_owned(), entry)].into_iter().collect(),
    };
    // A socket's folder may have any name; a quote in it must not end the shell's string.
    let value = serde_json::Value::from(providers).to_string().replace('\'', r"\u0027");
    format!("{REATTACH_KEY}='{value}'")
}

/// What is printed when the provider is ready.
pub(super) fn announcement(line: &str) -> String {
    format!(
        "The provider runs in debug mode until it is interrupted (Ctrl-C).\n\
         To make terraform or tofu use this process, set in their shell:\n\n\t{line}\n\n"
    )
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> serde_json::Value {
        let json = line.strip_prefix("TF_REATTACH_PROVIDERS='").unwrap().strip_suffix('\'').unwrap();
        assert!(!json.contains('\''));
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn public_providers_are_named_on_both_registries() {
        let address = Address::Unix("/tmp/o'clock".into());
        let value = value(&reattach_line("registry.terraform.io/acme/anvil", &address, 42));
        for registry in REGISTRIES {
            let entry = &value[format!("{registry}acme/anvil")];
            assert_eq!(
                *entry,
                json!({
                    "Protocol": "grpc", "ProtocolVersion": 6, "Pid": 42, "Test": true,
                    "Addr": { "Network": "unix", "String": "/tmp/o'clock" },
                })
            );
        }
    }

    #[test]
    fn private_registries_keep_their_name() {
        let address = Address::Tcp(([127, 0, 0, 1], 4000).into());
        let value = value(&reattach_line("registry.example/acme/anvil", &address, 42));
        assert_eq!(value.as_object().unwrap().len(), 1);
        assert_eq!(value["registry.example/acme/anvil"]["Addr"]["String"], "127.0.0.1:4000");
    }
}
