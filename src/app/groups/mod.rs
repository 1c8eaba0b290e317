//! Groups: read and changed.

mod commands;
mod delete;
mod engine_reads;
mod invite;
mod join;
mod join_requests;
mod list;
mod picture;
mod reconcile;
mod refresh;
mod refresh_queue;

use std::sync::Arc;

pub use commands::Target;
pub use delete::DeletionProgress;
pub use join_requests::{JoinRequestPage, JoinRequestQuery};
pub use list::{EventPage, GroupList, ParticipantPage};
pub use reconcile::Refreshed;

use super::App;
use super::calls::Known;
use super::keyed_lock::KeyedLock;
use super::log::{LogObserver, View};
use super::places::Places;
use crate::domain::answer::Answer;
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::event::{EventRecord, EventType};
use crate::domain::fair_share::FairShare;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::port::picture::PictureMaker;
use delete::Deletions;
use engine_reads::EngineReadCache;
use refresh_queue::RefreshQueue;

/// Lists that are read at the same time. More of them would only wait for the same processors and the same disk, and
/// each holds up to 1 MiB meanwhile.
pub(super) const LISTS_AT_ONCE: usize = 8;

/// What reading and changing groups needs beside the log.
pub(super) struct Groups {
    pub pictures: Arc<dyn PictureMaker>,
    pub reads: Arc<EngineReadCache>,
    pub refresh_queue: RefreshQueue,
    pub lists: Places,
    /// One comparison with WhatsApp at a time.
    comparing: KeyedLock,
    deletions: Deletions,
}

impl Groups {
    pub fn new(pictures: Arc<dyn PictureMaker>, lists: FairShare) -> Self {
        Self {
            pictures,
            reads: Arc::default(),
            refresh_queue: RefreshQueue::default(),
            lists: Places::new(lists),
            comparing: KeyedLock::default(),
            deletions: Deletions::default(),
        }
    }

    /// What an event makes outdated is dropped, and what is doubtful is read anew.
    pub fn log_observer(&self) -> Arc<dyn LogObserver> {
        Arc::new(Observer { reads: self.reads.clone(), refresh_queue: self.refresh_queue.clone() })
    }
}

struct Observer {
    reads: Arc<EngineReadCache>,
    refresh_queue: RefreshQueue,
}

impl LogObserver for Observer {
    fn appended(&self, event: &EventRecord) {
        match event.event_type {
            EventType::SessionDeleted => self.reads.forget_session(&event.session),
            what => self.reads.changed(&event.session, event.group_id.as_ref(), what),
        }
    }

    fn became_doubtful(&self, session: &SessionName, group_id: &GroupId) {
        self.refresh_queue.raise(session, group_id);
    }
}

/// What a mutation answers.
#[derive(Debug, Clone)]
pub struct Mutated {
    pub answer: Answer,
    /// The group as it is now; `None` where the session is no longer in it.
    pub view: Option<Arc<View>>,
}

/// What a read answers.
#[derive(Debug, Clone)]
pub struct Reading<T> {
    pub value: T,
    pub as_of_sequence: Sequence,
    pub synced_time: Timestamp,
}

impl App {
    fn reading<T>(&self, session: &SessionName, known: Known<T>) -> Reading<T> {
        let Known { value, synced_time } = known;
        Reading { value, as_of_sequence: self.inner.log.sequence(session), synced_time }
    }
}
