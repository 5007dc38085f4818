//! One apply makes a cluster and what is in it: the provider `hashicorp/kubernetes` works with an ephemeral kubeconfig of
//! an environment that does not exist when the apply begins.

use std::collections::BTreeMap;

use crate::harness::{ADDRESS, Backend, Cli, Configuration, Simulator, Workspace, kubernetes_provider, with_each_cli};
use crate::testbed::Kubernetes;

with_each_cli!(kube_apiserver_in_one_apply);

const CONTENT: &str = "kubernetes_config_map_v1.content";
const OBJECT: &str = "/api/v1/namespaces/default/configmaps/content";

/// How every token of EKS begins.
const TOKEN_PREFIX: &str = "k8s-aws-v1.aHR0";

/// The cluster's content with that text in it.
fn content(greeting: &str) -> String {
    format!(
        r#"
ephemeral "multicloud_kubeconfig" "test" {{
  environment_id = multicloud_environment.test.id
}}

provider "kubernetes" {{
  host                   = ephemeral.multicloud_kubeconfig.test.host
  cluster_ca_certificate = base64decode(ephemeral.multicloud_kubeconfig.test.certificate_authority_data)
  token                  = ephemeral.multicloud_kubeconfig.test.token
}}

resource "kubernetes_config_map_v1" "content" {{
  metadata {{
    name = "content"
  }}
  data = {{
    greeting = "{greeting}"
  }}
}}
"#
    )
}

fn kube_apiserver_in_one_apply(cli: Cli) {
    let kubernetes = Kubernetes::start();
    let simulator = Simulator::handing_out(&kubernetes.kubeconfig());
    kubernetes.authenticator().serve("test", simulator.url("sts"));
    assert_eq!(kubernetes.status_for("k8s-aws-v1.bm9ib2R5", OBJECT), 401, "Kubernetes lets in just anybody");

    let mut workspace = Workspace::new(&cli);
    workspace.add_provider("hashicorp/kubernetes", &kubernetes_provider());
    let mut configuration = Configuration::new(Backend::Eks, simulator.settings());
    configuration.blocks = content("hello");
    workspace.write("main.tf", &configuration.render());

    // Nothing exists yet: neither the cluster, nor an address or a token for the other provider.
    let create = "create".to_owned();
    assert_eq!(workspace.plan().actions(), BTreeMap::from([(ADDRESS, create.clone()), (CONTENT, create)]));
    workspace.apply().succeeds();
    assert_eq!(kubernetes.object(OBJECT).expect("there is no content")["data"]["greeting"], "hello");
    let let_in = kubernetes.authenticator().let_in();
    assert!(!let_in.is_empty(), "the content was made by somebody without a token of ours");
    assert!(let_in.iter().all(|arn| arn.starts_with("arn:aws:iam::123456789012:user/")), "{let_in:?}");
    workspace.plans_empty();

    // Content alone, in a cluster that exists: with a token of this run.
    configuration.blocks = content("hello again");
    workspace.write("main.tf", &configuration.render());
    workspace.plan().only("update", CONTENT);
    workspace.apply().succeeds();
    assert_eq!(kubernetes.object(OBJECT).expect("there is no content")["data"]["greeting"], "hello again");

    // The content goes first, as long as there is a cluster to take it out of.
    let said = workspace.destroy().succeeds().stdout;
    let content_gone = said.find(&format!("{CONTENT}: Destruction complete"));
    let cluster_goes = said.find(&format!("{ADDRESS}: Destroying..."));
    assert!(content_gone.is_some() && content_gone < cluster_goes, "{said}");
    assert_eq!(kubernetes.object(OBJECT), None, "the content is still there");
    assert_eq!(simulator.journal().committed("DeleteCluster"), 1);
    assert!(workspace.state().is_empty());

    // The other provider had tokens in its configuration, and yet none is in anything that the runs left.
    for (path, contents) in workspace.files() {
        assert!(!String::from_utf8_lossy(&contents).contains(TOKEN_PREFIX), "a token is in {}", path.display());
    }
}
