//! An event as a message of JetStream.

use async_nats::HeaderMap;
use async_nats::jetstream::message::PublishMessage;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{Options, Payload, subject};
use crate::domain::port::event_bus::Publication;
use crate::domain::relay::RelayRun;
use crate::domain::token::ResumeToken;
use crate::pb::event::trace_of;
use crate::pb::json;

/// The place behind the event, by which a watch goes on from it, in base64.
const TOKEN: &str = "Wagroups-Token";
/// The event's number in its session.
const SEQUENCE: &str = "Wagroups-Sequence";
/// Which replay published it; 0 before the first one.
const REPLAY: &str = "Wagroups-Replay";
/// The subjects that `Nats-Expected-Last-Subject-Sequence` speaks of; without it, of the message's own alone.
const EXPECTED_SUBJECTS: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// What is wrong with it where it cannot be written.
pub(super) fn of(
    options: &Options,
    publication: &Publication<'_>,
    after: u64,
) -> Result<PublishMessage, String> {
    let event = publication.event;
    let (payload, content_type) = match options.payload {
        Payload::Protobuf => (event.wire.clone(), "application/protobuf"),
        Payload::Json => {
            let text = json::text_of_bytes("GroupEvent", &event.wire)?;
            (Bytes::from(text), "application/json")
        }
    };
    let id = event.id.to_string();
    let mut headers = HeaderMap::new();
    headers.insert(EXPECTED_SUBJECTS, subject::of_session(&options.subject_prefix, &event.session));
    headers.insert(SEQUENCE, event.sequence.get().to_string());
    headers.insert(REPLAY, publication.run.number.to_string());
    headers.insert(TOKEN, STANDARD.encode(publication.token.encode()));
    // CloudEvents 1.0. Its binding for NATS has no headers; these are named as its binding for HTTP names them.
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", id.as_str());
    headers.insert("ce-source", format!("/wagroups/sessions/{}", event.session));
    headers.insert("ce-type", format!("wagroups.v1.{}", event.event_type.as_str()));
    headers.insert("ce-time", event.record_time.to_string());
    if let Some(group) = &event.group_id {
        headers.insert("ce-subject", group.as_str());
    }
    if let Some(trace) = trace_of(&event.wire) {
        for (name, value) in trace.headers() {
            headers.insert(name, value);
            // CloudEvents' extension for distributed tracing has the same names.
            headers.insert(format!("ce-{name}"), value);
        }
    }
    headers.insert("Content-Type", content_type);
    // Within its window the stream would take a repetition for the same message.
    let message_id = match publication.run {
        RelayRun { repeats: true, number } => format!("{id}.r{number}"),
        RelayRun { repeats: false, .. } => id,
    };
    Ok(PublishMessage::build()
        .payload(payload)
        .headers(headers)
        .message_id(message_id)
        .expected_stream(&options.stream)
        .expected_last_subject_sequence(after))
}

/// The place that a message of ours names.
pub(super) fn token_of(headers: &HeaderMap) -> Option<ResumeToken> {
    let text = headers.get(TOKEN)?;
    let bytes = STANDARD.decode(text.as_str()).ok()?;
    ResumeToken::decode(&bytes).ok()
}

/// The replay that published a message of ours.
pub(super) fn run_of(headers: &HeaderMap) -> u32 {
    headers.get(REPLAY).and_then(|number| number.as_str().parse().ok()).unwrap_or(0)
}
