//! What becomes of a workload when its pool changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ListParams};
use multicloud::ErrorKind;
use multicloud::drain::NoDrainer;
use serde_json::json;

use crate::bench::{Bench, REPLICAS, name, words};

/// One less than there are: one pod may be on its way.
const LEAST: usize = REPLICAS - 1;

/// A machine change of `apps`.
fn change_machine(bench: &mut Bench) {
    bench.edit_pool("apps", |pool| {
        pool.machine_type = "m7i.large".parse().expect("a machine type");
        pool.drain_timeout = Some(Duration::from_secs(300));
    });
}

/// The group that took the place of `apps`.
fn successor(bench: &Bench) -> String {
    let groups = bench.groups("apps");
    groups.into_iter().find(|group| group != "apps").expect("a group that replaces the first")
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_nodes_a_machine_change_keeps_the_budget_at_every_moment() {
    let mut bench = Bench::start().await;
    let available = bench.deploy(LEAST).await;
    bench.create_pod("alone", &json!({ "app": "alone" }));
    change_machine(&mut bench);
    bench.succeeds(&bench.update().await);

    let group = successor(&bench);
    let nodes: BTreeSet<String> = bench.nodes(&group).await.into_iter().collect();
    assert_eq!(nodes.len(), 3);
    let view = available
        .wait_until(|view| view.ready.len() == REPLICAS && view.ready.values().all(|node| nodes.contains(node)))
        .await;
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    assert!(view.pods >= 2 * REPLICAS, "each pod had to move: {view:?}");
    assert_eq!(bench.groups("apps"), [group]);
    bench.nodes_become("apps", 0).await;
    let pods: Api<Pod> = Api::namespaced(bench.client.clone(), "default");
    let alone = pods.list(&ListParams::default().labels("app=alone")).await.expect("pods can be listed");
    assert!(alone.items.is_empty(), "a pod that nobody makes anew had to go, too");
}

/// Without it, the test above would have shown it.
#[tokio::test(flavor = "multi_thread")]
async fn fake_nodes_a_machine_change_without_draining_breaks_the_budget() {
    let mut bench = Bench::start().await;
    let available = bench.deploy(LEAST).await;
    change_machine(&mut bench);
    let driver = bench.driver(Some(Arc::new(NoDrainer)));
    bench.succeeds(&driver.update(&bench.target(), &bench.spec, bench.run()).await);
    bench.nodes_become("apps", 0).await;
    let view = available.wait_until(|view| view.pods >= 2 * REPLICAS).await;
    assert!(view.fewest < LEAST, "{} pods were ready all the time", view.fewest);
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_nodes_a_removed_pool_is_drained() {
    let mut bench = Bench::start().await;
    let available = bench.deploy(LEAST).await;
    let elsewhere = bench.spec.node_pools.remove(&name("apps")).expect("there is such a pool");
    bench.spec.node_pools.insert(name("others"), elsewhere);
    bench.succeeds(&bench.update().await);
    let nodes: BTreeSet<String> = bench.nodes("others").await.into_iter().collect();
    let view = available
        .wait_until(|view| view.ready.len() == REPLICAS && view.ready.values().all(|node| nodes.contains(node)))
        .await;
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    assert_eq!(bench.groups("apps"), [String::new(); 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_nodes_a_budget_that_lets_nobody_go_stops_the_change_and_loses_nothing() {
    let mut bench = Bench::start().await;
    let available = bench.deploy(REPLICAS).await;
    change_machine(&mut bench);
    bench.edit_pool("apps", |pool| pool.drain_timeout = Some(Duration::from_secs(5)));
    let outcome = bench.update().await;
    let said = words(&outcome);
    let kinds: Vec<_> = outcome.errors().iter().map(|error| error.kind).collect();
    assert_eq!(kinds, [ErrorKind::NotDrained], "{said}");
    for part in [
        "node pool apps",
        "after 5s",
        "default/api-",
        "The disruption budget api needs 6 healthy pods and has 6 currently",
        "drain_timeout can be raised",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    assert_eq!(bench.requests("DeleteNodegroup"), 0);
    assert_eq!(bench.groups("apps").len(), 2, "the old group stays beside the new one");
    let old: BTreeSet<String> = bench.nodes("apps").await.into_iter().collect();
    let view = available.wait_until(|_| true).await;
    assert_eq!((view.fewest, view.pods), (REPLICAS, REPLICAS), "no pod was touched");
    assert!(view.ready.values().all(|node| old.contains(node)));

    // It goes on once it may.
    let budget = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/api";
    bench.kubernetes.patch(budget, &json!({ "spec": { "minAvailable": LEAST } }));
    bench.edit_pool("apps", |pool| pool.drain_timeout = Some(Duration::from_secs(300)));
    bench.succeeds(&bench.update().await);
    let view = available.wait_until(|view| view.ready.len() == REPLICAS).await;
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    assert_eq!(bench.groups("apps").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_nodes_a_process_that_dies_while_draining_is_followed_by_one_that_ends_it() {
    let mut bench = Bench::start().await;
    let available = bench.deploy(LEAST).await;
    change_machine(&mut bench);
    let old: BTreeSet<String> = bench.nodes("apps").await.into_iter().collect();
    let some_moved = available.wait_until(|view| view.ready.values().any(|node| !old.contains(node)));
    tokio::select! {
        outcome = bench.update() => panic!("it ended before a pod had moved: {}", words(&outcome)),
        _ = some_moved => {}
    }
    assert_eq!(bench.requests("DeleteNodegroup"), 0, "the old group goes after its pods");
    let nodes: Api<Node> = Api::all(bench.client.clone());
    let cordoned = nodes.list(&ListParams::default().fields("spec.unschedulable=true")).await;
    assert_eq!(cordoned.expect("nodes can be listed").items.len(), 3);

    bench.succeeds(&bench.update().await);
    let view = available
        .wait_until(|view| view.ready.len() == REPLICAS && view.ready.values().all(|node| !old.contains(node)))
        .await;
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    assert_eq!(bench.requests("DeleteNodegroup"), 1);
}
