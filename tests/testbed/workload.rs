//! A workload with a disruption budget, and how many of its pods were ready at every moment: told by the events of a watch,
//! of which none is missed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::kubernetes::{Kubernetes, Place};
use super::program::wait_for;

/// The label, and its value, of the nodes that the workload runs on.
pub(crate) const NODES: (&str, &str) = ("workload", "api");

const PODS: &str = "/api/v1/namespaces/default/pods?labelSelector=app%3Dapi";
const BUDGET: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/api";

/// What was seen so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The nodes of the pods that are ready now, by pod.
    pub(crate) ready: BTreeMap<String, String>,
    /// The fewest that were ready at any moment.
    pub(crate) fewest: usize,
    /// The pods that were ever ready.
    pub(crate) pods: usize,
    /// Why the watch ended, if it did: from then on nothing is known.
    pub(crate) lost: Option<String>,
}

/// A running workload.
#[derive(Debug)]
pub(crate) struct Workload {
    view: Arc<Mutex<View>>,
}

impl Kubernetes {
    /// Runs so many pods on the nodes labelled [`NODES`] under a budget that keeps at least so many ready, waits until all
    /// are, and watches them from then on.
    #[track_caller]
    pub(crate) fn deploy(&self, replicas: usize, least: usize) -> Workload {
        let labels = json!({ "app": "api" });
        self.create(
            "/apis/apps/v1/namespaces/default/deployments",
            &json!({ "metadata": { "name": "api" }, "spec": {
                "replicas": replicas,
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": {
                    "nodeSelector": { NODES.0: NODES.1 },
                    "containers": [{ "name": "api", "image": "registry.invalid/api:1" }],
                } },
            } }),
        );
        let budget = json!({ "minAvailable": least, "selector": { "matchLabels": labels } });
        let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
        self.create(budgets, &json!({ "metadata": { "name": "api" }, "spec": budget }));
        self.wait_until(BUDGET, "budget that counts every pod", |budget| {
            let status = &budget["status"];
            (status["currentHealthy"] == replicas && status["disruptionsAllowed"] == replicas - least).then_some(())
        });
        let (first, version) = self.wait_until(PODS, "pods", |pods| {
            let mut view = View::default();
            pods["items"].as_array()?.iter().for_each(|pod| see(&mut view, pod));
            view.fewest = view.ready.len();
            let version = pods["metadata"]["resourceVersion"].as_str()?.to_owned();
            (view.ready.len() == replicas).then_some((view, version))
        });
        let view = Arc::new(Mutex::new(first));
        let (watching, place) = (Arc::clone(&view), self.place());
        thread::spawn(move || {
            let lost = watch(&place, version, &watching);
            watching.lock().expect("no holder panics").lost = Some(lost);
        });
        Workload { view }
    }

    /// Changes how many pods the budget keeps.
    #[track_caller]
    pub(crate) fn set_budget(&self, least: usize) {
        self.patch(BUDGET, &json!({ "spec": { "minAvailable": least } }));
    }

    /// Waits until so many nodes are labelled [`NODES`], and ready, and gives their names.
    #[track_caller]
    pub(crate) fn wait_for_nodes(&self, count: usize) -> Vec<String> {
        self.wait_for_nodes_besides(&[], count)
    }

    /// The same, and none of them is one of `old`: a cloud that puts other machines into a pool may be done before its nodes
    /// show.
    #[track_caller]
    pub(crate) fn wait_for_nodes_besides(&self, old: &[String], count: usize) -> Vec<String> {
        let path = format!("/api/v1/nodes?labelSelector={}%3D{}", NODES.0, NODES.1);
        self.wait_until(&path, "nodes of the workload", |nodes| {
            let nodes = nodes["items"].as_array()?;
            let ready = nodes.iter().filter(|node| is_ready(node)).count();
            let name = |node: &Value| Some(node["metadata"]["name"].as_str()?.to_owned());
            let names: Vec<String> = nodes.iter().filter_map(name).collect();
            let all_new = !names.iter().any(|name| old.contains(name));
            (all_new && names.len() == count && ready == count).then_some(names)
        })
    }
}

impl Workload {
    /// What was seen so far.
    #[track_caller]
    pub(crate) fn view(&self) -> View {
        let view = self.view.lock().expect("no holder panics").clone();
        assert_eq!(view.lost, None, "the watch ended");
        view
    }

    /// Waits until what was seen is as wanted.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, wanted: impl Fn(&View) -> bool) -> View {
        wait_for(what, || Some(self.view()).filter(&wanted))
    }
}

/// Follows the pods until there is nobody to ask, and says why.
fn watch(place: &Place, mut version: String, view: &Mutex<View>) -> String {
    loop {
        // A watch that the server ends goes on where it ended.
        let path = format!("{PODS}&watch=1&resourceVersion={version}");
        let Some(mut stream) = place.connect(None) else { return "nobody answers".to_owned() };
        let token = Kubernetes::ADMINISTRATOR;
        // HTTP/1.0: the events come as they are, line by line.
        let request = format!("GET {path} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n");
        if let Err(error) = stream.write_all(request.as_bytes()) {
            return error.to_string();
        }
        for line in BufReader::new(stream).lines().map_while(Result::ok).filter(|line| line.starts_with('{')) {
            let Ok(Value::Object(event)) = serde_json::from_str(&line) else { return format!("no event: {line}") };
            let pod = &event["object"];
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let mut view = view.lock().expect("no holder panics");
            match event["type"].as_str() {
                Some("ADDED" | "MODIFIED") => see(&mut view, pod),
                Some("DELETED") => drop(view.ready.remove(name)),
                _ => return format!("events were missed: {line}"),
            }
            view.fewest = view.fewest.min(view.ready.len());
            version = pod["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        }
    }
}

/// A pod counts as a disruption budget counts it: it is ready, and nobody has told it to go.
fn see(view: &mut View, pod: &Value) {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let node = pod["spec"]["nodeName"].as_str();
    match node.filter(|_| is_ready(pod) && pod["metadata"]["deletionTimestamp"].is_null()) {
        Some(node) => {
            if view.ready.insert(name, node.to_owned()).is_none() {
                view.pods += 1;
            }
        }
        None => drop(view.ready.remove(&name)),
    }
}

/// Whether a pod or a node says of itself that it is ready.
fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
}
