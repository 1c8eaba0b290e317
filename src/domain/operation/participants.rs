//! Changing who is in a group, and as what.

use serde::{Deserialize, Serialize};

use super::{EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::event::MemberAction;
use crate::domain::id::{GroupId, ParticipantId};
use crate::domain::participant::{Account, Participant, ParticipantResult, Role};
use crate::domain::reducer::Change;

/// Adds (`Join`), removes (`Leave`), promotes or demotes; answers one result for each participant, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeParticipants {
    pub group_id: GroupId,
    pub action: MemberAction,
    pub participants: Vec<ParticipantId>,
}

impl Operation for ChangeParticipants {
    type Answer = EngineAnswer<Vec<ParticipantResult>>;

    fn name(&self) -> OperationName {
        OperationName::of_member_action(self.action)
    }
}

impl OperationName {
    pub fn of_member_action(action: MemberAction) -> Self {
        match action {
            MemberAction::Join => Self::AddParticipants,
            MemberAction::Leave => Self::RemoveParticipants,
            MemberAction::Promote => Self::PromoteParticipants,
            MemberAction::Demote => Self::DemoteParticipants,
        }
    }
}

impl GroupCommand for ChangeParticipants {
    type Value = Vec<ParticipantResult>;

    fn group_id(&self) -> Option<&GroupId> {
        Some(&self.group_id)
    }

    fn expected(&self) -> Vec<Change> {
        let member = |id: &ParticipantId| Participant::new(Account::new(*id), Role::Participant);
        let members = self.participants.iter().map(member).collect();
        vec![Change::Members { action: self.action, members }]
    }
}
