//! The credential of an ephemeral kubeconfig is renewed before it ends. In process: a real run would have to last for a
//! quarter of an hour.

use std::time::{Duration, SystemTime};

use multicloud_simulator::fault::FaultPlan;
use multicloud_simulator::{Config, Running, Simulator};
use serde_json::json;
use terraform_provider_multicloud::MulticloudProvider;
use tfplug::testing::Core;

const KUBECONFIG: &str = "multicloud_kubeconfig";
const ENVIRONMENT: &str = "eks/123456789012/us-east-1/test";
const CLUSTER: &str = "123456789012/us-east-1/clusters/test";
const DAY: u64 = 24 * 60 * 60;

/// A simulated cloud with one cluster in it, and a provider configured for it.
async fn cluster() -> (Running, Core<MulticloudProvider>) {
    let simulator = Simulator::start(Config::default()).await.expect("the simulator starts");
    simulator.put("eks", CLUSTER, json!({})).expect("a cluster can be made");
    let core = Core::new(MulticloudProvider);
    let aws = json!({
        "region": "us-east-1",
        "endpoint": simulator.url("eks"),
        "sts_endpoint": simulator.url("sts"),
        "access_key": "test",
        "secret_key": "accepted-by-every-simulator",
    });
    assert_eq!(core.configure(json!({ "owner": "acceptance", "aws": aws })).await, []);
    (simulator, core)
}

/// How often the cloud was asked for the cluster.
fn asked(simulator: &Running) -> usize {
    simulator.journal().iter().filter(|entry| entry.operation == "DescribeCluster").count()
}

fn break_next_request(simulator: &Running, fault: &str) {
    let rules = json!([{ "operation": "DescribeCluster", "fault": fault }]).to_string();
    simulator.add_faults(FaultPlan::from_json(&rules).expect("a fault plan")).expect("one that fits");
}

/// The seconds from a moment to what RFC 3339 says, which is less than a day later.
fn seconds_until(moment: SystemTime, text: &str) -> u64 {
    let number = |range| text.get(range).and_then(|digits: &str| digits.parse::<u64>().ok()).expect("a number");
    let of_day = number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    (of_day + DAY - since % DAY) % DAY
}

#[tokio::test]
async fn core_comes_back_while_the_token_is_good() {
    let (_simulator, core) = cluster().await;
    let opening = SystemTime::now();
    let (access, _, renew_at, messages) = core.open(KUBECONFIG, json!({ "environment_id": ENVIRONMENT })).await;
    assert_eq!(messages, []);
    let renew_at = renew_at.expect("nobody comes back");
    let expires_at = access.get("expires_at").and_then(|value| value.as_str()).expect("it has an end");
    // The cluster accepts a token for 15 minutes.
    assert!(seconds_until(opening, expires_at) <= 15 * 60, "{expires_at}");
    // A renewal that is slow or has to be repeated still comes in time, and not much more often than needed.
    assert!((60..=300).contains(&seconds_until(renew_at, expires_at)), "{renew_at:?}, {expires_at}");
}

#[tokio::test]
async fn each_renewal_asks_the_cloud_and_names_the_next() {
    let (simulator, core) = cluster().await;
    let (_, mut private, renew_at, _) = core.open(KUBECONFIG, json!({ "environment_id": ENVIRONMENT })).await;
    let mut last = renew_at.expect("nobody comes back");
    for renewal in 0..3 {
        let before = asked(&simulator);
        if renewal == 1 {
            // Trouble that passes is not the run's.
            break_next_request(&simulator, "throttle");
        }
        let (kept, next, messages) = core.renew(KUBECONFIG, private).await;
        assert_eq!(messages, []);
        assert!(asked(&simulator) > before, "renewal {renewal} asked nobody");
        let next = next.expect("nobody comes back");
        assert!(next >= last && next > SystemTime::now() + Duration::from_secs(60), "renewal {renewal}: {next:?}");
        (private, last) = (kept, next);
    }
    assert_eq!(core.close(KUBECONFIG, private).await, []);
}

#[tokio::test]
async fn a_renewal_that_fails_says_of_which_environment() {
    let (simulator, core) = cluster().await;
    let (_, private, _, _) = core.open(KUBECONFIG, json!({ "environment_id": ENVIRONMENT })).await;

    break_next_request(&simulator, "access_denied");
    let (_, _, messages) = core.renew(KUBECONFIG, private.clone()).await;
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert!(message.is_error && message.detail.contains(ENVIRONMENT), "{message:?}");

    // It was the cloud's answer, not ours: the next one is another.
    let (private, next, messages) = core.renew(KUBECONFIG, private).await;
    assert_eq!((next.is_some(), messages), (true, vec![]));

    simulator.remove("eks", CLUSTER).expect("there is a cluster");
    let (_, _, messages) = core.renew(KUBECONFIG, private).await;
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert!(message.is_error && message.detail.contains(ENVIRONMENT), "{message:?}");
}
