//! What is handed to the writer, and what it answers.

use super::pending::CallKey;
use crate::domain::answer::Verdict;
use crate::domain::counter::Sequence;
use crate::domain::event::Origin;
use crate::domain::id::{RequestId, SessionName};
use crate::domain::port::engine::IngestOutcome;
use crate::domain::port::repository::ReservationKey;
use crate::domain::reducer::Observation;
use crate::domain::session::EngineKind;

/// What to write: reports of one session that belong together.
#[derive(Debug)]
pub(super) struct Report {
    pub session: SessionName,
    pub engine: EngineKind,
    pub origin: Origin,
    pub observations: Vec<Observation>,
    /// The engine's ids of what is reported.
    pub source_ids: Vec<String>,
    /// Whether a known source id means that all of this was dealt with before.
    pub is_notification: bool,
    /// Whether a whole description in it may be older than the answer of a call of ours: it is then not
    /// written, and the group is doubtful.
    pub may_be_late: bool,
    /// The call that this is the answer of, or (from engines that can tell) the echo of.
    pub call_key: Option<CallKey>,
    pub request_id: Option<RequestId>,
    pub answer: Option<(ReservationKey, Verdict)>,
    /// Writes nothing where a group of the report has another last event by now: what was read of
    /// it may be older than that event.
    pub only_at_sequence: Option<Sequence>,
    /// Whether it is the answer of a call that made a group, which changed something whoever told of it first.
    pub is_creation: bool,
    pub deletes_session: bool,
    /// Writes the groups once more even where nothing changed.
    pub writes_anew: bool,
}

impl Report {
    /// A report of nothing; callers fill in what they have.
    pub fn new(session: SessionName, engine: EngineKind, origin: Origin) -> Self {
        Self {
            session,
            engine,
            origin,
            observations: Vec::new(),
            source_ids: Vec::new(),
            is_notification: false,
            may_be_late: false,
            call_key: None,
            request_id: None,
            answer: None,
            only_at_sequence: None,
            is_creation: false,
            deletes_session: false,
            writes_anew: false,
        }
    }
}

impl Report {
    /// About how many rows it writes.
    pub fn weight(&self) -> usize {
        let members: usize =
            self.observations.iter().map(|observation| observation.change.member_count()).sum();
        1 + self.observations.len() + self.source_ids.len() + members
    }
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Committed {
    /// Whether it (or its echo) changed anything.
    pub changed: bool,
    /// Of the last event it caused, else the one at which its answer holds.
    pub sequence: Sequence,
    /// How many events it caused itself.
    pub events: usize,
    /// Whether [`Report::only_at_sequence`] kept it from being written.
    pub overtaken: bool,
    /// Whether all of its source ids were dealt with before.
    pub known: bool,
}

impl Committed {
    /// Nothing changed, and this is the sequence at which that holds.
    pub fn unchanged(sequence: Sequence) -> Self {
        Self { changed: false, sequence, events: 0, overtaken: false, known: false }
    }

    pub fn outcome(&self) -> IngestOutcome {
        if self.known { IngestOutcome::Duplicate } else { IngestOutcome::Accepted }
    }
}
