//! What a mutation answers, and what is kept of it under its request id.

use serde::{Deserialize, Serialize};

use super::counter::Sequence;
use super::error::Error;
use super::id::{GroupId, InviteCode};
use super::invite::JoinOutcome;
use super::participant::ParticipantResult;

/// What is known of a mutation before its commit: what became of each person, not the group's whole state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutationOutcome {
    /// The group that the call was about or made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ParticipantResult>,
    /// What came of joining.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_outcome: Option<JoinOutcome>,
    /// The group's new invite code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_code: Option<InviteCode>,
    /// How many members a deletion removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_count: Option<u32>,
}

impl MutationOutcome {
    /// On a call about one group that answers no more than that it is done.
    pub fn about(group_id: &GroupId) -> Self {
        Self { group_id: Some(group_id.clone()), ..Self::default() }
    }
}

/// What a mutation answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(flatten)]
    pub outcome: MutationOutcome,
    /// Whether the call changed anything.
    pub changed: bool,
    /// Of the last event that the call caused; where nothing changed, the one at which it holds.
    pub sequence: Sequence,
    /// Whether it was found under its request id: the call that found it has sent nothing.
    #[serde(skip)]
    pub repeated: bool,
}

/// What a request id stands for once its call has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredResponse {
    Answered(Answer),
    Refused(Error),
}
