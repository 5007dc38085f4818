//! Any bytes as state of any type: a type in JSON, a zero byte, the state. What is read is written and read alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tfplug::value::{Type, from_json, from_state_json, to_json};

fuzz_target!(|input: &[u8]| {
    let Some(end) = input.iter().position(|byte| *byte == 0) else { return };
    let Ok(kind) = Type::from_json(&input[..end]) else { return };
    let Ok(value) = from_state_json(&input[end + 1..], &kind) else { return };
    if value.conforms(&kind).is_ok() {
        let json = to_json(&value, &kind).expect("what conforms and is known can be written");
        assert_eq!(from_json(json.as_bytes(), &kind).as_ref(), Ok(&value));
    }
});
