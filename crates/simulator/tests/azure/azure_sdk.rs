//! Azure's SDK for Python, a client that we did not write, leads a cluster through its life: with Azure's login library, and
//! with a credential of its own.

use std::process::Command;

use multicloud_simulator::Config;

use crate::client::start_with;
use crate::description::{NEEDED, python};

const LIFE: &str = include_str!("life.py");

/// Every kind of credential that the login is for, one of no login, and what each asks for.
const CREDENTIALS: [(&str, Option<&str>); 5] = [
    ("token", None),
    ("secret", Some("OAuth2_Token")),
    ("certificate", Some("OAuth2_Token")),
    ("federated", Some("OAuth2_Token")),
    ("managed", Some("ManagedIdentity_Token")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_azure_sdk_completes_a_life() {
    // One of the seeds is calm.
    for (seed, (credential, login)) in (0..).zip(CREDENTIALS) {
        let client = start_with(Config { seed, ..Default::default() }).await;
        let mut command = Command::new(python());
        command.args(["-c", LIFE, &client.simulator.ready_line(), credential]);
        // Nothing of the user's own configuration.
        for (name, _) in std::env::vars_os() {
            if ["AZURE_", "IDENTITY_", "MSI_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        let output = command.output().expect(NEEDED);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{credential}, seed {seed}: {text}\n{}", client.story());
        let journal = client.simulator.journal();
        let did =
            |operation: &str| journal.iter().filter(|entry| entry.operation == operation && entry.committed).count();
        assert_eq!(did("ManagedClusters_CreateOrUpdate"), 2, "made and upgraded");
        assert_eq!(did("AgentPools_CreateOrUpdate"), 3, "scaled, added and upgraded");
        assert_eq!((did("AgentPools_Delete"), did("ManagedClusters_Delete")), (1, 1));
        for operation in ["OAuth2_Token", "ManagedIdentity_Token"] {
            let asked =
                journal.iter().filter(|entry| entry.operation == operation && entry.status == Some(200)).count();
            assert_eq!(asked, usize::from(login == Some(operation)), "{credential}: {operation}");
        }
    }
}
