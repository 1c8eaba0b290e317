//! Setting a group's description.

use serde::{Deserialize, Serialize};

use super::{EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::event::FieldValue;
use crate::domain::group::{Description, DescriptionText};
use crate::domain::id::GroupId;
use crate::domain::reducer::Change;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetGroupDescription {
    pub group_id: GroupId,
    /// Empty removes it.
    #[serde(default)]
    pub description: DescriptionText,
    /// Only where the group still has the description of this id; else the engine refuses with
    /// `DESCRIPTION_CONFLICT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_id: Option<String>,
}

impl Operation for SetGroupDescription {
    type Answer = EngineAnswer<()>;

    fn name(&self) -> OperationName {
        OperationName::SetGroupDescription
    }
}

impl GroupCommand for SetGroupDescription {
    type Value = ();

    fn group_id(&self) -> Option<&GroupId> {
        Some(&self.group_id)
    }

    fn expected(&self) -> Vec<Change> {
        let text = self.description.as_str().to_owned();
        let value = Description { text, ..Default::default() };
        vec![Change::Fields(vec![FieldValue::Description(value)])]
    }
}
