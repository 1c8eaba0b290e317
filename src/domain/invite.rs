//! Invites: what lets someone join, and what they see of the group before.

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::id::{GroupId, InviteCode, ParticipantId};
use super::participant::{Participant, PrivateInvite};

/// What someone joins by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invite {
    /// The code of the group's link, good for everyone.
    Code(InviteCode),
    /// Sent to this account alone ("v4 invite").
    Private(PrivateInvite),
}

/// What an invite shows of its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPreview {
    pub group_id: GroupId,
    pub subject: String,
    pub description: String,
    pub owner: Option<ParticipantId>,
    pub create_time: Option<Timestamp>,
    pub member_count: u32,
    /// Whether an admin must approve who joins.
    pub membership_approval: bool,
    /// The community that the group belongs to.
    pub parent: Option<GroupId>,
    /// Those members that WhatsApp shows, often none.
    pub participants: Vec<Participant>,
}

/// What came of joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinOutcome {
    Joined,
    /// An admin must approve first.
    PendingApproval,
}
