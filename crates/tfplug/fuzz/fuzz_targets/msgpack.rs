//! Any bytes as MessagePack of any type: a type in JSON, a zero byte, the value. What is read is written and read alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tfplug::value::{Type, from_msgpack, to_msgpack};

fuzz_target!(|input: &[u8]| {
    let Some(end) = input.iter().position(|byte| *byte == 0) else { return };
    let Ok(kind) = Type::from_json(&input[..end]) else { return };
    let Ok(value) = from_msgpack(&input[end + 1..], &kind) else { return };
    if value.conforms(&kind).is_ok() {
        let bytes = to_msgpack(&value, &kind).expect("what conforms can be written");
        assert_eq!(from_msgpack(&bytes, &kind).as_ref(), Ok(&value));
    }
});
