//! What becomes of a workload when its pool changes.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ListParams};
use multicloud::ErrorKind;
use multicloud::drain::NoDrainer;
use serde_json::json;

use crate::bench::{Bench, REPLICAS, name, seen, words};
#[cfg(feature = "aks")]
use crate::clouds::OnAks;
#[cfg(feature = "gke")]
use crate::clouds::OnGke;
use crate::clouds::{OnEks, SimulatedCloud};

/// One less than there are: one pod may be on its way.
const LEAST: usize = REPLICAS - 1;

/// Longer than any of it takes. A budget that believes in an eviction that never came holds on for two minutes.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(300);

/// Declares the tests for each cloud: `<cloud>::fake_nodes_<test>`.
macro_rules! on_each_cloud {
    ($($feature:literal $module:ident: $cloud:ident),+ $(,)?) => {$(
        #[cfg(feature = $feature)]
        mod $module {
            use super::$cloud;

            #[tokio::test(flavor = "multi_thread")]
            async fn fake_nodes_a_machine_change_keeps_the_budget_at_every_moment() {
                super::a_machine_change_keeps_the_budget_at_every_moment(&$cloud).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn fake_nodes_a_machine_change_without_draining_breaks_the_budget() {
                super::a_machine_change_without_draining_breaks_the_budget(&$cloud).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn fake_nodes_a_removed_pool_is_drained() {
                super::a_removed_pool_is_drained(&$cloud).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn fake_nodes_a_budget_that_lets_nobody_go_stops_the_change_and_loses_nothing() {
                super::a_budget_that_lets_nobody_go_stops_the_change_and_loses_nothing(&$cloud).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn fake_nodes_a_process_that_dies_while_draining_is_followed_by_one_that_ends_it() {
                super::a_process_that_dies_while_draining_is_followed_by_one_that_ends_it(&$cloud).await;
            }
        }
    )+};
}

on_each_cloud!("aks" aks: OnAks, "eks" eks: OnEks);

/// GKE puts other machines into a pool in place, and empties those that go by itself.
#[cfg(feature = "gke")]
#[tokio::test(flavor = "multi_thread")]
async fn fake_nodes_of_gke_are_emptied_by_the_cloud() {
    let mut bench = Bench::start(&OnGke).await;
    let available = bench.deploy(LEAST);
    let old = bench.nodes(3);
    bench.change_machine(DRAIN_TIMEOUT);
    bench.succeeds(&bench.update().await);
    let new = bench.nodes_besides(&old, 3);
    let elsewhere = bench.spec.node_pools.remove(&name("apps")).expect("there is such a pool");
    bench.spec.node_pools.insert(name("others"), elsewhere);
    bench.succeeds(&bench.update().await);
    let others = bench.nodes_besides(&new, 3);
    let view =
        seen(&available, |view| view.ready.len() == REPLICAS && view.ready.values().all(|node| others.contains(node)))
            .await;
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    assert_eq!(bench.deletions(), 1);
}

async fn a_machine_change_keeps_the_budget_at_every_moment(cloud: &'static dyn SimulatedCloud) {
    let mut bench = Bench::start(cloud).await;
    let available = bench.deploy(LEAST);
    bench.create_pod("alone", &json!({ "app": "alone" }));
    let old = bench.nodes(3);
    bench.change_machine(DRAIN_TIMEOUT);
    bench.succeeds(&bench.update().await);

    let new = bench.nodes(3);
    assert!(new.is_disjoint(&old), "{new:?}");
    let view =
        seen(&available, |view| view.ready.len() == REPLICAS && view.ready.values().all(|node| new.contains(node)))
            .await;
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    assert!(view.pods >= 2 * REPLICAS, "each pod had to move: {view:?}");
    assert_eq!(bench.deletions(), 1);
    let pods: Api<Pod> = Api::namespaced(bench.client.clone(), "default");
    let alone = pods.list(&ListParams::default().labels("app=alone")).await.expect("pods can be listed");
    assert!(alone.items.is_empty(), "a pod that nobody makes anew had to go, too");
}

/// Without it, the test above would have shown it.
async fn a_machine_change_without_draining_breaks_the_budget(cloud: &'static dyn SimulatedCloud) {
    let mut bench = Bench::start(cloud).await;
    let available = bench.deploy(LEAST);
    bench.change_machine(DRAIN_TIMEOUT);
    let driver = bench.driver(Some(Arc::new(NoDrainer)));
    bench.succeeds(&driver.update(&bench.target().await, &bench.spec, bench.run()).await);
    let view = seen(&available, |view| view.pods >= 2 * REPLICAS).await;
    assert!(view.fewest < LEAST, "{} pods were ready all the time", view.fewest);
}

async fn a_removed_pool_is_drained(cloud: &'static dyn SimulatedCloud) {
    let mut bench = Bench::start(cloud).await;
    let available = bench.deploy(LEAST);
    let old = bench.nodes(3);
    let elsewhere = bench.spec.node_pools.remove(&name("apps")).expect("there is such a pool");
    bench.spec.node_pools.insert(name("others"), elsewhere);
    bench.succeeds(&bench.update().await);
    let view =
        seen(&available, |view| view.ready.len() == REPLICAS && view.ready.values().all(|node| !old.contains(node)))
            .await;
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    assert_eq!(bench.deletions(), 1);
    bench.nodes(3);
}

async fn a_budget_that_lets_nobody_go_stops_the_change_and_loses_nothing(cloud: &'static dyn SimulatedCloud) {
    let mut bench = Bench::start(cloud).await;
    let available = bench.deploy(REPLICAS);
    let old = bench.nodes(3);
    bench.change_machine(Duration::from_secs(60));
    let outcome = bench.update_in_haste().await;
    let said = words(&outcome);
    let kinds: Vec<_> = outcome.errors().iter().map(|error| error.kind).collect();
    assert_eq!(kinds, [ErrorKind::NotDrained], "{said}");
    for part in [
        "node pool apps",
        "after 60s",
        "default/api-",
        "The disruption budget api needs 6 healthy pods and has 6 currently",
        "drain_timeout can be raised",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    assert_eq!(bench.deletions(), 0);
    assert!(bench.nodes(6).is_superset(&old), "the old nodes stay beside the new ones");
    let view = available.view();
    assert_eq!((view.fewest, view.pods), (REPLICAS, REPLICAS), "no pod was touched");
    assert!(view.ready.values().all(|node| old.contains(node)));

    // It goes on once it may.
    tokio::task::block_in_place(|| bench.kubernetes.set_budget(LEAST));
    bench.change_machine(DRAIN_TIMEOUT);
    bench.succeeds(&bench.update().await);
    let view =
        seen(&available, |view| view.ready.len() == REPLICAS && view.ready.values().all(|node| !old.contains(node)))
            .await;
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    bench.nodes(3);
    assert_eq!(bench.deletions(), 1);
}

async fn a_process_that_dies_while_draining_is_followed_by_one_that_ends_it(cloud: &'static dyn SimulatedCloud) {
    let mut bench = Bench::start(cloud).await;
    let available = bench.deploy(LEAST);
    let old = bench.nodes(3);
    bench.change_machine(DRAIN_TIMEOUT);
    let some_moved = seen(&available, |view| view.ready.values().any(|node| !old.contains(node)));
    tokio::select! {
        outcome = bench.update() => panic!("it ended before a pod had moved: {}", words(&outcome)),
        _ = some_moved => {}
    }
    assert_eq!(bench.deletions(), 0, "the old nodes go after their pods");
    let nodes: Api<Node> = Api::all(bench.client.clone());
    let cordoned = nodes.list(&ListParams::default().fields("spec.unschedulable=true")).await;
    assert_eq!(cordoned.expect("nodes can be listed").items.len(), 3);

    bench.succeeds(&bench.update().await);
    let view =
        seen(&available, |view| view.ready.len() == REPLICAS && view.ready.values().all(|node| !old.contains(node)))
            .await;
    assert!(view.fewest >= LEAST, "only {} pods were ready at one time", view.fewest);
    assert_eq!(bench.deletions(), 1);
}
