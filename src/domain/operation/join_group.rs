//! Joining by an invite, and looking at the group behind one.

use serde::{Deserialize, Serialize};

use super::{CommandValue, EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::answer::MutationOutcome;
use crate::domain::id::GroupId;
use crate::domain::invite::{GroupPreview, Invite, JoinOutcome};
use crate::domain::participant::PrivateInvite;
use crate::domain::reducer::Change;

/// Where the answer holds no observation of the group, the caller reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinGroup {
    pub invite: Invite,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    pub group_id: GroupId,
    pub outcome: JoinOutcome,
}

impl Operation for JoinGroup {
    type Answer = EngineAnswer<Joined>;

    fn name(&self) -> OperationName {
        OperationName::JoinGroup
    }
}

impl GroupCommand for JoinGroup {
    type Value = Joined;

    fn group_id(&self) -> Option<&GroupId> {
        match &self.invite {
            Invite::Private(PrivateInvite { group_id, .. }) => Some(group_id),
            Invite::Code(_) => None,
        }
    }

    fn expected(&self) -> Vec<Change> {
        Vec::new()
    }
}

impl CommandValue for Joined {
    fn outcome(self, _: Option<&GroupId>) -> MutationOutcome {
        MutationOutcome {
            join_outcome: Some(self.outcome),
            ..MutationOutcome::about(&self.group_id)
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetJoinInfo {
    pub invite: Invite,
}

impl Operation for GetJoinInfo {
    type Answer = GroupPreview;

    fn name(&self) -> OperationName {
        OperationName::GetJoinInfo
    }
}
