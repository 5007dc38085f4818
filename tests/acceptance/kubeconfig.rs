//! One apply makes the environment and hands out its access: an ephemeral kubeconfig, checked inside the same run.

use crate::harness::{ADDRESS, Backend, Cli, Configuration, Simulator, Workspace, on_each_backend};

on_each_backend!(in_the_apply_that_creates);

const KUBECONFIG: &str = r#"
ephemeral "multicloud_kubeconfig" "test" {
  environment_id = multicloud_environment.test.id

  lifecycle {
    postcondition {
      condition     = self.host == multicloud_environment.test.endpoint
      error_message = "another host: ${self.host}"
    }
    postcondition {
      condition     = self.certificate_authority_data == coalesce(multicloud_environment.test.certificate_authority_data, self.certificate_authority_data)
      error_message = "another certificate authority"
    }
    postcondition {
      condition     = length(self.token) > 0
      error_message = "no token"
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

fn in_the_apply_that_creates(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let mut configuration = Configuration::new(backend, simulator.settings());
    configuration.blocks = KUBECONFIG.to_owned();
    workspace.write("main.tf", &configuration.render());
    workspace.apply().succeeds();
    assert!(workspace.state().attributes(ADDRESS).is_some());
    workspace.plans_empty();

    // That the checks are made at all: one that cannot hold fails the run.
    configuration.blocks = KUBECONFIG.replace("length(self.token) > 0", "length(self.token) == 0");
    workspace.write("main.tf", &configuration.render());
    workspace.apply().fails_with(&["no token"]);
}
