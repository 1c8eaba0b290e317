//! Leaving a group.

use serde::{Deserialize, Serialize};

use super::{EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::id::GroupId;
use crate::domain::reducer::Change;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveGroup {
    pub group_id: GroupId,
}

impl Operation for LeaveGroup {
    type Answer = EngineAnswer<()>;

    fn name(&self) -> OperationName {
        OperationName::LeaveGroup
    }
}

impl GroupCommand for LeaveGroup {
    type Value = ();

    fn group_id(&self) -> Option<&GroupId> {
        Some(&self.group_id)
    }

    fn expected(&self) -> Vec<Change> {
        vec![Change::Left]
    }
}
