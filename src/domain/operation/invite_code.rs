//! A group's invite code: read and revoked.

use serde::{Deserialize, Serialize};

use super::{EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::id::{GroupId, InviteCode};
use crate::domain::reducer::Change;

/// Voids the invite code and answers the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeInviteCode {
    pub group_id: GroupId,
}

impl Operation for RevokeInviteCode {
    type Answer = EngineAnswer<InviteCode>;

    fn name(&self) -> OperationName {
        OperationName::RevokeInviteCode
    }
}

impl GroupCommand for RevokeInviteCode {
    type Value = InviteCode;

    fn group_id(&self) -> Option<&GroupId> {
        Some(&self.group_id)
    }

    fn expected(&self) -> Vec<Change> {
        vec![Change::InviteRevoked]
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetInviteCode {
    pub group_id: GroupId,
}

impl Operation for GetInviteCode {
    type Answer = InviteCode;

    fn name(&self) -> OperationName {
        OperationName::GetInviteCode
    }
}

/// A command, its name, and whether it changes one group: tests of all commands need one of this file's.
#[cfg(test)]
pub(super) fn example(group_id: GroupId) -> (super::Command, OperationName, bool) {
    (RevokeInviteCode { group_id }.into(), OperationName::RevokeInviteCode, true)
}
