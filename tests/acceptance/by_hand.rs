//! Somebody starts the provider's executable by hand: it says what it is and how to use it.

use std::process::{Command, Stdio};

#[test]
fn says_what_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_terraform-provider-multicloud"))
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("cannot start the provider");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in ["multicloud-rs/multicloud", "terraform", "tofu"] {
        assert!(said.to_lowercase().contains(word), "{word} is missing: {said}");
    }
}
