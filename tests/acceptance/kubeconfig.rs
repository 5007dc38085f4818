//! One apply makes the environment and hands out its access: an ephemeral kubeconfig, checked inside the same run.

use crate::harness::{ADDRESS, Cli, Configuration, Simulator, Workspace, with_each_cli};

with_each_cli!(in_the_apply_that_creates);

const KUBECONFIG: &str = r#"
ephemeral "multicloud_kubeconfig" "test" {
  environment_id = multicloud_environment.test.id

  lifecycle {
    postcondition {
      condition     = self.host == multicloud_environment.test.endpoint
      error_message = "another host: ${self.host}"
    }
    postcondition {
      condition     = self.certificate_authority_data == multicloud_environment.test.certificate_authority_data
      error_message = "another certificate authority"
    }
    postcondition {
      condition     = startswith(self.token, "k8s-aws-v1.")
      error_message = "no EKS token"
    }
    postcondition {
      condition     = timecmp(self.expires_at, timestamp()) > 0
      error_message = "already ended: ${self.expires_at}"
    }
    postcondition {
      condition     = yamldecode(self.kubeconfig).clusters[0].cluster.server == self.host
      error_message = "the kubeconfig leads elsewhere"
    }
  }
}
"#;

fn in_the_apply_that_creates(cli: Cli) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let mut configuration = Configuration::new(simulator.aws());
    configuration.blocks = KUBECONFIG.to_owned();
    workspace.write("main.tf", &configuration.render());
    workspace.apply().succeeds();
    assert!(workspace.state().attributes(ADDRESS).is_some());
    workspace.plans_empty();

    // That the checks are made at all: one that cannot hold fails the run.
    configuration.blocks = KUBECONFIG.replace("k8s-aws-v1.", "another-prefix");
    workspace.write("main.tf", &configuration.render());
    workspace.apply().fails_with(&["no EKS token"]);
}
