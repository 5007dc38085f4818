//! The journal: repeatable, written before the reply, without secrets.

use multicloud_simulator::Config;
use serde_json::{Value, json};

use crate::client::{cluster, faults, nodegroup, start_with};

/// A life with faults and refusals; returns the journal's bytes.
async fn life(seed: u64) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let plan = r#"[{"operation":"*","probability":0.2,"times":1000,"fault":"throttle"},
                   {"operation":"DescribeCluster","point":"reply_lost","fault":"drop","times":2}]"#;
    let config = Config { seed, journal: Some(path.clone()), faults: faults(plan), ..Default::default() };
    let client = start_with(config).await;
    client.try_call("CreateCluster", cluster("c", json!({}))).await.ok();
    for number in 0..20 {
        client.try_call("DescribeCluster", json!({ "name": "c" })).await.ok();
        client.try_call("CreateNodegroup", nodegroup("c", &format!("g{number}"), json!({}))).await.ok();
        let doc = client.simulator.world()["eks"]["123456789012"]["us-east-1"]["clusters"]["c"].clone();
        // What was drawn is in the paths of later requests.
        if let Some(arn) = doc["nodegroups"]["g0"]["nodegroupArn"].as_str() {
            client.try_call("ListTagsForResource", json!({ "resourceArn": arn })).await.ok();
        }
    }
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn the_same_seed_and_requests_write_the_same_bytes() {
    let (one, again, other) = (life(7).await, life(7).await, life(8).await);
    assert_eq!(String::from_utf8(one.clone()).unwrap(), String::from_utf8(again).unwrap());
    assert_ne!(one, other);
    assert!(one.iter().filter(|byte| **byte == b'\n').count() >= 41);
}

#[tokio::test]
async fn lines_are_complete_and_hold_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let client = start_with(Config { journal: Some(path.clone()), ..Default::default() }).await;
    client.ok("CreateCluster", cluster("c", json!({ "tags": { "a": "b" } }))).await;
    client.refused("DescribeCluster", json!({ "name": "d" })).await;
    // The line is there before the reply, so that nothing is to be waited for.
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys: Vec<_> = lines[1].as_object().unwrap().keys().cloned().collect();
    let mut expected =
        ["seq", "time", "cloud", "operation", "region", "method", "path", "status", "committed", "fault"];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(lines[0]["request"]["tags"], json!({ "a": "b" }));
    assert_eq!((&lines[0]["committed"], &lines[1]["committed"]), (&json!(true), &json!(false)));
    assert_eq!((&lines[1]["status"], &lines[1]["path"]), (&json!(404), &json!("/clusters/d")));
    assert!(!text.contains("AKIDEXAMPLE") && !text.contains("Signature"), "{text}");
    let in_memory: Vec<Value> =
        client.simulator.journal().iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
    assert_eq!(in_memory, lines);
}
