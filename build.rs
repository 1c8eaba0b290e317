//! Generates the gRPC code from `proto/`. Needs no `protoc`: protox compiles the files in this process.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use protox::prost::Message;

const PROTO_DIR: &str = "proto";

const FILES: [&str; 5] = [
    "wagroups/v1/errors.proto",
    "wagroups/v1/sessions.proto",
    "wagroups/v1/groups.proto",
    "wagroups/v1/simulator.proto",
    "wagroups/v1/webhooks.proto",
];

/// Variants so much larger than their siblings that they would set the size of the whole enum.
const BOXED: [&str; 2] =
    [".wagroups.v1.GroupEvent.body.joined", ".wagroups.v1.GroupChange.change.completed"];

/// Messages that carry groups or events already encoded; `src/pb/shared.rs` declares them.
const SHARED: [&str; 5] = [
    "GetGroupResponse",
    "InitialGroup",
    "ListGroupEventsResponse",
    "ListGroupsResponse",
    "WatchGroupEventsResponse",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO_DIR}");
    println!("cargo:rerun-if-changed=build.rs");

    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::Compiler::new([PROTO_DIR])?
        .include_source_info(false)
        .include_imports(true)
        .open_files(FILES)?
        .file_descriptor_set();
    fs::write(out_dir.join("wagroups_descriptor.bin"), descriptors.encode_to_vec())?;

    let mut builder = tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .bytes(".")
        .codec_path("crate::pb::codec::LeanCodec");
    for message in SHARED {
        builder =
            builder.extern_path(format!(".wagroups.v1.{message}"), format!("crate::pb::{message}"));
    }
    for path in BOXED {
        builder = builder.boxed(path);
    }
    builder.compile_fds(descriptors)?;
    Ok(())
}
