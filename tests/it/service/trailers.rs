//! What an error takes of its trailers, whatever was asked.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    MethodDescriptor, Value,
};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use wagroups::pb;

use crate::harness::service::{Service, reason, violated_fields};
use crate::random::chance::Chance;

/// Stubs take 8 KiB of it unless told otherwise.
const MAX_BLOCK_BYTES: usize = 6 * 1024;

/// As HTTP/2 counts it: each field with 32 bytes for itself.
fn block_bytes(status: &Status) -> usize {
    let response = status.clone().into_http::<()>();
    let fields = response.headers().iter();
    let status_field = ":status".len() + 3 + 32;
    status_field + fields.map(|(name, value)| name.as_str().len() + value.len() + 32).sum::<usize>()
}

#[track_caller]
fn assert_short(status: &Status, what: &str) {
    let bytes = block_bytes(status);
    assert!(bytes < MAX_BLOCK_BYTES, "{what}: {bytes} bytes: {status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_violations_are_told_and_how_many_more_there_are() {
    let service = Service::on_sqlite().await;
    let add = pb::AddParticipantsRequest {
        session: "default".into(),
        group_id: "120363000000000001@g.us".into(),
        participant_ids: (0..1024).map(|number| format!("nobody {number}")).collect(),
        ..Default::default()
    };
    let status = service.groups().add_participants(add).await.expect_err("refused");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    assert_short(&status, "1,024 bad participants");
    let told = violated_fields(&status);
    assert!((5..=20).contains(&told.len()), "{told:?}");
    let first: Vec<String> = (0..told.len()).map(|at| format!("participant_ids[{at}]")).collect();
    assert_eq!(told, first);
    let more = (1024 - told.len()).to_string();
    let details = status.get_error_details();
    let metadata = &details.error_info().expect("an ErrorInfo").metadata;
    assert_eq!(metadata.get("more_violations"), Some(&more));
    assert!(
        status.message().contains("participant_ids[0], ") && status.message().ends_with(" more")
    );
}

/// A list of a quarter of a megabyte took 128 MB and a trailer of 3.7 MB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_too_long_is_not_looked_at() {
    let service = Service::on_sqlite().await;
    let values = vec![99; 100_000];
    let list = pb::ListGroupEventsRequest {
        session: "default".into(),
        types: values.clone(),
        ..Default::default()
    };
    let status = service.groups().list_group_events(list).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["types"]);
    let watch = pb::WatchGroupEventsRequest { types: values.clone(), ..Default::default() };
    let status = service.groups().watch_group_events(watch).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["types"]);
    let members = pb::ListParticipantsRequest {
        session: "default".into(),
        group_id: "120363000000000001@g.us".into(),
        roles: values.clone(),
        ..Default::default()
    };
    let status = service.groups().list_participants(members).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["roles"]);
    let filter = pb::GroupFilter { my_roles: values.clone(), ..Default::default() };
    let groups = pb::CountGroupsRequest {
        session: "default".into(),
        filter: Some(filter),
        ..Default::default()
    };
    let status = service.groups().count_groups(groups).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["filter.my_roles"]);
    let sessions = pb::ListSessionsRequest {
        statuses: values.clone(),
        engines: values.clone(),
        ..Default::default()
    };
    let status = service.sessions().list_sessions(sessions).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["statuses", "engines"]);
    let webhooks = pb::ListWebhooksRequest { states: values, ..Default::default() };
    let status = service.webhooks().list_webhooks(webhooks).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["states"]);
    let paths = vec!["ü".repeat(50); 1000];
    let update = pb::UpdateSessionRequest {
        session: "default".into(),
        update_mask: Some(prost_types::FieldMask { paths }),
        ..Default::default()
    };
    let status = service.sessions().update_session(update).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["update_mask"]);
    let fault =
        pb::InjectFaultRequest { operations: vec![String::new(); 50_000], ..Default::default() };
    let status = service.simulator().inject_fault(fault).await.expect_err("refused");
    assert_eq!(violated_fields(&status), ["operations", "fault"]);
}

/// Messages as bytes, so that any method can be called.
#[derive(Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// The error that the method answers, if it answers one soon.
async fn refused(service: &Service, method: &MethodDescriptor, message: Bytes) -> Option<Status> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let mut client = tonic::client::Grpc::new(service.channel.clone());
    let call = async {
        client.ready().await.expect("a connection");
        let mut request = Request::new(message);
        // The longest that is taken.
        request.metadata_mut().insert("x-request-id", "i".repeat(128).parse().expect("an id"));
        let path = path.parse().expect("a path");
        let mut answers = client.server_streaming(request, path, Plain).await?.into_inner();
        while answers.message().await?.is_some() {}
        Ok::<_, Status>(())
    };
    tokio::time::timeout(Duration::from_millis(300), call).await.ok()?.err()
}

/// A message whose every field may be as ugly as can be.
fn ugly(kind: &MessageDescriptor, chance: &mut Chance, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(kind.clone());
    for field in kind.fields() {
        if depth > 3 || chance.one_in(4) {
            continue;
        }
        let count = *chance.of(&[0, 1, 3, 40, 1200]);
        // Together they fit into what a call may send.
        let count = if depth == 0 { count } else { count.min(40) };
        let value = if field.is_map() {
            let entries = (0..count.min(80))
                .map(|_| (MapKey::String(text(chance)), Value::String(text(chance))));
            Value::Map(entries.collect())
        } else if field.is_list() {
            let long = chance.one_in(2) && count <= 40;
            let values = (0..count).map(|_| match one(&field, chance, depth) {
                Value::String(text) if !long => Value::String(text.chars().take(20).collect()),
                value => value,
            });
            Value::List(values.collect())
        } else {
            one(&field, chance, depth)
        };
        message.set_field(&field, value);
    }
    message
}

fn one(field: &FieldDescriptor, chance: &mut Chance, depth: usize) -> Value {
    let number = *chance.of(&[0, 1, -1, 7, 99, i64::MAX, i64::MIN]);
    match field.kind() {
        Kind::String => Value::String(text(chance)),
        Kind::Bytes => Value::Bytes(text(chance).into_bytes().into()),
        Kind::Bool => Value::Bool(chance.one_in(2)),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number as u64),
        Kind::Double => Value::F64(f64::NAN),
        Kind::Float => Value::F32(f32::INFINITY),
        Kind::Enum(_) => Value::EnumNumber(*chance.of(&[0, 1, 2, 3, 99, -1, i32::MAX])),
        Kind::Message(kind) => Value::Message(ugly(&kind, chance, depth + 1)),
    }
}

fn text(chance: &mut Chance) -> String {
    let length = *chance.of(&[1, 10, 100, 3000]);
    let part =
        *chance.of(&["x", "ü", "€", "\u{1f600}", "\"", "\\", "%", "\n", "\u{7f}", " ", "0", "+1"]);
    let known = [
        String::new(),
        "default".into(),
        "nobody".into(),
        "4915100000001@c.us".into(),
        "120363000000000001@g.us".into(),
        "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d11".into(),
    ];
    if chance.one_in(2) { chance.of(&known).clone() } else { part.repeat(length) }
}

/// Whatever is asked of any method, its error fits, and it is the caller's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trailers_of_every_method_stay_below_six_kibibytes() {
    let service = Service::on_sqlite().await;
    let pool = DescriptorPool::decode(pb::DESCRIPTORS).expect("descriptors");
    let ours = pool.services().filter(|service| service.full_name().starts_with("wagroups."));
    let methods: Vec<MethodDescriptor> =
        ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    assert!(methods.len() > 50, "{}", methods.len());
    let mut chance = Chance::new(12);
    for round in 0..12 {
        for method in &methods {
            let message = ugly(&method.input(), &mut chance, 0).encode_to_vec();
            let what = format!("round {round}, {}: {} bytes", method.full_name(), message.len());
            let Some(status) = refused(&service, method, message.into()).await else { continue };
            assert_short(&status, &what);
            assert!(!matches!(status.code(), Code::Internal | Code::Unknown), "{what}: {status:?}");
            assert!(status.get_error_details().error_info().is_some(), "{what}: {status:?}");
        }
    }
}
