//! What goes out: the app's answers as the contract has them.

use std::collections::HashMap;

use prost::Message;
use tonic::Status;

use crate::app::groups::Mutated;
use crate::domain::error::Error;
use crate::domain::event::MemberAction;
use crate::domain::participant::ParticipantStatus;
use crate::middleware::to_status;
use crate::pb;
use crate::pb::wire::number;

/// The error of an operation, as a status with its details.
pub(super) fn refuse(error: Error) -> Status {
    to_status(&error)
}

/// What a mutation answers of its group.
pub(super) struct Changed {
    /// The group; `None` where the session is no longer in it.
    pub group: Option<pb::Group>,
    /// What became of each person, with the role they have now.
    pub results: Vec<pb::ParticipantResult>,
    pub changed: bool,
    pub sequence: i64,
}

pub(super) fn changed(mutated: &Mutated, action: Option<MemberAction>) -> Result<Changed, Status> {
    let answer = &mutated.answer;
    let known = &answer.outcome.results;
    let group = match mutated.view.as_deref() {
        Some(view) => Some(decode(view.full.clone())?),
        None => None,
    };
    let members: HashMap<&str, i32> = group
        .iter()
        .flat_map(|group| &group.participants)
        .map(|member| (member.id.as_str(), member.role))
        .collect();
    let results = known
        .iter()
        .map(|known| {
            let mut result = pb::ParticipantResult::from(known);
            let role =
                result.participant.as_ref().and_then(|person| members.get(person.id.as_str()));
            let was_removed =
                action == Some(MemberAction::Leave) && known.status == ParticipantStatus::Ok;
            let role = match role {
                Some(role) => *role,
                None if was_removed => pb::Role::Left.into(),
                None => pb::Role::Unspecified.into(),
            };
            if let Some(person) = &mut result.participant {
                person.role = role;
            }
            result
        })
        .collect();
    Ok(Changed { results, group, changed: answer.changed, sequence: number(answer.sequence) })
}

impl Changed {
    /// For responses that carry the group without its participants.
    pub fn without_participants(mut self) -> Self {
        if let Some(group) = &mut self.group {
            group.participants = Vec::new();
        }
        self
    }
}

fn decode(bytes: bytes::Bytes) -> Result<pb::Group, Status> {
    pb::Group::decode(bytes).map_err(|error| to_status(&Error::internal(error)))
}

/// The response of a mutation that answers the group.
macro_rules! group_response {
    ($response:ident, $answer:expr) => {{
        let answer = $answer;
        pb::$response { group: answer.group, changed: answer.changed, sequence: answer.sequence }
    }};
}

/// The response of a mutation that answers the group and what became of each person.
macro_rules! results_response {
    ($response:ident, $answer:expr) => {{
        let answer = $answer;
        pb::$response {
            group: answer.group,
            changed: answer.changed,
            sequence: answer.sequence,
            results: answer.results,
        }
    }};
}

pub(super) use {group_response, results_response};
