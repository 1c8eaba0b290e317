//! What is handed to the log to be written, and what it answers.

use super::echo_window::CallKey;
use crate::domain::answer::MutationOutcome;
use crate::domain::counter::Sequence;
use crate::domain::event::{DeletedSession, Initiator};
use crate::domain::id::{GroupId, Lid, PhoneNumber, SessionName};
use crate::domain::port::engine::IngestOutcome;
use crate::domain::port::repository::ReservationKey;
use crate::domain::reducer::Observation;
use crate::domain::session::EngineKind;
use crate::domain::trace_context::TraceContext;

/// What to write of one session; all of it comes with one commit.
#[derive(Debug)]
pub(in crate::app) struct WriteRequest {
    pub session: SessionName,
    pub engine: EngineKind,
    pub content: WriteContent,
}

#[derive(Debug)]
pub(in crate::app) enum WriteContent {
    /// What an engine reported unasked.
    EngineChanges(EngineChanges),
    /// What a call has changed, according to its answer.
    CallAnswer(CallAnswer),
    /// What was read at WhatsApp.
    Fetched(Fetched),
    /// Who is who in a group, as it was learned elsewhere.
    Identities(Identities),
    /// The session ends, by request.
    SessionDeleted(SessionEnd),
}

#[derive(Debug, Clone)]
pub(in crate::app) struct EngineChanges {
    /// The engine's id of the report. A known one means that all of this was dealt with before.
    pub source_id: String,
    pub observations: Vec<Observation>,
    /// The call that this is the echo of, from engines that return its key.
    pub call_key: Option<CallKey>,
    /// Of the delivery that it came by.
    pub trace: Option<TraceContext>,
    /// Whether a whole description in it may be older than the answer of a call of ours: it is then not written, and
    /// the group is doubtful.
    pub may_be_late: bool,
}

#[derive(Debug, Clone)]
pub(in crate::app) struct CallAnswer {
    pub call_key: CallKey,
    pub initiator: Initiator,
    pub observations: Vec<Observation>,
    /// Under which ids the engine will report the same unasked.
    pub source_ids: Vec<String>,
    /// Whether the call has brought us into the group, and so changed something even where an event came first.
    pub is_creation: bool,
    /// What is to be answered under the call's request id.
    pub stored: Option<(ReservationKey, MutationOutcome)>,
}

#[derive(Debug, Clone)]
pub(in crate::app) struct Fetched {
    pub observation: Observation,
    /// Nothing is written where the group has another last event by now: what was read of it may be older than that
    /// event.
    pub only_at_sequence: Option<Sequence>,
}

#[derive(Debug, Clone)]
pub(in crate::app) struct Identities {
    pub group_id: GroupId,
    pub aliases: Vec<(Lid, PhoneNumber)>,
    /// Whether the group is written once more even where nothing changed, since our own role in it depends on who we
    /// are.
    pub rewrites: bool,
}

#[derive(Debug, Clone)]
pub(in crate::app) struct SessionEnd {
    pub initiator: Initiator,
    /// What the session was.
    pub session: DeletedSession,
}

impl WriteRequest {
    /// The groups that it is about.
    pub fn group_ids(&self) -> impl Iterator<Item = &GroupId> {
        let one = match &self.content {
            WriteContent::Identities(identities) => Some(&identities.group_id),
            WriteContent::EngineChanges(_)
            | WriteContent::CallAnswer(_)
            | WriteContent::Fetched(_)
            | WriteContent::SessionDeleted(_) => None,
        };
        self.observations().iter().map(|observation| &observation.group_id).chain(one)
    }

    /// The id that shows whether it was dealt with before.
    pub fn deduplicated_by(&self) -> Option<&str> {
        match &self.content {
            WriteContent::EngineChanges(changes) => Some(&changes.source_id),
            WriteContent::CallAnswer(_)
            | WriteContent::Fetched(_)
            | WriteContent::Identities(_)
            | WriteContent::SessionDeleted(_) => None,
        }
    }

    fn observations(&self) -> &[Observation] {
        match &self.content {
            WriteContent::EngineChanges(changes) => &changes.observations,
            WriteContent::CallAnswer(answer) => &answer.observations,
            WriteContent::Fetched(fetched) => std::slice::from_ref(&fetched.observation),
            WriteContent::Identities(_) | WriteContent::SessionDeleted(_) => &[],
        }
    }

    /// About how many rows it writes.
    pub fn weight(&self) -> usize {
        let observations = self.observations();
        let members: usize =
            observations.iter().map(|observation| observation.change.member_count()).sum();
        let beside = match &self.content {
            WriteContent::EngineChanges(_) => 1,
            WriteContent::CallAnswer(answer) => answer.source_ids.len(),
            WriteContent::Identities(identities) => 1 + identities.aliases.len(),
            WriteContent::Fetched(_) | WriteContent::SessionDeleted(_) => 0,
        };
        1 + observations.len() + beside + members
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) struct WriteResult {
    pub outcome: WriteOutcome,
    /// Whether it (or its echo) changed anything.
    pub changed: bool,
    /// Of the last event it caused, else the one at which its answer holds.
    pub sequence: Sequence,
    /// How many events it caused itself.
    pub events: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum WriteOutcome {
    /// It is written, or the log holds it already.
    Written,
    /// It was dealt with before.
    Duplicate,
    /// [`Fetched::only_at_sequence`] kept it from being written.
    Overtaken,
}

impl WriteResult {
    /// Nothing changed, and this is the sequence at which that holds.
    pub fn unchanged(sequence: Sequence) -> Self {
        Self { outcome: WriteOutcome::Written, changed: false, sequence, events: 0 }
    }

    pub fn is_overtaken(&self) -> bool {
        self.outcome == WriteOutcome::Overtaken
    }

    /// The same for a report of an engine.
    pub fn ingested(&self) -> IngestOutcome {
        match self.outcome {
            WriteOutcome::Duplicate => IngestOutcome::Duplicate,
            WriteOutcome::Written | WriteOutcome::Overtaken => IngestOutcome::Accepted,
        }
    }
}
