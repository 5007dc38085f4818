//! The program: its ready line with Azure, and its help.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_multicloud-simulator");

#[test]
fn it_names_the_file_of_its_authority_and_takes_it_along() {
    let mut child = Command::new(PROGRAM)
        .args(["--clouds", "azure", "--until-eof"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let keys: Vec<_> = ready.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["azure", "azure_authority", "ca_bundle"]);
    let bundle = PathBuf::from(ready["ca_bundle"].as_str().unwrap());
    assert!(std::fs::read_to_string(&bundle).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(!bundle.exists());
}

#[test]
fn help_lists_what_exists() {
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "00000000-0000-4000-8000-000000000001",
        "00000000-0000-4000-8000-000000000002 (not registered",
        "platform (eastus)",
        "Standard_D2s_v5",
        "1.33.5",
        "world/azure/<subscription>",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}
