//! Setting a group's subject.

use serde::{Deserialize, Serialize};

use super::{EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::event::FieldValue;
use crate::domain::group::{Subject, SubjectText};
use crate::domain::id::GroupId;
use crate::domain::reducer::Change;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetGroupSubject {
    pub group_id: GroupId,
    pub subject: SubjectText,
}

impl Operation for SetGroupSubject {
    type Answer = EngineAnswer<()>;

    fn name(&self) -> OperationName {
        OperationName::SetGroupSubject
    }
}

impl GroupCommand for SetGroupSubject {
    type Value = ();

    fn group_id(&self) -> Option<&GroupId> {
        Some(&self.group_id)
    }

    fn expected(&self) -> Vec<Change> {
        let value = Subject { text: self.subject.as_str().to_owned(), ..Default::default() };
        vec![Change::Fields(vec![FieldValue::Subject(value)])]
    }
}
