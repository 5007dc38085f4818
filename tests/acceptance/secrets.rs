//! With every log on, no credential, token or kubeconfig is in a log, a plan, the state or what the user reads.

use crate::harness::{Backend, Cli, Configuration, Simulator, Workspace, on_each_backend};

on_each_backend!(nowhere_on_disk);

const SECRET_KEY: &str = "canary-secret-key-4f1d8a7b2c";
const SESSION_TOKEN: &str = "canary-session-token-93be51d0";
const CLIENT_SECRET: &str = "canary-client-secret-1c7e60aa";
const ACCESS_TOKEN: &str = "canary-access-token-77d0f2c4";
/// How every EKS token begins, and every token of Entra: aws-iam-authenticator's prefix, and a JSON object in base64.
const TOKEN_PREFIXES: [&str; 2] = ["k8s-aws-v1.aHR0", "eyJ0eXAi"];

fn nowhere_on_disk(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let mut workspace = Workspace::without_credentials(&cli);
    workspace.set("AWS_ACCESS_KEY_ID", "AKIACANARY0000000001");
    workspace.set("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    workspace.set("AWS_SESSION_TOKEN", SESSION_TOKEN);
    workspace.set("ARM_TENANT_ID", "00000000-0000-4000-8000-0000000000aa");
    workspace.set("ARM_CLIENT_ID", "00000000-0000-4000-8000-0000000000bb");
    workspace.set("ARM_CLIENT_SECRET", CLIENT_SECRET);
    workspace.set("GOOGLE_OAUTH_ACCESS_TOKEN", ACCESS_TOKEN);
    workspace.set("TF_LOG", "TRACE");
    let log = workspace.path().join("trace.log").display().to_string();
    workspace.set("TF_LOG_PATH", &log);

    let mut configuration = Configuration::new(backend, simulator.settings());
    // Reading the ephemeral kubeconfig makes a real token: its check holds, so it was made, and it is still nowhere.
    configuration.blocks = r#"
ephemeral "multicloud_kubeconfig" "test" {
  environment_id = multicloud_environment.test.id
  lifecycle {
    postcondition {
      condition     = length(self.token) > 0
      error_message = "no token"
    }
  }
}
"#
    .to_owned();
    workspace.write("main.tf", &configuration.render());
    // Not `show -json`: Terraform 1.11 dies of a panic there when an ephemeral resource has a postcondition.
    let plan = ["plan", "-input=false", "-no-color", "-out=tfplan"];
    workspace.run(plan).succeeds();
    workspace.apply().succeeds();
    workspace.run(plan).succeeds();
    workspace.destroy().succeeds();

    let files = workspace.files();
    let trace = files.iter().find(|(path, _)| path.ends_with("trace.log")).expect("there is no log");
    assert!(contains(&trace.1, "multicloud"), "the log shows nothing of the provider");
    for (path, contents) in &files {
        for secret in [SECRET_KEY, SESSION_TOKEN, CLIENT_SECRET, ACCESS_TOKEN].into_iter().chain(TOKEN_PREFIXES) {
            assert!(!contains(contents, secret), "{secret} is in {}", path.display());
        }
    }
}

fn contains(contents: &[u8], word: &str) -> bool {
    contents.windows(word.len()).any(|window| window == word.as_bytes())
}
