//! Answers that are the same in every shape.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::event::Event;
use crate::domain::counter::Sequence;
use crate::envelope::MeInfo;
use crate::envelope::words::SessionStatus;

#[derive(Debug, Serialize, ToSchema)]
pub struct CountResponse {
    #[schema(minimum = 0)]
    pub count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct JoinGroupResponse {
    #[schema(required, nullable = false, example = "120363000000000001@g.us")]
    pub id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Result)]
pub struct Success {
    pub success: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PictureResponse {
    /// Where the picture is, or the picture itself as `data:`; `null` where there is none.
    #[schema(required)]
    pub url: Option<String>,
}

/// Somebody who asks to join.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupJoinRequest {
    #[schema(example = "222@lid")]
    pub requester_id: String,
    #[schema(required)]
    pub requester_pn: Option<String>,
    #[schema(required)]
    pub added_by_id: Option<String>,
    #[schema(required)]
    pub parent_group_id: Option<String>,
    #[schema(required)]
    pub request_method: Option<JoinRequestMethod>,
    /// Seconds since 1970; 0 where it is unknown.
    pub timestamp: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinRequestMethod {
    InviteLink,
    LinkedGroupJoin,
    NonAdminAdd,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupJoinRequestResult {
    pub requester_id: String,
    pub success: bool,
    /// WhatsApp's code, where it did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    #[schema(example = "default")]
    pub name: String,
    pub status: SessionStatus,
    pub config: SessionConfig,
    /// `null` until it is known.
    #[schema(schema_with = crate::rest::answers::schema::nullable_me, required)]
    pub me: Option<MeInfo>,
    /// Always `null`: nobody is watched.
    #[schema(required)]
    pub presence: Option<String>,
    pub timestamps: SessionTimestamps,
    pub engine: SessionEngine,
    pub wagroups: SessionDetails,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SessionConfig {
    pub metadata: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SessionTimestamps {
    /// Always `null`.
    #[schema(required)]
    pub activity: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SessionEngine {
    /// The engine in whose words groups are answered.
    #[schema(example = "GOWS")]
    pub engine: String,
}

/// What WAHA has no word for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionDetails {
    /// The engine that really runs.
    #[schema(example = "simulator")]
    pub engine: String,
    /// Of the session's last event.
    #[schema(value_type = i64, minimum = 0)]
    pub sequence: Sequence,
    #[schema(format = DateTime)]
    pub create_time: String,
    /// As gRPC has it.
    #[schema(example = "working")]
    pub status: String,
    /// Why the status is what it is, for people.
    pub status_reason: String,
    #[schema(format = DateTime)]
    pub status_time: String,
    /// When all groups were last compared with WhatsApp.
    #[schema(required, format = DateTime)]
    pub synced_time: Option<String>,
}

/// A page of a group's history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    #[schema(value_type = Vec<Event>)]
    pub events: Vec<Value>,
    /// Where the next page goes on: its `before`, or its `after` where the oldest come first; `null` at the
    /// end.
    #[schema(required, value_type = Option<i64>)]
    pub next: Option<Sequence>,
    /// The oldest event of the session that is still kept; 0 where there is none.
    #[schema(value_type = i64, minimum = 0)]
    pub oldest_sequence: Sequence,
}
