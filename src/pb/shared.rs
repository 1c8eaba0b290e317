//! Responses that carry groups and events already encoded.
//!
//! On the wire an embedded message is its bytes behind a length, just as a `bytes` field is. These
//! types declare the embedded groups and events as `bytes`, so that one that was encoded when it
//! changed goes to every reader as it is. For a client nothing differs; `tests/it` decodes them
//! with the contract's own types.

use bytes::Bytes;

use super::{InitialStateEnd, Progress};

#[derive(Clone, PartialEq, prost::Message)]
pub struct GetGroupResponse {
    /// An encoded `Group`.
    #[prost(bytes = "bytes", tag = "1")]
    pub group: Bytes,
    #[prost(int64, tag = "2")]
    pub as_of_sequence: i64,
    #[prost(message, optional, tag = "3")]
    pub synced_time: Option<prost_types::Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ListGroupsResponse {
    /// Encoded `Group`s.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub groups: Vec<Bytes>,
    #[prost(string, tag = "2")]
    pub next_page_token: String,
    #[prost(int64, tag = "3")]
    pub as_of_sequence: i64,
    #[prost(message, optional, tag = "4")]
    pub synced_time: Option<prost_types::Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ListGroupEventsResponse {
    /// Encoded `GroupEvent`s.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub events: Vec<Bytes>,
    #[prost(string, tag = "2")]
    pub next_page_token: String,
    #[prost(int64, tag = "3")]
    pub as_of_sequence: i64,
    #[prost(int64, tag = "4")]
    pub oldest_sequence: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct InitialGroup {
    #[prost(string, tag = "1")]
    pub session: String,
    /// An encoded `Group`.
    #[prost(bytes = "bytes", tag = "2")]
    pub group: Bytes,
    #[prost(int64, tag = "3")]
    pub as_of_sequence: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct WatchGroupEventsResponse {
    /// Encoded `GroupEvent`s.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub events: Vec<Bytes>,
    #[prost(bytes = "bytes", tag = "2")]
    pub resume_token: Bytes,
    #[prost(message, repeated, tag = "3")]
    pub initial_groups: Vec<InitialGroup>,
    #[prost(message, optional, tag = "4")]
    pub initial_state_end: Option<InitialStateEnd>,
    #[prost(message, optional, tag = "5")]
    pub progress: Option<Progress>,
}
