//! The aws CLI, a client that we did not write, leads a cluster through its life.

use std::process::Command;

use multicloud_simulator::Running;
use serde_json::Value;

use crate::client::{NODE_ROLE, ROLE, SUBNET_A, SUBNET_B, start};

const NEEDED: &str =
    "the aws CLI is needed: run `cargo xtask test`, which provides it, or `python3 -m pip install awscli`";

/// Beyond any duration here.
const LONG: std::time::Duration = std::time::Duration::from_secs(3600);

fn aws(simulator: &Running, arguments: &[&str]) -> Result<Value, String> {
    let service = arguments[0];
    let url = simulator.url(service).unwrap();
    let mut command = Command::new("aws");
    command.args(["--endpoint-url", url, "--region", "us-east-1", "--output", "json", "--no-cli-pager"]);
    if !pager_is_known() {
        command = Command::new("aws");
        command.args(["--endpoint-url", url, "--region", "us-east-1", "--output", "json"]);
    }
    command.args(arguments).env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    // Nothing of the user's own configuration.
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env_remove("AWS_PROFILE");
    let output = command.output().expect(NEEDED);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    // Operations without a result print nothing.
    Ok(if output.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&output.stdout).unwrap() })
}

/// Version 2 of the CLI opens a pager unless told not to; version 1 does not know the option.
fn pager_is_known() -> bool {
    static VERSION: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let output = Command::new("aws").arg("--version").output();
        let output = output.expect(NEEDED);
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    VERSION.starts_with("aws-cli/2")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_aws_cli_completes_a_life() {
    let client = start().await;
    let simulator = &client.simulator;
    let run = |arguments: &[&str]| aws(simulator, arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    let status = |pointer: &str, arguments: &[&str]| {
        simulator.advance(LONG);
        run(arguments).pointer(pointer).and_then(Value::as_str).map(str::to_owned)
    };
    let cluster = ["eks", "describe-cluster", "--name", "c"];
    let group = ["eks", "describe-nodegroup", "--cluster-name", "c", "--nodegroup-name", "g"];

    assert_eq!(run(&["sts", "get-caller-identity"])["Account"], "123456789012");
    let subnets = format!("subnetIds={SUBNET_A},{SUBNET_B}");
    let created = run(&[
        "eks",
        "create-cluster",
        "--name",
        "c",
        "--role-arn",
        ROLE,
        "--resources-vpc-config",
        &subnets,
        "--kubernetes-version",
        "1.32",
        "--access-config",
        "authenticationMode=API_AND_CONFIG_MAP",
        "--tags",
        "team=platform",
    ]);
    assert_eq!(created["cluster"]["status"], "CREATING");
    assert_eq!(status("/cluster/status", &cluster).as_deref(), Some("ACTIVE"));
    run(&[
        "eks",
        "create-nodegroup",
        "--cluster-name",
        "c",
        "--nodegroup-name",
        "g",
        "--node-role",
        NODE_ROLE,
        "--subnets",
        SUBNET_A,
        SUBNET_B,
        "--scaling-config",
        "minSize=1,maxSize=3,desiredSize=1",
        "--labels",
        "tier=web",
        "--taints",
        "key=k,value=v,effect=NO_SCHEDULE",
    ]);
    assert_eq!(status("/nodegroup/status", &group).as_deref(), Some("ACTIVE"));
    run(&[
        "eks",
        "update-nodegroup-config",
        "--cluster-name",
        "c",
        "--nodegroup-name",
        "g",
        "--scaling-config",
        "desiredSize=3",
        "--labels",
        "addOrUpdateLabels={tier=app}",
    ]);
    assert_eq!(status("/nodegroup/labels/tier", &group).as_deref(), Some("app"));
    let accepted = run(&["eks", "update-cluster-version", "--name", "c", "--kubernetes-version", "1.33"]);
    let id = accepted["update"]["id"].as_str().unwrap();
    let update = status("/update/status", &["eks", "describe-update", "--name", "c", "--update-id", id]);
    assert_eq!(update.as_deref(), Some("Successful"));
    run(&[
        "eks",
        "update-nodegroup-version",
        "--cluster-name",
        "c",
        "--nodegroup-name",
        "g",
        "--kubernetes-version",
        "1.33",
    ]);
    assert_eq!(status("/nodegroup/version", &group).as_deref(), Some("1.33"));
    run(&["eks", "update-cluster-config", "--name", "c", "--resources-vpc-config", "endpointPrivateAccess=true"]);
    let private = format!("{:?}", status("/cluster/status", &cluster));
    assert_eq!(private, "Some(\"ACTIVE\")");
    assert_eq!(run(&cluster)["cluster"]["resourcesVpcConfig"]["endpointPrivateAccess"], true);

    let offers = run(&["eks", "describe-addon-versions", "--addon-name", "coredns", "--kubernetes-version", "1.33"]);
    assert!(!offers["addons"].as_array().unwrap().is_empty());
    let addon = ["eks", "describe-addon", "--cluster-name", "c", "--addon-name", "coredns"];
    run(&["eks", "create-addon", "--cluster-name", "c", "--addon-name", "coredns"]);
    assert_eq!(status("/addon/status", &addon).as_deref(), Some("ACTIVE"));
    run(&["eks", "update-addon", "--cluster-name", "c", "--addon-name", "coredns", "--configuration-values", "{}"]);
    assert_eq!(status("/addon/configurationValues", &addon).as_deref(), Some("{}"));
    run(&["eks", "delete-addon", "--cluster-name", "c", "--addon-name", "coredns"]);

    let alice = "arn:aws:iam::123456789012:user/alice";
    let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
    let entry = ["--cluster-name", "c", "--principal-arn", alice];
    let with_entry = |first: &[&'static str], last: &[&'static str]| {
        let all: Vec<&str> = ["eks"].iter().chain(first).chain(&entry).chain(last).copied().collect();
        run(&all)
    };
    with_entry(&["create-access-entry"], &[]);
    with_entry(&["associate-access-policy"], &["--policy-arn", policy, "--access-scope", "type=cluster"]);
    let policies = with_entry(&["list-associated-access-policies"], &[]);
    assert_eq!(policies["associatedAccessPolicies"][0]["policyArn"], policy);
    with_entry(&["disassociate-access-policy"], &["--policy-arn", policy]);
    with_entry(&["delete-access-entry"], &[]);

    let arn = created["cluster"]["arn"].as_str().unwrap();
    run(&["eks", "tag-resource", "--resource-arn", arn, "--tags", "a=1,b=2"]);
    run(&["eks", "untag-resource", "--resource-arn", arn, "--tag-keys", "a", "team"]);
    assert_eq!(run(&["eks", "list-tags-for-resource", "--resource-arn", arn])["tags"], serde_json::json!({ "b": "2" }));

    let error = aws(simulator, &["eks", "delete-cluster", "--name", "c"]).unwrap_err();
    assert!(error.contains("ResourceInUseException") && error.contains("Cluster has nodegroups attached"), "{error}");
    run(&["eks", "delete-nodegroup", "--cluster-name", "c", "--nodegroup-name", "g"]);
    simulator.advance(LONG);
    run(&["eks", "delete-cluster", "--name", "c"]);
    simulator.advance(LONG);
    let error = aws(simulator, &cluster).unwrap_err();
    assert!(error.contains("ResourceNotFoundException") && error.contains("No cluster found for name: c."), "{error}");
    assert_eq!(run(&["eks", "list-clusters"])["clusters"], serde_json::json!([]));
}
