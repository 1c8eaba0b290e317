//! Invites and what they show.

use super::{self as pb, wire};
use crate::domain::invite::{GroupPreview, JoinOutcome};

impl From<JoinOutcome> for pb::JoinOutcome {
    fn from(outcome: JoinOutcome) -> Self {
        match outcome {
            JoinOutcome::Joined => Self::Joined,
            JoinOutcome::PendingApproval => Self::PendingApproval,
        }
    }
}

impl From<&GroupPreview> for pb::GroupPreview {
    fn from(preview: &GroupPreview) -> Self {
        Self {
            group_id: preview.group_id.to_string(),
            subject: preview.subject.clone(),
            description: preview.description.clone(),
            owner: pb::group::text(preview.owner),
            create_time: preview.create_time.map(wire::timestamp),
            member_count: i32::try_from(preview.member_count).unwrap_or(i32::MAX),
            membership_approval: preview.membership_approval,
            parent_group_id: pb::group::text(preview.parent.as_ref()),
            participants: preview.participants.iter().map(Into::into).collect(),
        }
    }
}
