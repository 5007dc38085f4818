//! How many pods of a workload were ready, at every moment: told by the events of a watch, of which none is missed.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::{Client, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The longest that pods take to be where they should, on two loaded cores.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// What was seen so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The nodes of the pods that are ready now, by pod.
    pub(crate) ready: BTreeMap<String, String>,
    /// The fewest that were ready at any moment.
    pub(crate) fewest: usize,
    /// The pods that were ever ready.
    pub(crate) pods: usize,
}

/// Watches the pods of one workload.
#[derive(Debug)]
pub(crate) struct Availability {
    view: watch::Receiver<View>,
    task: JoinHandle<()>,
}

impl Availability {
    /// From now on.
    pub(crate) async fn of(client: &Client, labels: &str) -> Self {
        let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
        let first = pods.list(&ListParams::default().labels(labels)).await.expect("pods can be listed");
        let mut view = View::default();
        first.items.iter().for_each(|pod| see(&mut view, pod));
        view.fewest = view.ready.len();
        let (sender, receiver) = watch::channel(view);
        let mut version = first.metadata.resource_version.expect("a list has a version");
        let labels = labels.to_owned();
        let task = tokio::spawn(async move {
            loop {
                // A watch that the server ends goes on where it ended.
                let which = WatchParams::default().labels(&labels);
                let mut events = pods.watch(&which, &version).await.expect("pods can be watched").boxed();
                while let Some(event) = events.next().await {
                    let event = event.expect("an event can be read");
                    let (pod, gone) = match event {
                        WatchEvent::Added(pod) | WatchEvent::Modified(pod) => (pod, false),
                        WatchEvent::Deleted(pod) => (pod, true),
                        WatchEvent::Bookmark(bookmark) => {
                            version = bookmark.metadata.resource_version;
                            continue;
                        }
                        WatchEvent::Error(status) => panic!("events were missed: {status}"),
                    };
                    version = pod.resource_version().expect("a pod has a version");
                    sender.send_modify(|view| {
                        if gone {
                            view.ready.remove(&pod.name_any());
                        } else {
                            see(view, &pod);
                        }
                        view.fewest = view.fewest.min(view.ready.len());
                    });
                }
            }
        });
        Self { view: receiver, task }
    }

    /// Waits until what was seen is as wanted.
    #[track_caller]
    pub(crate) fn wait_until(&self, wanted: impl Fn(&View) -> bool) -> impl Future<Output = View> {
        let mut view = self.view.clone();
        async move {
            let found = tokio::time::timeout(LONGEST_WAIT, view.wait_for(wanted))
                .await
                .map(|seen| seen.map(|view| view.clone()));
            match found {
                Ok(seen) => seen.expect("the watch goes on"),
                Err(_) => panic!("the pods are not as wanted: {:?}", view.borrow()),
            }
        }
    }
}

impl Drop for Availability {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A pod counts as a disruption budget counts it: it is ready, and nobody has told it to go.
fn see(view: &mut View, pod: &Pod) {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    match node.filter(|_| ready && pod.metadata.deletion_timestamp.is_none()) {
        Some(node) => {
            if view.ready.insert(pod.name_any(), node).is_none() {
                view.pods += 1;
            }
        }
        None => drop(view.ready.remove(&pod.name_any())),
    }
}
