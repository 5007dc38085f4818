//! Another machine type moves the workloads of a pool as their disruption budgets allow: at no moment are fewer pods ready
//! than a budget says, on a real Kubernetes whose nodes are those of the simulated cloud.

use std::collections::BTreeSet;

use crate::harness::{ADDRESS, Backend, Cli, Configuration, Deed, Pool, Simulator, Workspace, with_each_cli};
use crate::testbed::{Kubernetes, NODES};

with_each_cli!(fake_nodes_of_aks_are_drained, fake_nodes_of_eks_are_drained);

const REPLICAS: usize = 6;

/// One less than there are: one pod may be on its way.
const LEAST: usize = REPLICAS - 1;

fn fake_nodes_of_aks_are_drained(cli: Cli) {
    // AKS counts in whole minutes.
    nodes_are_drained(&cli, Backend::Aks, "1m");
}

fn fake_nodes_of_eks_are_drained(cli: Cli) {
    nodes_are_drained(&cli, Backend::Eks, "5s");
}

fn nodes_are_drained(cli: &Cli, backend: Backend, shortest_timeout: &str) {
    let kubernetes = Kubernetes::start().with_fake_nodes();
    let simulator = Simulator::handing_out(&kubernetes.administrator());
    kubernetes.authenticator().serve("test", simulator.url("sts"));
    let workspace = Workspace::new(cli);
    let write = |machine_type: &str, drain_timeout: &str| {
        let (label, value) = NODES;
        let apps = format!(
            "machine_type = {machine_type:?}, count = 3, labels = {{ {label} = {value:?} }}, \
             drain_timeout = {drain_timeout:?}"
        );
        let configuration = Configuration::new(backend, simulator.settings());
        workspace.write("main.tf", &configuration.and_pools([Pool::with("apps", &apps)]).render());
    };
    write(backend.machine_type(), "10m");
    workspace.apply().succeeds();
    let old: BTreeSet<String> = kubernetes.wait_for_nodes(3).into_iter().collect();
    let workload = kubernetes.deploy(REPLICAS, REPLICAS);

    // Nobody may go: the old nodes stay, with all their pods.
    write(backend.larger_machine_type(), shortest_timeout);
    workspace.plan().only("update", ADDRESS);
    workspace.apply().fails_with(&[
        "could not be drained",
        "default/api-",
        "The disruption budget api needs 6 healthy pods and has 6 currently",
        "drain_timeout",
    ]);
    let view = workload.view();
    assert_eq!((view.fewest, view.pods), (REPLICAS, REPLICAS), "no pod was touched");
    assert_eq!(simulator.journal().count(backend, Deed::DeletePool), 0);
    kubernetes.wait_for_nodes(6);

    // One at a time may: all move, and the pool ends as it was planned.
    kubernetes.set_budget(LEAST);
    write(backend.larger_machine_type(), "10m");
    workspace.apply().succeeds();
    let view = workload.wait_until("move of all pods", |view| {
        view.ready.len() == REPLICAS && view.ready.values().all(|node| !old.contains(node))
    });
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    assert_eq!(simulator.journal().count(backend, Deed::DeletePool), 1);
    assert!(kubernetes.wait_for_nodes(3).iter().all(|node| !old.contains(node)));
    workspace.plans_empty();
    workspace.destroy().succeeds();
}
