//! An environment on Google Kubernetes Engine: the block `gke`, how it becomes the library's spec, and how what was found
//! becomes state.

use std::collections::BTreeMap;
use std::time::Duration;

use multicloud::environment::Observed;
use multicloud::gke::{GkeObserved, GkeSpec, ObservedNodePool, ReleaseChannel};
use tfplug::{Attr, MapOf, Model, Path};

use super::model::{Kubernetes, MaintenanceWindow, NodePool, requires_replace_once_set};
use super::spec::Draft;
use super::state::{keep_drain_timeout, text};

/// A name of one of Google's resources with its project and its place is shorter than this.
const RESOURCE_NAME_MAX: usize = 256;

/// What nodes act as where nobody says it, as the API writes it.
const DEFAULT_SERVICE_ACCOUNT: &str = "default";

/// What an environment on Google Kubernetes Engine has beside what every environment has. Nothing of it is demanded.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub struct Gke {
    /// The VPC network, by its name or as `projects/<project>/global/networks/<name>`; by default `default`. Another one is
    /// another environment.
    #[attribute(optional, computed, change = never, modify = [requires_replace_once_set()], validate = [string_length(1..=RESOURCE_NAME_MAX)])]
    pub network: Attr<String>,
    /// The subnetwork of the nodes, by its name or as `projects/<project>/regions/<region>/subnetworks/<name>`; by default
    /// that of the network's own name. Another one is another environment.
    #[attribute(optional, computed, change = never, modify = [requires_replace_once_set()], validate = [string_length(1..=RESOURCE_NAME_MAX)])]
    pub subnetwork: Attr<String>,
    /// Where GKE's own upgrades come from: `RAPID`, `REGULAR`, `STABLE`, `EXTENDED`, or `UNSPECIFIED` for none; by default
    /// GKE's own choice.
    #[attribute(optional, computed, change = never, validate = [one_of(ReleaseChannel::ALL.iter().map(|channel| channel.as_str()))])]
    pub release_channel: Attr<String>,
    /// The e-mail address of the service account that the nodes act as; by default Compute's default one. Another one
    /// replaces the pools, not the environment.
    #[attribute(optional, validate = [string_length(1..=RESOURCE_NAME_MAX)])]
    pub node_service_account: Attr<String>,
    /// Whether workloads may act as service accounts of Google Cloud.
    #[attribute(optional, computed, default = true)]
    pub workload_identity: Attr<bool>,
    /// Whether nodes have internal addresses only.
    #[attribute(optional, computed, default = false)]
    pub private_nodes: Attr<bool>,
    /// The secondary range of the subnetwork that pods have their addresses from, instead of `network.pod_cidr`. Another
    /// one is another environment.
    #[attribute(optional, modify = [requires_replace_once_set()], validate = [string_length(1..=RESOURCE_NAME_MAX)])]
    pub pods_range_name: Attr<String>,
    /// The secondary range of the subnetwork that services have their addresses from, instead of `network.service_cidr`.
    /// Another one is another environment.
    #[attribute(optional, modify = [requires_replace_once_set()], validate = [string_length(1..=RESOURCE_NAME_MAX)])]
    pub services_range_name: Attr<String>,
    /// The image of the nodes, such as `COS_CONTAINERD`; by default GKE's own choice.
    #[attribute(optional, validate = [string_length(1..=64)])]
    pub image_type: Attr<String>,
    /// The type of the nodes' disks, such as `pd-balanced`; by default GKE's own choice.
    #[attribute(optional, validate = [string_length(1..=64)])]
    pub disk_type: Attr<String>,
}

impl Draft {
    /// What a configuration says of the block `gke`.
    pub(super) fn gke(&mut self, gke: &Attr<Gke>, at: &Path) -> Option<GkeSpec> {
        let gke = match gke {
            Attr::Null => return None,
            Attr::Unknown(_) => Gke::default(),
            Attr::Known(gke) => gke.clone(),
        };
        let default = GkeSpec::default();
        Some(GkeSpec {
            network: self.value(&gke.network, &at.attribute("network")),
            subnetwork: self.value(&gke.subnetwork, &at.attribute("subnetwork")),
            release_channel: self.word(&gke.release_channel, &at.attribute("release_channel")),
            node_service_account: self.value(&gke.node_service_account, &at.attribute("node_service_account")),
            workload_identity: self
                .value(&gke.workload_identity, &at.attribute("workload_identity"))
                .unwrap_or(default.workload_identity),
            private_nodes: self
                .value(&gke.private_nodes, &at.attribute("private_nodes"))
                .unwrap_or(default.private_nodes),
            pods_range_name: self.value(&gke.pods_range_name, &at.attribute("pods_range_name")),
            services_range_name: self.value(&gke.services_range_name, &at.attribute("services_range_name")),
            image_type: self.value(&gke.image_type, &at.attribute("image_type")),
            disk_type: self.value(&gke.disk_type, &at.attribute("disk_type")),
        })
    }
}

/// The block `gke`, with every difference to what was found.
pub(super) fn refreshed(before: Option<Gke>, observed: &Observed, found: &GkeObserved) -> Gke {
    let is_import = before.is_none();
    let mut gke = before.unwrap_or_default();
    keep_name(&mut gke.network, found.network.as_deref());
    keep_name(&mut gke.subnetwork, found.subnetwork.as_deref());
    gke.release_channel = found.release_channel.as_str().into();
    gke.workload_identity = found.workload_pool.is_some().into();
    gke.private_nodes = found.private_nodes.into();
    // Which ranges GKE has made by itself cannot be told: only what is written is compared.
    keep_written(&mut gke.pods_range_name, found.pods_range_name.as_deref());
    keep_written(&mut gke.services_range_name, found.services_range_name.as_deref());
    for pool in observed.node_pools.keys() {
        let Some(found) = newest(pool.as_str(), found) else { continue };
        keep_written(&mut gke.image_type, found.image_type.as_deref());
        keep_written(&mut gke.disk_type, found.disk_type.as_deref());
        keep_written(&mut gke.node_service_account, found.service_account.as_deref());
    }
    if is_import {
        gke.node_service_account = common_service_account(found).into();
    }
    gke
}

/// When GKE may do its own maintenance, as it was found.
pub(super) fn maintenance_window(kubernetes: &mut Attr<Kubernetes>, found: &GkeObserved) {
    let Attr::Known(kubernetes) = kubernetes else { return };
    let written = kubernetes.maintenance_window.known().and_then(MaintenanceWindow::in_library);
    if written != found.maintenance_window {
        kubernetes.maintenance_window = found.maintenance_window.as_ref().map(MaintenanceWindow::of).into();
    }
}

/// How long disruption budgets are heeded, where that is said.
pub(super) fn drain_timeouts(pools: &mut MapOf<NodePool>, found: &GkeObserved) {
    for (name, pool) in pools.known_mut().into_iter().flatten() {
        if let (Attr::Known(pool), Some(found)) = (pool, newest(name, found)) {
            keep_drain_timeout(pool, found.drain_timeout_s.map(Duration::from_secs));
        }
    }
}

/// The account that most pools act as, unless it is the default one: it stands for all after an import.
fn common_service_account(found: &GkeObserved) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for pool in found.node_pools.values() {
        *counts.entry(pool.service_account.as_deref().unwrap_or(DEFAULT_SERVICE_ACCOUNT)).or_default() += 1;
    }
    let common = counts.into_iter().max_by_key(|(_, count)| *count).map(|(account, _)| account.to_owned());
    common.filter(|account| account != DEFAULT_SERVICE_ACCOUNT)
}

/// The node pool that serves a pool; of two, while one replaces the other, the one that is named later.
fn newest<'o>(pool: &str, found: &'o GkeObserved) -> Option<&'o ObservedNodePool> {
    found.node_pools.values().rfind(|found| found.pool.as_str() == pool)
}

/// A name stays as it is written, whether with or without the path before it.
fn keep_name(written: &mut Attr<String>, found: Option<&str>) {
    let Some(found) = found else { return };
    let last = |name: &str| name.rsplit('/').next().map(str::to_owned);
    let before = text(written);
    let is_same = if before.contains('/') && found.contains('/') {
        before.trim_start_matches('/').ends_with(found) || found.ends_with(before.trim_start_matches('/'))
    } else {
        last(&before) == last(found)
    };
    if !is_same {
        *written = found.into();
    }
}

/// What is written stays, unless something else was found; what is left to GKE stays unsaid.
fn keep_written(written: &mut Attr<String>, found: Option<&str>) {
    if let (Some(before), Some(found)) = (written.known(), found)
        && before != found
    {
        *written = found.into();
    }
}
