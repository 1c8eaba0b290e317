//! Events in WAHA's envelope. `crate::envelope` makes them, for webhooks too; here is what the document says of them.
#![expect(dead_code, reason = "they describe what is made elsewhere")]

use std::collections::HashMap;

use utoipa::ToSchema;

use crate::envelope::words::{GroupParticipant, ParticipantRole};
use crate::envelope::{MeInfo, Version};

/// An event in WAHA's envelope.
#[derive(ToSchema)]
pub struct Event {
    #[schema(example = "evt_01k9zvhc7w0p4d2m8q6r1s3t5v")]
    id: String,
    /// When it was written to the log, in milliseconds since 1970.
    timestamp: i64,
    #[schema(schema_with = crate::rest::answers::schema::event_name)]
    event: String,
    session: String,
    metadata: HashMap<String, String>,
    #[schema(schema_with = crate::rest::answers::schema::nullable_me)]
    me: MeInfo,
    payload: EventPayload,
    engine: String,
    environment: Version,
}

/// What happened. Which fields there are depends on the event.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPayload {
    /// When it happened: in seconds, in the shapes of engines in milliseconds.
    timestamp: i64,
    /// The group's id, and what is known of the group.
    #[schema(nullable = false, required = false, value_type = Object)]
    group: Option<HashMap<String, String>>,
    /// What was done to the participants.
    #[schema(nullable = false, example = "join")]
    r#type: Option<String>,
    #[schema(nullable = false)]
    participants: Option<Vec<GroupParticipant>>,
    /// What became of a request to join.
    #[schema(nullable = false, example = "created")]
    action: Option<String>,
    #[schema(nullable = false)]
    requester_id: Option<String>,
    requester_pn: Option<String>,
    request_method: Option<String>,
    /// Empty where the picture was removed.
    #[schema(nullable = false)]
    picture_id: Option<String>,
    #[serde(rename = "_data")]
    data: EventData,
}

/// What WAHA has no word for.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventData {
    #[schema(minimum = 1)]
    sequence: i64,
    /// Who did it; empty where nobody knows.
    author: String,
    /// The `Idempotency-Key` of the change, where it was ours.
    request_id: String,
    /// The name of the API key whose call it was, where it was ours and keys are set.
    key_name: String,
    #[schema(example = "ORIGIN_API")]
    origin: String,
    /// The trace of the call that caused it, where it came with one (W3C Trace Context).
    #[schema(
        nullable = false,
        example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    )]
    traceparent: Option<String>,
    #[schema(nullable = false)]
    tracestate: Option<String>,
    /// What an update changed.
    #[schema(nullable = false)]
    changes: Option<Vec<FieldChange>>,
    /// The roles of the participants before, by their ids.
    #[schema(nullable = false)]
    previous_roles: Option<HashMap<String, ParticipantRole>>,
    /// The group as it was when we were no longer in it.
    #[schema(nullable = false, required = false, value_type = Object)]
    group: Option<HashMap<String, String>>,
}

#[derive(ToSchema)]
pub struct FieldChange {
    #[schema(example = "subject")]
    field: String,
    #[schema(schema_with = crate::rest::answers::schema::anything)]
    previous: String,
    #[schema(schema_with = crate::rest::answers::schema::anything)]
    current: String,
}
