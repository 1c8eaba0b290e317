//! Generates the gRPC code from `proto/`. Needs no `protoc`: protox compiles the files in this process.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
};
use protox::prost::Message;

const PROTO_DIR: &str = "proto";

const FILES: [&str; 6] = [
    "wagroups/v1/errors.proto",
    "wagroups/v1/sessions.proto",
    "wagroups/v1/groups.proto",
    "wagroups/v1/relay.proto",
    "wagroups/v1/simulator.proto",
    "wagroups/v1/webhooks.proto",
];

/// Variants so much larger than their siblings that they would set the size of the whole enum.
const BOXED: [&str; 4] = [
    ".wagroups.v1.GroupEvent.body.joined",
    ".wagroups.v1.GroupEvent.body.left",
    ".wagroups.v1.GroupEvent.body.deleted",
    ".wagroups.v1.GroupChange.change.completed",
];

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

    let groups = GroupsContract::find(&descriptors)?;
    fs::write(out_dir.join("groups_service.rs"), groups.service())?;
    fs::write(out_dir.join("changes_group.rs"), groups.changes_group())?;

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

/// What the service's own code repeats for each RPC of `GroupsService`.
struct GroupsContract<'a> {
    file: &'a FileDescriptorProto,
    service: &'a ServiceDescriptorProto,
}

impl<'a> GroupsContract<'a> {
    fn find(descriptors: &'a FileDescriptorSet) -> Result<Self, Box<dyn Error>> {
        let services = descriptors
            .file
            .iter()
            .flat_map(|file| file.service.iter().map(move |service| Self { file, service }));
        let mut services = services.filter(|found| found.service.name() == "GroupsService");
        services.next().ok_or_else(|| "the contract has no GroupsService".into())
    }

    /// Leads each RPC to the method of its name, of a type that has no other: one that is missing must not compile.
    fn service(&self) -> String {
        let methods = self.service.method.iter().map(|method| {
            let name = snake_case(method.name());
            let request = last_part(method.input_type());
            let (stream, response) = if method.server_streaming() {
                let stream = format!("    type {}Stream = WatchStream;\n", method.name());
                (stream, "WatchStream".to_owned())
            } else {
                (String::new(), format!("pb::{}", last_part(method.output_type())))
            };
            format!(
                "{stream}    async fn {name}(&self, request: Request<pb::{request}>) \
                 -> Result<Response<{response}>, Status> {{\n        \
                 self.0.{name}(request).await\n    }}\n"
            )
        });
        let methods: String = methods.collect();
        format!("#[tonic::async_trait]\nimpl GroupsService for GroupsRpcs {{\n{methods}}}\n")
    }

    /// The accessors of each request that changes one group.
    fn changes_group(&self) -> String {
        const FIELDS: [&str; 3] = ["session", "group_id", "request_id"];
        let has = |message: &DescriptorProto, name: &str| {
            message.field.iter().any(|field| field.name() == name)
        };
        let requests = self.service.method.iter().map(|method| last_part(method.input_type()));
        let changes = requests.filter(|request| {
            let message = self.file.message_type.iter().find(|found| found.name() == *request);
            message.is_some_and(|message| FIELDS.iter().all(|name| has(message, name)))
        });
        let accessors = FIELDS
            .map(|name| format!("    fn {name}(&self) -> &str {{\n        &self.{name}\n    }}\n"));
        changes
            .map(|request| {
                format!("impl ChangesGroup for pb::{request} {{\n{}}}\n", accessors.concat())
            })
            .collect()
    }
}

/// Of a type's full name.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Of a name like `GetGroup`, as the generated trait has it.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
