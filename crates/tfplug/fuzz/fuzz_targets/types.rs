//! Any bytes as the JSON form of a type. What is read is written and read alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tfplug::value::Type;

fuzz_target!(|input: &[u8]| {
    let Ok(kind) = Type::from_json(input) else { return };
    assert_eq!(Type::from_json(kind.to_json().as_bytes()), Ok(kind));
});
