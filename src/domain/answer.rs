//! What a mutation answers, and what is kept of it under its request id.

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::id::GroupId;
use super::participant::ParticipantResult;

/// What is known of a mutation before its commit: verdicts, not the group's whole state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The group that the call was about or made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ParticipantResult>,
}

/// The outcome of a mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Whether the call changed anything.
    pub changed: bool,
    /// Of the last event that the call caused; where nothing changed, the one at which it holds.
    pub sequence: u64,
}

/// What a request id stands for once its call has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    Answered(Answer),
    Refused(Error),
}
