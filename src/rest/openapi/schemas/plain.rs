//! Answers that are the same in every shape.

use std::collections::HashMap;

use utoipa::ToSchema;

use super::normalized::GroupParticipant;

#[derive(ToSchema)]
pub struct CountResponse {
    #[schema(minimum = 0)]
    count: i64,
}

#[derive(ToSchema)]
pub struct JoinGroupResponse {
    #[schema(example = "120363000000000001@g.us")]
    id: String,
}

#[derive(ToSchema)]
#[schema(as = Result)]
pub struct Success {
    success: bool,
}

#[derive(ToSchema)]
pub struct PictureResponse {
    /// Where the picture is, or the picture itself as `data:`; `null` where there is none.
    #[schema(required)]
    url: Option<String>,
}

/// Somebody who asks to join.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct GroupJoinRequest {
    #[schema(example = "222@lid")]
    requester_id: String,
    #[schema(required)]
    requester_pn: Option<String>,
    #[schema(required)]
    added_by_id: Option<String>,
    #[schema(required)]
    parent_group_id: Option<String>,
    #[schema(required)]
    request_method: Option<JoinRequestMethod>,
    /// Seconds since 1970; 0 where it is unknown.
    timestamp: i64,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum JoinRequestMethod {
    InviteLink,
    LinkedGroupJoin,
    NonAdminAdd,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct GroupJoinRequestResult {
    requester_id: String,
    success: bool,
    /// WhatsApp's code, where it did not work.
    #[schema(nullable = false)]
    error: Option<u32>,
}

/// Who we are in a session.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct MeInfo {
    #[schema(example = "4915100000001@c.us")]
    id: String,
    #[schema(required)]
    lid: Option<String>,
    push_name: String,
}

#[derive(ToSchema)]
pub struct Session {
    #[schema(example = "default")]
    name: String,
    status: SessionStatus,
    config: SessionConfig,
    /// `null` until it is known.
    #[schema(schema_with = super::super::nullable_me)]
    me: MeInfo,
    /// Always `null`: nobody is watched.
    #[schema(required)]
    presence: Option<String>,
    timestamps: SessionTimestamps,
    engine: SessionEngine,
    wagroups: SessionDetails,
}

#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SessionStatus {
    Stopped,
    Starting,
    ScanQrCode,
    Working,
    Failed,
}

#[derive(ToSchema)]
pub struct SessionConfig {
    metadata: HashMap<String, String>,
}

#[derive(ToSchema)]
pub struct SessionTimestamps {
    /// Always `null`.
    #[schema(required)]
    activity: Option<i64>,
}

#[derive(ToSchema)]
pub struct SessionEngine {
    /// The engine in whose words groups are answered.
    #[schema(example = "GOWS")]
    engine: String,
}

/// What WAHA has no word for.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SessionDetails {
    /// The engine that really runs.
    #[schema(example = "simulator")]
    engine: String,
    /// Of the session's last event.
    #[schema(minimum = 0)]
    sequence: i64,
    #[schema(format = DateTime)]
    create_time: String,
    /// As gRPC has it.
    #[schema(example = "working")]
    status: String,
    /// Why the status is what it is, for people.
    status_reason: String,
    #[schema(format = DateTime)]
    status_time: String,
    /// When all groups were last compared with WhatsApp.
    #[schema(required, format = DateTime)]
    synced_time: Option<String>,
}

/// Who answers.
#[derive(ToSchema)]
#[schema(as = Version)]
pub struct Version {
    #[schema(example = "0.1.0")]
    version: String,
    engine: String,
    #[schema(example = "CORE")]
    tier: String,
    /// Always `null`.
    #[schema(required)]
    browser: Option<String>,
    #[schema(example = "linux/x64")]
    platform: String,
    worker: Worker,
}

#[derive(ToSchema)]
pub struct Worker {
    /// Always `null`.
    #[schema(required)]
    id: Option<String>,
}

/// An event in WAHA's envelope.
#[derive(ToSchema)]
pub struct Event {
    #[schema(example = "evt_01k9zvhc7w0p4d2m8q6r1s3t5v")]
    id: String,
    /// When it was written to the log, in milliseconds since 1970.
    timestamp: i64,
    #[schema(schema_with = super::super::event_name)]
    event: String,
    session: String,
    metadata: HashMap<String, String>,
    #[schema(schema_with = super::super::nullable_me)]
    me: MeInfo,
    payload: EventPayload,
    engine: String,
    environment: Version,
}

/// What happened. Which fields there are depends on the event.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct EventPayload {
    /// When it happened: in seconds, in the shapes of engines in milliseconds.
    timestamp: i64,
    /// The group's id, and what is told of the group.
    #[schema(nullable = false, value_type = Object)]
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
    #[schema(rename = "_data")]
    data: EventData,
}

/// What WAHA has no word for.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct EventData {
    #[schema(minimum = 1)]
    sequence: i64,
    /// Who did it; empty where nobody knows.
    author: String,
    /// The `Idempotency-Key` of the change, where it was ours.
    request_id: String,
    #[schema(example = "ORIGIN_API")]
    origin: String,
    /// What an update changed.
    #[schema(nullable = false)]
    changes: Option<Vec<FieldChange>>,
}

#[derive(ToSchema)]
pub struct FieldChange {
    #[schema(example = "subject")]
    field: String,
    #[schema(schema_with = super::super::anything)]
    old: String,
    #[schema(schema_with = super::super::anything)]
    new: String,
}

/// A page of a group's history.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct EventPage {
    events: Vec<Event>,
    /// Where the next page goes on: its `before`, or its `after` where the oldest come first; `null` at the
    /// end.
    #[schema(required)]
    next: Option<i64>,
    /// The oldest event of the session that is still kept; 0 where there is none.
    #[schema(minimum = 0)]
    oldest_sequence: i64,
}
