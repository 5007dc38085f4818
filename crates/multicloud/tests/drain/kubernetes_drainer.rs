//! What the drainer says of a Kubernetes that it cannot work with.

use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use multicloud::drain::{Drain, DrainError, KubernetesDrainer, NodeDrainer};
use multicloud::{ClusterAccess, Credential, ErrorChain, Jitter, NodeDrain, Secret, TokioClock, WhenUnreachable};
use serde_json::json;

use crate::testbed::Kubernetes;

fn access(kubernetes: &Kubernetes, token: &str) -> ClusterAccess {
    ClusterAccess {
        endpoint: kubernetes.url(),
        certificate_authority_data: kubernetes.certificate_authority_data(),
        credential: Credential { token: Secret::new(token), expires_at: SystemTime::UNIX_EPOCH },
    }
}

async fn drain(access: &ClusterAccess, unreachable: WhenUnreachable, timeout: Duration) -> Result<(), DrainError> {
    let nodes = NodeDrain { label: "pool".to_owned(), value: "old".to_owned(), timeout, unreachable };
    let (clock, jitter) = (TokioClock::new(), Jitter::seeded(1));
    KubernetesDrainer.drain(Drain { access, nodes: &nodes, timeout, clock: &clock, jitter: &jitter }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kube_apiserver_says_who_may_drain() {
    const MINUTE: Duration = Duration::from_secs(60);
    let kubernetes = tokio::task::spawn_blocking(Kubernetes::start).await.expect("the testbed starts");
    let try_as = async |token: &str| drain(&access(&kubernetes, token), WhenUnreachable::Refuse, MINUTE).await;
    let refused = try_as(Kubernetes::STRANGER).await.unwrap_err();
    assert!(matches!(refused, DrainError::Refused(_)), "{refused:?}");
    assert!(refused.to_string().contains("cannot list resource \"nodes\""), "{refused}");
    let unknown = try_as("nobody").await.unwrap_err();
    assert!(matches!(unknown, DrainError::CredentialEnded), "{unknown:?}");
    try_as(Kubernetes::ADMINISTRATOR).await.expect("no nodes are empty nodes");

    // A node without a pod is cordoned, and nothing else of it is changed; nodes of other pools are let be.
    for (name, pool) in [("one", "old"), ("two", "new")] {
        let node = json!({ "metadata": { "name": name, "labels": { "pool": pool } } });
        kubernetes.create("/api/v1/nodes", &node);
    }
    try_as(Kubernetes::ADMINISTRATOR).await.expect("there is nothing to evict");
    let spec = |name: &str| kubernetes.object(&format!("/api/v1/nodes/{name}")).expect("a node")["spec"].clone();
    assert_eq!(spec("one")["unschedulable"], true);
    assert_eq!(spec("two")["unschedulable"], json!(null));

    // Another authority vouches for another server.
    let other = kubernetes.beside();
    let mut stranger = access(&kubernetes, Kubernetes::ADMINISTRATOR);
    stranger.certificate_authority_data = other.certificate_authority_data();
    let error = drain(&stranger, WhenUnreachable::Proceed, MINUTE).await.unwrap_err();
    assert!(matches!(error, DrainError::Unreachable(_)), "{error:?}");
    assert!(other.object("/api/v1/nodes/one").is_none(), "the two have nothing in common");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_need_not_be_reached_is_not_waited_for() {
    let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let nowhere = ClusterAccess {
        // RFC 6761: no such name exists.
        endpoint: "https://cluster.invalid".to_owned(),
        certificate_authority_data: BASE64_STANDARD.encode(authority.cert.pem()),
        credential: Credential { token: Secret::new("secret-token"), expires_at: SystemTime::UNIX_EPOCH },
    };
    let began = Instant::now();
    let error = drain(&nowhere, WhenUnreachable::Proceed, Duration::from_secs(600)).await.unwrap_err();
    assert!(matches!(error, DrainError::Unreachable(_)), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let said = format!("{} {error:?}", ErrorChain(&error));
    assert!(!said.contains("secret-token"), "{said}");

    // One that must be is tried for as long as there is time.
    let error = drain(&nowhere, WhenUnreachable::Refuse, Duration::from_secs(3)).await.unwrap_err();
    assert!(matches!(error, DrainError::Unreachable(_)), "{error:?}");

    let broken = ClusterAccess { certificate_authority_data: "no base64".to_owned(), ..nowhere };
    let error = drain(&broken, WhenUnreachable::Refuse, Duration::from_secs(3)).await.unwrap_err();
    assert!(matches!(error, DrainError::Unreachable(_)), "{error:?}");
}
