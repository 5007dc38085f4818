//! With every log on, no credential, token or kubeconfig is in a log, a plan, the state or what the user reads.

use crate::harness::{Cli, Configuration, Simulator, Workspace, with_each_cli};

with_each_cli!(nowhere_on_disk);

const SECRET_KEY: &str = "canary-secret-key-4f1d8a7b2c";
const SESSION_TOKEN: &str = "canary-session-token-93be51d0";
/// How every EKS token begins: aws-iam-authenticator's prefix.
const TOKEN_PREFIX: &str = "k8s-aws-v1.aHR0";

fn nowhere_on_disk(cli: Cli) {
    let simulator = Simulator::start();
    let mut workspace = Workspace::without_credentials(&cli);
    workspace.set("AWS_ACCESS_KEY_ID", "AKIACANARY0000000001");
    workspace.set("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    workspace.set("AWS_SESSION_TOKEN", SESSION_TOKEN);
    workspace.set("TF_LOG", "TRACE");
    let log = workspace.path().join("trace.log").display().to_string();
    workspace.set("TF_LOG_PATH", &log);

    let mut configuration = Configuration::new(simulator.aws());
    // Reading the ephemeral kubeconfig makes a real token: its check holds, so it was made, and it is still nowhere.
    configuration.blocks = r#"
ephemeral "multicloud_kubeconfig" "test" {
  environment_id = multicloud_environment.test.id
  lifecycle {
    postcondition {
      condition     = startswith(self.token, "k8s-aws-v1.")
      error_message = "no EKS token"
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
        for secret in [SECRET_KEY, SESSION_TOKEN, TOKEN_PREFIX] {
            assert!(!contains(contents, secret), "{secret} is in {}", path.display());
        }
    }
}

fn contains(contents: &[u8], word: &str) -> bool {
    contents.windows(word.len()).any(|window| window == word.as_bytes())
}
