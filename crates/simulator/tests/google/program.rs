//! The program: what it prints, and how other processes reach the world.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::client::{ZONE, start};

const PROGRAM: &str = env!("CARGO_BIN_EXE_multicloud-simulator");

#[test]
fn the_ready_line_names_the_endpoints_and_the_end_of_input_ends_it() {
    let mut child = Command::new(PROGRAM)
        .args(["--clouds", "google", "--until-eof"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let urls: Value = serde_json::from_str(&line).unwrap();
    let keys: Vec<&String> = urls.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["google", "google_compute", "google_serviceusage"]);
    assert!(urls["google"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn help_lists_what_exists() {
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "simulated-project",
        "us-central1 (abcf)",
        "e2-standard-4",
        "channel REGULAR",
        "world/google/<project>/<location>",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[tokio::test]
async fn other_processes_change_the_world_over_http() {
    let client = start().await;
    let path = "/_simulator/world/google/simulated-project/us-east1-b/clusters/theirs";
    let put = client.send("google_compute", "PUT", path, r#"{"description":"by hand"}"#, &[]).await.unwrap();
    assert_eq!(put.status, 200);
    let doc = client.ok("clusters.get", format!("{ZONE}/clusters/theirs"), json!({})).await;
    assert_eq!(doc["description"], "by hand");
    assert_eq!(client.send("google", "DELETE", path, "", &[]).await.unwrap().status, 200);
    assert_eq!(client.send("google", "DELETE", path, "", &[]).await.unwrap().status, 400);
}
