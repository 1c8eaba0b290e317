//! Requests to join a group.

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::id::{GroupId, ParticipantId};
use super::participant::Account;

/// An open request, as far as it is known; at least who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    pub requester: Account,
    /// When they asked, WhatsApp's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<JoinRequestMethod>,
    /// Who wanted to add them, with `NonAdminAdd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_by: Option<ParticipantId>,
    /// The community they came through, with `LinkedGroup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<GroupId>,
}

impl JoinRequest {
    /// A request of which nothing is known but who asks.
    pub fn of(requester: Account) -> Self {
        Self { requester, request_time: None, method: None, added_by: None, parent: None }
    }
}

/// How someone came to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinRequestMethod {
    InviteLink,
    LinkedGroup,
    /// Someone who is no admin wanted to add them.
    NonAdminAdd,
}
