//! Making a group.

use serde::{Deserialize, Serialize};

use super::{CommandValue, EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::answer::MutationOutcome;
use crate::domain::event::FieldValue;
use crate::domain::group::{DescriptionText, GroupSettings, Subject, SubjectText};
use crate::domain::id::{GroupId, ParticipantId};
use crate::domain::participant::ParticipantResult;
use crate::domain::reducer::Change;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateGroup {
    pub subject: SubjectText,
    #[serde(default)]
    pub description: DescriptionText,
    #[serde(default)]
    pub participants: Vec<ParticipantId>,
    #[serde(default)]
    pub settings: GroupSettings,
}

#[derive(Debug, Clone)]
pub struct Created {
    pub group_id: GroupId,
    /// One for each requested participant, in the order of the request.
    pub results: Vec<ParticipantResult>,
}

impl Operation for CreateGroup {
    type Answer = EngineAnswer<Created>;

    fn name(&self) -> OperationName {
        OperationName::CreateGroup
    }
}

impl GroupCommand for CreateGroup {
    type Value = Created;

    fn group_id(&self) -> Option<&GroupId> {
        None
    }

    /// Of a group that nobody knows yet.
    fn expected(&self) -> Vec<Change> {
        let subject = Subject { text: self.subject.as_str().to_owned(), ..Subject::default() };
        vec![Change::Fields(vec![FieldValue::Subject(subject)])]
    }
}

impl CommandValue for Created {
    fn outcome(self, _: Option<&GroupId>) -> MutationOutcome {
        MutationOutcome { results: self.results, ..MutationOutcome::about(&self.group_id) }
    }
}
