//! Requests to join a group: listed and answered.

use serde::{Deserialize, Serialize};

use super::{EngineAnswer, GroupCommand, Operation, OperationName};
use crate::domain::event::{JoinRequestAction, JoinRequestChanged};
use crate::domain::id::{GroupId, ParticipantId};
use crate::domain::join_request::JoinRequest;
use crate::domain::participant::{Account, ParticipantResult};
use crate::domain::reducer::Change;

/// The answer to people who asked to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestAnswer {
    Approve,
    Reject,
}

/// Answers one result for each participant; one without an open request gets `RequestNotFound`. Where none has
/// one, the engine refuses with `JOIN_REQUEST_NOT_FOUND`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerJoinRequests {
    pub group_id: GroupId,
    pub answer: RequestAnswer,
    pub participants: Vec<ParticipantId>,
}

impl Operation for AnswerJoinRequests {
    type Answer = EngineAnswer<Vec<ParticipantResult>>;

    fn name(&self) -> OperationName {
        match self.answer {
            RequestAnswer::Approve => OperationName::ApproveJoinRequests,
            RequestAnswer::Reject => OperationName::RejectJoinRequests,
        }
    }
}

impl GroupCommand for AnswerJoinRequests {
    type Value = Vec<ParticipantResult>;

    fn group_id(&self) -> Option<&GroupId> {
        Some(&self.group_id)
    }

    fn expected(&self) -> Vec<Change> {
        let action = match self.answer {
            RequestAnswer::Approve => JoinRequestAction::Approved,
            RequestAnswer::Reject => JoinRequestAction::Rejected,
        };
        let answered = |id: &ParticipantId| {
            let request = JoinRequest::of(Account::new(*id));
            Change::JoinRequest(JoinRequestChanged { action, request })
        };
        self.participants.iter().map(answered).collect()
    }
}

/// All open requests of the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListJoinRequests {
    pub group_id: GroupId,
}

impl Operation for ListJoinRequests {
    type Answer = Vec<JoinRequest>;

    fn name(&self) -> OperationName {
        OperationName::ListJoinRequests
    }
}
