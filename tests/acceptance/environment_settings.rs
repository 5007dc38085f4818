//! What can change of an environment changes in place, and is no difference afterwards.

use crate::harness::{
    ADDRESS, Backend, Cli, Configuration, Deed, Pool, Simulator, Workspace, on_each_backend, with_each_cli,
};

with_each_cli!(each_setting_of_eks, each_setting_of_aks, each_setting_of_gke);
on_each_backend!(everything_from_the_beginning, kube_apiserver_new_machine_type_replaces_the_pool_alone);

/// What changes, by its name and as the change of the configuration.
type Change = (&'static str, fn(&mut Configuration));

/// Applies one environment, then change after change: each is one update, leaves nothing to do, and makes nothing anew.
fn each_changes_in_place(cli: &Cli, backend: Backend, changes: &[Change]) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(cli);
    let mut configuration = Configuration::new(backend, simulator.settings()).and_pools([Pool::of("apps", 1)]);
    workspace.write("main.tf", &configuration.render());
    workspace.apply().succeeds();
    for (what, change) in changes {
        eprintln!("{what}");
        change(&mut configuration);
        workspace.write("main.tf", &configuration.render());
        workspace.plan().only("update", ADDRESS);
        workspace.apply().succeeds();
        workspace.plans_empty();
    }
    let journal = simulator.journal();
    assert_eq!(journal.count(backend, Deed::CreateCluster), 1);
    let made = if backend.makes_pools_with_the_cluster() { 0 } else { 2 };
    assert_eq!(journal.count(backend, Deed::CreatePool), made, "no pool was made anew");
    workspace.destroy().succeeds();
}

/// What changes alike on every cloud.
const COMMON: [Change; 3] = [
    ("tags", |c| c.arguments = "tags = { cost-center = \"1234\" }".to_owned()),
    ("other tags", |c| c.arguments = "tags = { team = \"platform\" }".to_owned()),
    ("labels and taints", |c| {
        c.pools[1] = Pool::with(
            "apps",
            "count = 1, labels = { tier = \"web\" }, \
             taints = [{ key = \"dedicated\", value = \"apps\", effect = \"NoSchedule\" }]",
        );
    }),
];

const BOUNDS: Change =
    ("an autoscaler's bounds", |c| c.pools[1] = Pool::with("apps", "autoscale = { min = 1, max = 4 }"));
const CALLERS: Change =
    ("who may reach the API server", |c| c.network = "authorized_cidrs = [\"203.0.113.0/24\"]".to_owned());
const TIMEOUTS: Change = ("timeouts", |c| c.arguments += "\n  timeouts = { create = \"90m\" }");

fn each_setting_of_aks(cli: Cli) {
    let own: [Change; 6] = [
        ("surge and drain", |c| {
            c.pools[1] = Pool::with("apps", "count = 1, max_surge = \"33%\", drain_timeout = \"45m\"");
        }),
        BOUNDS,
        CALLERS,
        ("tier", |c| c.block = "sku_tier = \"Standard\"".to_owned()),
        ("issuer and workload identity", |c| c.block += "\n    oidc_issuer = true\n    workload_identity = true"),
        TIMEOUTS,
    ];
    each_changes_in_place(&cli, Backend::Aks, &[&COMMON[..], &own].concat());
}

fn each_setting_of_gke(cli: Cli) {
    let own: [Change; 8] = [
        BOUNDS,
        ("a time for maintenance", |c| {
            c.kubernetes =
                r#"maintenance_window = { days = ["saturday", "sunday"], start = "03:30", duration = "6h" }"#
                    .to_owned();
        }),
        ("no time for maintenance", |c| c.kubernetes.clear()),
        ("surge and drain", |c| {
            c.pools[1] =
                Pool::with("apps", "autoscale = { min = 1, max = 4 }, max_surge = \"2\", drain_timeout = \"45m\"");
        }),
        CALLERS,
        ("channel", |c| c.block = "release_channel = \"RAPID\"".to_owned()),
        ("no workload identity", |c| c.block += "\n    workload_identity = false"),
        TIMEOUTS,
    ];
    each_changes_in_place(&cli, Backend::Gke, &[&COMMON[..], &own].concat());
}

fn each_setting_of_eks(cli: Cli) {
    let own: [Change; 7] = [
        BOUNDS,
        CALLERS,
        ("logs", |c| c.block = "log_types = [\"api\", \"audit\"]".to_owned()),
        ("encryption", |c| {
            c.block += "\n    encryption_key_arn = \"arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-00000000000a\"";
        }),
        ("access", |c| {
            c.block += "\n    access_entries = {\n      \"arn:aws:iam::123456789012:role/developer\" = {\n        policies = {\n          \
                      \"arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy\" = { namespaces = [\"shop\"] }\n        }\n      }\n    }";
        }),
        ("add-ons", |c| c.block += "\n    addons = { coredns = {}, vpc-cni = { resolve_conflicts = \"OVERWRITE\" } }"),
        TIMEOUTS,
    ];
    each_changes_in_place(&cli, Backend::Eks, &[&COMMON[..], &own].concat());
}

/// Another machine type is new nodes, and never another environment. AKS and EKS make a pool beside the old one; GKE renews
/// the nodes of a pool by itself.
fn kube_apiserver_new_machine_type_replaces_the_pool_alone(cli: Cli, backend: Backend) {
    let (_kubernetes, simulator) = Simulator::drainable(backend);
    let workspace = Workspace::new(&cli);
    let configuration = Configuration::new(backend, simulator.settings());
    workspace.write("main.tf", &configuration.clone().and_pools([Pool::of("apps", 1)]).render());
    workspace.apply().succeeds();
    let made_before = simulator.journal().count(backend, Deed::CreatePool);

    let larger = format!("machine_type = {:?}, count = 1", backend.larger_machine_type());
    workspace.write("main.tf", &configuration.and_pools([Pool::with("apps", &larger)]).render());
    workspace.plan().only("update", ADDRESS);
    workspace.apply().succeeds();
    workspace.plans_empty();
    let journal = simulator.journal();
    let state = workspace.state();
    let pool = &state.attributes(ADDRESS).expect("gone")["node_pools"]["apps"];
    assert_eq!(pool["machine_type"], backend.larger_machine_type());
    assert_eq!(journal.count(backend, Deed::CreateCluster), 1);
    let made = journal.count(backend, Deed::CreatePool) - made_before;
    match backend {
        Backend::Aks | Backend::Eks => {
            assert_eq!((made, journal.count(backend, Deed::DeletePool)), (1, 1));
            let changes = journal.changes();
            let made = changes.iter().rposition(|change| backend.does(Deed::CreatePool, change));
            let gone = changes.iter().position(|change| backend.does(Deed::DeletePool, change));
            assert!(made < gone, "the old pool goes only when the new one is there: {changes:#?}");
        }
        Backend::Gke => assert_eq!((made, journal.count(backend, Deed::DeletePool)), (0, 0)),
    }
    workspace.destroy().succeeds();
}

/// Everything that only one cloud has, said at once: applied, nothing to do; imported, nothing to do that the cloud notices.
fn everything_from_the_beginning(cli: Cli, backend: Backend) {
    let simulator = Simulator::start();
    let workspace = Workspace::new(&cli);
    let mut configuration = Configuration::new(backend, simulator.settings());
    let (network, block, pool) = match backend {
        Backend::Aks => (
            "pod_cidr = \"10.64.0.0/16\", service_cidr = \"10.65.0.0/16\", authorized_cidrs = [\"203.0.113.0/24\"]",
            r#"
    dns_prefix             = "example"
    sku_tier               = "Standard"
    network_plugin_mode    = "overlay"
    network_policy         = "cilium"
    network_dataplane      = "cilium"
    disable_local_accounts = true
    entra                  = { admin_group_object_ids = ["00000000-0000-4000-8000-0000000000CC"], azure_rbac = true }
    oidc_issuer            = true
    workload_identity      = true
    node_resource_group    = "nodes-of-test"
    agent_pools            = { apps = { os_sku = "AzureLinux", max_pods = 50 } }"#,
            "count = 2, zones = [\"1\", \"2\"], spot = true, disk_size_gb = 64, max_surge = \"1\", drain_timeout = \"20m\"",
        ),
        Backend::Eks => (
            "service_cidr = \"10.65.0.0/16\", authorized_cidrs = [\"203.0.113.0/24\"]",
            r#"
    private_access = true
    log_types      = ["api"]
    support_type   = "STANDARD"
    ami_type       = "AL2023_x86_64_STANDARD"
    addons         = { coredns = {} }"#,
            "count = 2, spot = true, disk_size_gb = 64, max_surge = \"1\"",
        ),
        Backend::Gke => (
            "authorized_cidrs = [\"203.0.113.0/24\"]",
            r#"
    network              = "platform"
    subnetwork           = "platform"
    release_channel      = "REGULAR"
    node_service_account = "nodes@simulated-project.iam.gserviceaccount.com"
    private_nodes        = true
    pods_range_name      = "pods"
    services_range_name  = "services"
    image_type           = "COS_CONTAINERD"
    disk_type            = "pd-balanced""#,
            "count = 2, zones = [\"europe-west1-b\"], spot = true, disk_size_gb = 64, max_surge = \"2\", drain_timeout = \"20m\"",
        ),
    };
    configuration.network = network.to_owned();
    configuration.block = block.to_owned();
    workspace.write("main.tf", &configuration.and_pools([Pool::with("apps", pool)]).render());
    workspace.apply().succeeds();
    workspace.plans_empty();

    let before = simulator.journal().changes().len();
    workspace.remove("terraform.tfstate");
    workspace.run(["import", "-input=false", "-no-color", ADDRESS, backend.id()]).succeeds();
    workspace.apply().succeeds();
    workspace.plans_empty();
    assert_eq!(simulator.journal().changes().len(), before, "{:#?}", simulator.journal().changes());
    workspace.destroy().succeeds();
}
