//! What the AKS backend asks of Azure in the course of an environment's life, on the simulator.
#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it must be")]

mod aks_world;
#[allow(dead_code, reason = "only requests are asked about here")]
#[path = "../../simulator/tests/azure/description.rs"]
mod description;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use multicloud::aks::{AksSpec, AzureSettings, EntraSpec, SkuTier};
use multicloud::backend::Backend;
use multicloud::conformance::World;
use multicloud::drain::NoDrainer;
use multicloud::environment::{
    CloudSpec, EnvironmentSpec, MaxSurge, PoolMode, PoolSize, PoolSpec, Status, Taint, TaintEffect,
};
use multicloud::{Driver, EnvironmentId, Error, ErrorChain, ErrorKind, Jitter, Outcome, PoolName, Run, Target};
use serde_json::{Value, json};

use self::aks_world::{GROUP, SUBSCRIPTION, Simulated, UNREGISTERED, aks, pool, spec};
use self::description::{AZURE, Direction};

const TIMEOUT: Duration = Duration::from_secs(4 * 3600);

fn driver(world: &Simulated, settings: AzureSettings) -> Driver {
    Driver::new(Arc::new(aks(settings)), world.clock(), Jitter::seeded(1), world.poll_interval())
        .with_drainer(Arc::new(NoDrainer))
}

fn run() -> Run<'static> {
    Run::new(TIMEOUT, &|_| {})
}

fn id(name: &str) -> EnvironmentId {
    format!("aks/{SUBSCRIPTION}/{GROUP}/{name}").parse().unwrap()
}

fn target(spec: &EnvironmentSpec) -> Target {
    Target { id: id(spec.name.as_str()), mark: spec.mark(), uid: None, deletion_protection: false }
}

fn name(name: &str) -> PoolName {
    name.parse().unwrap()
}

fn aks_of(spec: &mut EnvironmentSpec) -> &mut AksSpec {
    match &mut spec.cloud {
        CloudSpec::Aks(aks) => aks,
        other => panic!("not AKS: {other:?}"),
    }
}

fn words(error: &Error) -> String {
    ErrorChain(error).to_string()
}

#[track_caller]
fn assert_converged(outcome: &Outcome) {
    let errors: Vec<String> = outcome.errors().into_iter().map(words).collect();
    assert!(outcome.is_converged(), "{}", errors.join("\n"));
}

/// The requests since then that change something or ask for secrets.
fn writes(world: &Simulated, since: usize) -> Vec<String> {
    let journal = world.running.journal().into_iter().skip(since);
    let changes = journal.filter(|entry| entry.method != "GET" && entry.operation != "OAuth2_Token");
    changes.map(|entry| entry.operation.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_pools_are_made_read_and_deleted_with_the_cluster() {
    let world = Simulated::start().await;
    let driver = driver(&world, world.settings());
    let mut spec = spec("whole");
    for other in ["apps", "jobs"] {
        let mut other_pool = pool();
        other_pool.mode = PoolMode::User;
        spec.node_pools.insert(name(other), other_pool);
    }
    assert_converged(&driver.create(&spec, run()).await);
    assert_eq!(writes(&world, 0), ["ManagedClusters_CreateOrUpdate"]);

    let before = world.requests().len();
    let observed = driver.read(&id("whole")).await.unwrap().unwrap();
    assert_eq!(world.requests().split_off(before), ["ManagedClusters_Get"], "one question for all of it");
    assert_eq!((observed.status, observed.node_pools.len()), (Status::Active, 3));
    assert!(observed.full_version.starts_with("1.31."), "{}", observed.full_version);

    // Two settings of a pool are one request, and so are two of the cluster.
    let system = spec.node_pools.get_mut(&name("system")).unwrap();
    system.size = PoolSize::Autoscale { min: 1, max: 4 };
    system.labels = [("team".to_owned(), "a".to_owned())].into();
    aks_of(&mut spec).sku_tier = SkuTier::Standard;
    aks_of(&mut spec).oidc_issuer = true;
    let before = world.requests().len();
    assert_converged(&driver.update(&target(&spec), &spec, run()).await);
    assert_eq!(writes(&world, before), ["ManagedClusters_CreateOrUpdate", "AgentPools_CreateOrUpdate"]);
    let observed = driver.read(&id("whole")).await.unwrap().unwrap();
    assert!(observed.oidc_issuer_url.is_some_and(|url| url.starts_with("https://")));

    let before = world.requests().len();
    assert_converged(&driver.delete(&target(&spec), run()).await);
    assert_eq!(writes(&world, before), ["ManagedClusters_Delete"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_machine_replaces_the_agent_pool_and_not_the_cluster() {
    let world = Simulated::start().await;
    let driver = driver(&world, world.settings());
    let mut spec = spec("rotated");
    assert_converged(&driver.create(&spec, run()).await);
    let uid = driver.read(&id("rotated")).await.unwrap().unwrap().uid;
    for machine in ["Standard_D4s_v5", "Standard_D2s_v5"] {
        spec.node_pools.get_mut(&name("system")).unwrap().machine_type = machine.parse().unwrap();
        let before = world.requests().len();
        assert_converged(&driver.update(&target(&spec), &spec, run()).await);
        // In between the nodes are emptied, for which the cluster is let into.
        let access = "ManagedClusters_ListClusterUserCredentials";
        assert_eq!(writes(&world, before), ["AgentPools_CreateOrUpdate", access, "AgentPools_Delete"]);
        let observed = driver.read(&id("rotated")).await.unwrap().unwrap();
        assert_eq!(observed.uid, uid);
        assert_eq!(observed.node_pools.keys().collect::<Vec<_>>(), [&name("system")]);
        assert_eq!(observed.node_pools[&name("system")].machine_type, machine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_mended_in_place() {
    let world = Simulated::start().await;
    let driver = driver(&world, world.settings());
    let mut spec = spec("mended");
    world.faults(json!([{ "operation": "ManagedClusters_CreateOrUpdate", "fault": "fail" }]));
    let outcome = driver.create(&spec, run()).await;
    assert!(!outcome.is_converged());
    let observed = outcome.observed.as_ref().expect("what exists is kept");
    assert_eq!(observed.status, Status::Degraded);
    let uid = observed.uid.clone();
    assert_converged(&driver.update(&target(&spec), &spec, run()).await);
    assert_eq!(driver.read(&id("mended")).await.unwrap().unwrap().uid, uid);

    // An upgrade of the control plane that fails is tried again, and pools follow only then.
    spec.kubernetes.version = "1.32".parse().unwrap();
    world.faults(json!([{ "operation": "ManagedClusters_CreateOrUpdate", "fault": "fail" }]));
    assert!(!driver.update(&target(&spec), &spec, run()).await.is_converged());
    assert_converged(&driver.update(&target(&spec), &spec, run()).await);
    let observed = driver.read(&id("mended")).await.unwrap().unwrap();
    assert_eq!(observed.version.to_string(), "1.32");
    assert_eq!(observed.node_pools[&name("system")].version.to_string(), "1.32");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_registered_once_where_that_is_allowed() {
    let world = Simulated::start().await;
    let settings = AzureSettings { subscription_id: Some(UNREGISTERED.to_owned()), ..world.settings() };
    let refused = AzureSettings { register_providers: Some(false), ..settings.clone() };
    let outcome = driver(&world, refused).create(&spec("registered"), run()).await;
    let error = words(outcome.errors()[0]);
    assert!(error.contains("az provider register --namespace Microsoft.ContainerService"), "{error}");
    assert_eq!(writes(&world, 0), ["ManagedClusters_CreateOrUpdate"]);

    assert_converged(&driver(&world, settings).create(&spec("registered"), run()).await);
    let registrations = world.requests().into_iter().filter(|name| name == "Providers_Register").count();
    assert_eq!(registrations, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_group_that_is_missing_is_named() {
    let world = Simulated::start().await;
    let mut spec = spec("homeless");
    aks_of(&mut spec).resource_group_name = "nowhere".parse().unwrap();
    let outcome = driver(&world, world.settings()).create(&spec, run()).await;
    let error = outcome.errors()[0];
    assert_eq!(error.kind, ErrorKind::InvalidConfig);
    assert!(words(error).contains("resource group \"nowhere\" does not exist"), "{}", words(error));
    assert!(!outcome.exists());
}

/// A cluster that is not there is one only if what it would be in answers.
#[tokio::test]
async fn an_absence_is_proved() {
    let world = Simulated::start().await;
    let backend = world.aks();
    assert_eq!(backend.read(&id("nothing")).await.unwrap(), None);
    let of = |text: String| -> EnvironmentId { text.parse().unwrap() };
    assert_eq!(backend.read(&of(format!("aks/{SUBSCRIPTION}/nowhere/nothing"))).await.unwrap(), None);
    let unknown = of("aks/00000000-0000-4000-8000-000000000009/platform/nothing".to_owned());
    assert!(backend.read(&unknown).await.is_err(), "a subscription that is not there proves nothing");
    world.faults(json!([{ "operation": "ResourceGroups_Get", "fault": "access_denied" }]));
    assert_eq!(backend.read(&id("nothing")).await.unwrap_err().kind, ErrorKind::PermissionDenied);
    world.faults(json!([{ "operation": "ResourceGroups_Get", "fault": "duplicate_keys" }]));
    let of_nobody = backend.read(&id("nothing")).await.unwrap_err().kind;
    assert_eq!(of_nobody, ErrorKind::Ambiguous, "JSON of something else is no resource group");
    world.faults(json!([{ "operation": "ManagedClusters_Get", "fault": "html_ok" }]));
    assert_eq!(backend.read(&id("nothing")).await.unwrap_err().kind, ErrorKind::Ambiguous);
}

#[tokio::test]
async fn what_azure_does_not_have_is_told_at_plan() {
    let world = Simulated::start().await;
    let backend = world.aks();
    let said = async |edit: &dyn Fn(&mut EnvironmentSpec)| {
        let mut spec = spec("offered");
        edit(&mut spec);
        let violations = backend.check_offer(&spec).await.unwrap();
        violations.iter().map(|one| format!("{}: {}", one.path, one.problem)).collect::<Vec<_>>()
    };
    assert_eq!(said(&|_| {}).await, [""; 0]);
    let before = world.requests().len();
    assert_eq!(
        said(&|spec| {
            spec.kubernetes.version = "1.99".parse().unwrap();
            aks_of(spec).resource_group_name = "nowhere".parse().unwrap();
            spec.node_pools.get_mut(&name("system")).unwrap().machine_type = "Standard_X1".parse().unwrap();
        })
        .await,
        [
            format!("aks.resource_group_name: subscription {SUBSCRIPTION} has no resource group nowhere"),
            "kubernetes.version: AKS does not offer Kubernetes 1.99 in westeurope".to_owned(),
            "node_pools[\"system\"].machine_type: the subscription cannot have machines of type Standard_X1 in westeurope"
                .to_owned(),
        ]
    );
    let asked = world.requests().split_off(before);
    assert!(!asked.contains(&"ResourceSkus_List".to_owned()), "a region's machines are asked for once: {asked:?}");
    assert_eq!(
        said(&|spec| spec.region = Some("atlantis".parse().unwrap())).await,
        [format!("region: subscription {SUBSCRIPTION} has no region atlantis")]
    );
    assert_eq!(
        said(&|spec| {
            let pool = spec.node_pools.get_mut(&name("system")).unwrap();
            pool.machine_type = "Standard_D4ps_v5".parse().unwrap();
            pool.zones = ["1".to_owned(), "3".to_owned()].into();
        })
        .await,
        ["node_pools[\"system\"].zones: machines of type Standard_D4ps_v5 are not in zone 3 of westeurope"]
    );
    // What we may not ask is not known.
    let questions = [
        "Subscriptions_ListLocations",
        "ResourceGroups_Get",
        "ManagedClusters_ListKubernetesVersions",
        "ResourceSkus_List",
    ];
    world.faults(questions.map(|name| json!({ "operation": name, "fault": "access_denied" })).into_iter().collect());
    let mut spec = spec("offered");
    spec.kubernetes.version = "1.99".parse().unwrap();
    let before = world.requests().len();
    assert_eq!(world.aks().check_offer(&spec).await.unwrap(), []);
    let mut asked = world.requests().split_off(before + 1);
    asked.sort();
    let mut questions = questions.map(str::to_owned);
    questions.sort();
    assert_eq!(asked, questions, "after a token each was asked, and refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_get_in_and_administrators_are_never_asked_for() {
    let world = Simulated::start().await;
    let driver = driver(&world, world.settings());
    let mut spec = spec("accessed");
    assert_converged(&driver.create(&spec, run()).await);
    let local = driver.access(&id("accessed")).await.unwrap();
    assert!(local.endpoint.starts_with("https://") && !local.certificate_authority_data.is_empty());

    aks_of(&mut spec).entra = Some(EntraSpec::default());
    aks_of(&mut spec).disable_local_accounts = true;
    assert_converged(&driver.update(&target(&spec), &spec, run()).await);
    let before = world.requests().len();
    let entra = driver.access(&id("accessed")).await.unwrap();
    assert_eq!(
        world.requests().split_off(before),
        ["ManagedClusters_ListClusterUserCredentials", "OAuth2_Token"],
        "the token is that of Microsoft Entra"
    );
    assert_ne!(entra.credential.token, local.credential.token);
    let left = entra.credential.expires_at.duration_since(SystemTime::now()).unwrap();
    assert!(left <= Duration::from_secs(24 * 3600), "{left:?}");
    assert!(!world.requests().iter().any(|name| name.contains("Admin")));
}

/// A life with every setting that can be told, and each of them changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_is_as_published() {
    fn jobs() -> PoolSpec {
        let mut pool = pool();
        pool.mode = PoolMode::User;
        pool.spot = true;
        pool.size = PoolSize::Autoscale { min: 0, max: 5 };
        pool
    }
    let world = Simulated::start().await;
    let driver = driver(&world, world.settings());
    // The name that the published paths are filled with.
    let mut spec = spec("c");
    spec.tags.insert("team".to_owned(), "a".to_owned());
    spec.network.authorized_cidrs = ["203.0.113.0/24".to_owned()].into();
    aks_of(&mut spec).dns_prefix = Some("prefix".to_owned());
    aks_of(&mut spec).disable_local_accounts = true;
    aks_of(&mut spec).entra = Some(EntraSpec::default());
    let system = spec.node_pools.get_mut(&name("system")).unwrap();
    system.disk_size_gb = Some(64);
    system.zones = ["1".to_owned(), "2".to_owned()].into();
    system.max_surge = Some(MaxSurge::Count(2));
    system.drain_timeout = Some(Duration::from_secs(900));
    spec.node_pools.insert(name("jobs"), jobs());
    assert_converged(&driver.create(&spec, run()).await);

    spec.tags.insert("team".to_owned(), "b".to_owned());
    assert_converged(&driver.update(&target(&spec), &spec, run()).await);
    aks_of(&mut spec).sku_tier = SkuTier::Standard;
    aks_of(&mut spec).oidc_issuer = true;
    aks_of(&mut spec).workload_identity = true;
    spec.network.authorized_cidrs.clear();
    let system = spec.node_pools.get_mut(&name("system")).unwrap();
    system.size = PoolSize::Autoscale { min: 1, max: 4 };
    system.labels = [("team".to_owned(), "a".to_owned())].into();
    system.taints =
        [Taint { key: "k".to_owned(), value: "v".to_owned(), effect: TaintEffect::PreferNoSchedule }].into();
    system.max_surge = Some(MaxSurge::Percent(33));
    assert_converged(&driver.update(&target(&spec), &spec, run()).await);
    spec.kubernetes.version = "1.32".parse().unwrap();
    assert_converged(&driver.update(&target(&spec), &spec, run()).await);
    spec.node_pools.get_mut(&name("system")).unwrap().machine_type = "Standard_D4s_v5".parse().unwrap();
    assert_converged(&driver.update(&target(&spec), &spec, run()).await);
    assert_converged(&driver.delete(&target(&spec), run()).await);

    let mut sent = BTreeSet::new();
    let mut named = BTreeSet::new();
    for entry in world.running.journal() {
        if let Some((method, url)) = AZURE.operation(entry.operation) {
            named.insert(entry.operation);
            assert_eq!(entry.method, method, "{}", entry.operation);
            // One agent pool is like the other, and Azure heeds no case.
            let path = entry.path.split('?').next().unwrap();
            let path = match path.split_once("/agentPools/") {
                Some((cluster, _)) => format!("{cluster}/agentPools/p"),
                None => path.to_owned(),
            };
            let published = url.split('?').next().unwrap();
            assert!(path.eq_ignore_ascii_case(published), "{}: {path} is not {published}", entry.operation);
        }
        let Some(model) = description::models(entry.operation).0 else {
            let is_form = entry.operation == "OAuth2_Token";
            assert!(is_form || entry.request.is_none(), "{} has a body", entry.operation);
            continue;
        };
        let request = entry.request.expect("a body");
        assert_eq!(AZURE.problems(model, &request, Direction::Request), [""; 0], "{}", entry.operation);
        // The same with a member that is not there, as a misspelt one would be.
        let mut misspelt = request;
        misspelt["tagz"] = json!({});
        let problems = AZURE.problems(model, &misspelt, Direction::Request);
        assert_eq!(problems, [format!("{model}.tagz is not in the model")], "{}", entry.operation);
        sent.insert(entry.operation);
    }
    let bodies = ["AgentPools_CreateOrUpdate", "ManagedClusters_CreateOrUpdate", "ManagedClusters_UpdateTags"];
    assert_eq!(sent, bodies.into());
    for operation in bodies.into_iter().chain(["AgentPools_Delete", "ManagedClusters_Delete", "ManagedClusters_Get"]) {
        assert!(named.contains(operation), "{operation} is not among {named:?}");
    }
}

/// Whatever the seed draws: two runs are enough, and nothing is left to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environments_live_through_drawn_delays_and_faults() {
    for seed in 1..=3 {
        println!("seed {seed}");
        let world = Simulated::seeded(seed).await;
        let kinds = [
            "throttle",
            "unavailable",
            "internal_error",
            "html",
            "gateway_timeout",
            "html_ok",
            "empty",
            "truncated",
            "invalid_utf8",
            "wrong_shape",
            "duplicate_keys",
            "huge_number",
            "expired_token",
            "stale_status",
            "slow",
        ];
        let mut rules: Vec<Value> = kinds
            .iter()
            .map(|kind| json!({ "operation": "*", "probability": 0.01, "times": 10, "fault": kind }))
            .collect();
        for point in ["before_send", "uncommitted", "reply_lost", "reply_cut"] {
            rules.push(json!({ "operation": "*", "probability": 0.02, "times": 10, "point": point, "fault": "drop" }));
        }
        rules
            .push(json!({ "operation": "AgentPools_CreateOrUpdate", "probability": 0.1, "times": 3, "fault": "busy" }));
        world.faults(Value::Array(rules));
        let driver = driver(&world, world.settings());
        let mut spec = spec("seeded");
        if !driver.create(&spec, run()).await.is_converged() {
            assert_converged(&driver.create(&spec, run()).await);
        }
        spec.kubernetes.version = "1.32".parse().unwrap();
        spec.tags.insert("team".to_owned(), "a".to_owned());
        spec.node_pools.get_mut(&name("system")).unwrap().machine_type = "Standard_D4s_v5".parse().unwrap();
        let mut apps = pool();
        apps.mode = PoolMode::User;
        spec.node_pools.insert(name("apps"), apps);
        if !driver.update(&target(&spec), &spec, run()).await.is_converged() {
            assert_converged(&driver.update(&target(&spec), &spec, run()).await);
        }
        let observed = driver.read(&id("seeded")).await.unwrap().unwrap();
        assert_eq!(driver.backend().plan(Some(&observed), Some(&spec)).unwrap(), []);
        if !driver.delete(&target(&spec), run()).await.is_converged() {
            assert_converged(&driver.delete(&target(&spec), run()).await);
        }
        assert_eq!(driver.read(&id("seeded")).await.unwrap(), None);
    }
}

/// A cluster with agent pools `system`, `a`, `b` and `c`, imported and asked for without `b`, with other machines for `a` and
/// with `c` as no system pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_an_imported_cluster_is_left_behind() {
    let world = Simulated::start().await;
    let driver = driver(&world, world.settings());
    let mut spec = spec("imported");
    for other in ["a", "b", "c"] {
        spec.node_pools.insert(name(other), pool());
    }
    assert_converged(&driver.create(&spec, run()).await);
    let object = Simulated::object("imported");
    world.running.put("azure", &object, json!({ "tags": {} })).unwrap();
    for pool in ["system", "a", "b", "c"] {
        let object = format!("{object}/agentPools/{pool}");
        world.running.put("azure", &object, json!({ "properties": { "tags": {} } })).unwrap();
    }
    spec.node_pools.remove(&name("b"));
    spec.node_pools.get_mut(&name("a")).unwrap().machine_type = "Standard_D4s_v5".parse().unwrap();
    spec.node_pools.get_mut(&name("c")).unwrap().mode = PoolMode::User;
    // Unmarked, it is known by its uid.
    let uid = Some(driver.read(&id("imported")).await.unwrap().unwrap().uid);
    assert_converged(&driver.update(&Target { uid, ..target(&spec) }, &spec, run()).await);
    let observed = driver.read(&id("imported")).await.unwrap().unwrap();
    assert!(observed.tags.contains_key("multicloud-owner"), "{:?}", observed.tags);
    let multicloud::environment::CloudObserved::Aks(found) = &observed.cloud else { panic!("not AKS") };
    assert_eq!(found.agent_pools.len(), 3, "{:?}", found.agent_pools.keys());
    assert!(!found.agent_pools.contains_key("a") && !found.agent_pools.contains_key("b"));
    assert_eq!(observed.node_pools[&name("a")].machine_type, "Standard_D4s_v5");
    assert_eq!(observed.node_pools[&name("c")].mode, Some(PoolMode::User));
}
