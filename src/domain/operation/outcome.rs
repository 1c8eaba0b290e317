//! How an operation ends.

use std::fmt;

use crate::domain::answer::MutationOutcome;
use crate::domain::error::Error;
use crate::domain::id::{GroupId, InviteCode};
use crate::domain::participant::ParticipantResult;
use crate::domain::reducer::Observation;

/// How far a failed call got: whether it may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It never left this process.
    NotSent,
    /// WhatsApp refused it; nothing changed.
    Rejected,
    /// The engine failed in a way that such a refusal usually has, without saying so: a guess, which what is
    /// known of the group may contradict.
    Supposed,
    /// It may have been carried out.
    Unknown,
}

#[derive(Debug, Clone)]
pub struct EngineError {
    pub outcome: Outcome,
    pub error: Error,
}

impl EngineError {
    pub fn not_sent(error: Error) -> Self {
        Self { outcome: Outcome::NotSent, error }
    }

    pub fn rejected(error: Error) -> Self {
        Self { outcome: Outcome::Rejected, error }
    }

    pub fn unknown(message: &str) -> Self {
        Self { outcome: Outcome::Unknown, error: Error::outcome_unknown(message) }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.error, self.outcome)
    }
}

impl std::error::Error for EngineError {}

pub type Result<T> = std::result::Result<T, EngineError>;

/// What an engine answers to a command: a value, and its reports of the groups it touched.
#[derive(Debug, Clone)]
pub struct EngineAnswer<T> {
    pub value: T,
    pub observations: Vec<Observation>,
    /// Ids under which WhatsApp will also notify us of this, where the engine knows them.
    pub source_ids: Vec<String>,
}

impl<T> EngineAnswer<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> EngineAnswer<U> {
        EngineAnswer {
            value: f(self.value),
            observations: self.observations,
            source_ids: self.source_ids,
        }
    }
}

/// What an engine answers to a command, as what the caller is answered.
pub trait CommandValue: Send {
    /// Of a command that names this group.
    fn outcome(self, group_id: Option<&GroupId>) -> MutationOutcome;
}

impl CommandValue for () {
    fn outcome(self, group_id: Option<&GroupId>) -> MutationOutcome {
        MutationOutcome { group_id: group_id.cloned(), ..MutationOutcome::default() }
    }
}

/// One result for each requested participant, in the order of the request.
impl CommandValue for Vec<ParticipantResult> {
    fn outcome(self, group_id: Option<&GroupId>) -> MutationOutcome {
        MutationOutcome { results: self, ..().outcome(group_id) }
    }
}

impl CommandValue for InviteCode {
    fn outcome(self, group_id: Option<&GroupId>) -> MutationOutcome {
        MutationOutcome { invite_code: Some(self), ..().outcome(group_id) }
    }
}
