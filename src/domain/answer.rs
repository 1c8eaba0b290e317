//! What a mutation answers, and what is kept of it under its request id.

use serde::{Deserialize, Serialize};

use super::counter::Sequence;
use super::error::Error;
use super::id::{GroupId, InviteCode};
use super::invite::JoinOutcome;
use super::participant::ParticipantResult;

/// What is known of a mutation before its commit: what became of each person, not the group's whole state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutationOutcome {
    /// The group that the call was about or made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ParticipantResult>,
    /// What came of joining.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_outcome: Option<JoinOutcome>,
    /// The group's new invite code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_code: Option<InviteCode>,
    /// How many members a deletion removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_count: Option<u32>,
}

impl MutationOutcome {
    /// On a call about one group that answers no more than that it is done.
    pub fn about(group_id: &GroupId) -> Self {
        Self { group_id: Some(group_id.clone()), ..Self::default() }
    }
}

/// What a mutation answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(flatten)]
    pub outcome: MutationOutcome,
    /// Whether the call changed anything.
    pub changed: bool,
    /// Of the last event that the call caused; where nothing changed, the one at which it holds.
    pub sequence: Sequence,
    /// Whether it was found under its request id: the call that found it has sent nothing.
    #[serde(skip)]
    pub repeated: bool,
}

/// What a request id stands for once its call has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredResponse {
    Answered(Answer),
    Refused(Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reason::Reason;

    #[test]
    fn an_answer_is_kept_as_it_was_given_and_whoever_finds_it_says_that_it_is_repeated() {
        let group_id: GroupId = "120363000000000001@g.us".parse().expect("an id");
        let outcome = MutationOutcome::about(&group_id);
        assert_eq!(outcome.group_id, Some(group_id));
        let answer = Answer { outcome, changed: true, sequence: Sequence::from(7), repeated: true };
        let kept = serde_json::to_string(&StoredResponse::Answered(answer.clone())).expect("JSON");
        let Ok(StoredResponse::Answered(read)) = serde_json::from_str(&kept) else {
            panic!("{kept}");
        };
        assert_eq!(read, Answer { repeated: false, ..answer });

        let refused = StoredResponse::Refused(Error::new(Reason::GroupFull, "it is full"));
        let kept = serde_json::to_string(&refused).expect("JSON");
        let Ok(StoredResponse::Refused(read)) = serde_json::from_str(&kept) else {
            panic!("{kept}");
        };
        assert_eq!((read.reason(), read.message()), (Reason::GroupFull, "it is full"));
    }
}
