//! The checked-in protocol code is what the vendored `.proto` files give.
//!
//! protox compiles the files in Rust, so that neither users nor contributors need `protoc`.
//! After a change of a `.proto` file: `UPDATE_EXPECT=1 cargo test -p tfplug --test generated`.

use std::fs;
use std::path::Path;

/// The vendored files, and the Rust file that each protobuf package becomes.
const PROTO_FILES: [&str; 4] = ["tfplugin6.proto", "grpc_controller.proto", "grpc_stdio.proto", "grpc_broker.proto"];
const GENERATED_FILES: [&str; 2] = ["tfplugin6.rs", "plugin.rs"];

#[test]
fn generated_code_matches_the_vendored_protos() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let mut descriptors = protox::compile(PROTO_FILES, [root.join("proto")]).unwrap();
    for file in &mut descriptors.file {
        // Comments stay in the .proto files, which are their one place.
        file.source_code_info = None;
    }
    tonic_prost_build::configure()
        // Values, schemas and private data stay slices of the message they came in.
        .bytes(".")
        .generate_default_stubs(true)
        .out_dir(out.path())
        .compile_fds(descriptors)
        .unwrap();

    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    for name in GENERATED_FILES {
        let fresh = fs::read_to_string(out.path().join(name)).unwrap();
        let checked_in = root.join("src/generated").join(name);
        if update {
            fs::write(&checked_in, &fresh).unwrap();
        }
        let stored = fs::read_to_string(&checked_in).unwrap_or_default();
        assert!(
            stored == fresh,
            "{} differs from proto/: run `UPDATE_EXPECT=1 cargo test -p tfplug --test generated`",
            checked_in.display()
        );
    }
}
