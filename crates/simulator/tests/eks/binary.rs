//! The program: its ready line, its flags, its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_multicloud-simulator");

/// A started program, killed with the test.
struct Started {
    child: Child,
    ready: Value,
}

impl Drop for Started {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(arguments: &[&str]) -> Started {
    let mut command = Command::new(PROGRAM);
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    Started { child, ready: serde_json::from_str(&line).unwrap() }
}

/// The status line of an unsigned request: the server lives if there is one.
fn knock(url: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /clusters HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.lines().next().unwrap().to_owned()
}

#[test]
fn it_says_where_it_is_and_ends_on_sigterm() {
    let mut started = start(&["--clouds", "eks", "--seed", "3"]);
    let keys: Vec<_> = started.ready.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["eks", "sts"]);
    // The end of its input alone is no reason to end.
    drop(started.child.stdin.take());
    assert_eq!(knock(started.ready["eks"].as_str().unwrap()), "HTTP/1.1 403 Forbidden");
    let id = started.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(started.child.wait().unwrap().success());
}

#[test]
fn it_ends_with_its_input_when_told_so() {
    let mut started = start(&["--until-eof"]);
    knock(started.ready["sts"].as_str().unwrap());
    drop(started.child.stdin.take());
    assert!(started.child.wait().unwrap().success());
}

#[test]
fn files_are_read_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("faults"), r#"[{"call":1,"fault":"throttle"}]"#).unwrap();
    let config = "clusters:\n- {name: c, cluster: {server: 'https://k', certificate-authority-data: Q0E=}}\n";
    std::fs::write(path("kubeconfig"), config).unwrap();
    let started = start(&[
        "--faults",
        &path("faults"),
        "--journal",
        &path("journal"),
        "--kubeconfig",
        &path("kubeconfig"),
        "--step",
        "1",
    ]);
    assert_eq!(knock(started.ready["eks"].as_str().unwrap()), "HTTP/1.1 429 Too Many Requests");
    let line: Value = serde_json::from_str(std::fs::read_to_string(path("journal")).unwrap().trim_end()).unwrap();
    assert_eq!((&line["fault"], &line["time"]), (&"uncommitted/throttle".into(), &"2026-01-01T00:00:01.000Z".into()));
}

#[test]
fn what_it_cannot_use_it_refuses_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("faults");
    std::fs::write(&file, r#"[{"operation":"MakeCluster","fault":"slow"}]"#).unwrap();
    let file = file.to_str().unwrap();
    for (arguments, part) in [
        (["--faults", file], "no operation is called \"MakeCluster\""),
        (["--faults", "/nowhere"], "cannot read /nowhere"),
        (["--kubeconfig", file], "is not a kubeconfig"),
        (["--journal", "/nowhere/journal"], "cannot write the journal"),
        (["--clouds", "ibm"], "invalid value 'ibm'"),
    ] {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(part), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_lists_what_exists() {
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "123456789012",
        "us-east-1",
        "subnet-0000000000000000a",
        "sg-0000000000000000a",
        "eks-node",
        "1.33",
        "reply_cut",
        "/_simulator/",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}
