//! The log: how it is written, and what of it is kept in memory.
//!
//! One writer gathers the requests of many callers, reduces them one after the other, commits them together, and
//! publishes what it wrote to this process' readers before it answers. This module is all that others see of it.

mod batch;
mod commits;
mod echo;
mod echo_window;
mod notifier;
mod own_changes;
mod progress;
mod reduction;
mod session_draft;
mod tail;
mod views;
mod working_set;
mod write_request;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::counter::{Epoch, Position, Sequence};
use crate::domain::error::Result;
use crate::domain::event::{EventRecord, Initiator};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::log_position::LogPosition;
use crate::domain::port::repository::Repository;
use crate::domain::reducer::{Change, GroupState};
use crate::domain::token::{LogId, ResumeToken};
use crate::pb;
pub(super) use commits::{LAST_PAUSE, RETRY_PAUSES};
use echo_window::EchoWindows;
pub(super) use echo_window::{CallKey, EchoWindow};
pub(super) use notifier::Subscription;
use tail::LogTail;
pub(super) use tail::Recent;
pub use views::View;
pub(super) use write_request::{
    CallAnswer, EngineChanges, Fetched, Identities, SessionEnd, WriteContent, WriteRequest,
    WriteResult,
};
use writer::{Writer, WriterParts};

/// Events that are read of the time before this process acted: at the most, and at once.
const MAX_RECALLED: u32 = 20_000;
const RECALLED_AT_ONCE: u32 = 1_000;

/// What the log notifies the rest of the service of while it writes; an observer must not block.
pub(super) trait LogObserver: Send + Sync + 'static {
    /// The event is in the log.
    fn appended(&self, event: &EventRecord);

    /// Reports contradict each other in a way that only WhatsApp can settle.
    fn became_doubtful(&self, session: &SessionName, group_id: &GroupId);
}

pub(super) struct LogParts {
    pub repository: Arc<dyn Repository>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub observer: Arc<dyn LogObserver>,
    pub epoch: Epoch,
    /// How many bytes of the latest events are kept for watchers.
    pub history_bytes: usize,
    /// How many bytes of groups are kept for readers.
    pub view_bytes: u64,
    /// How long stamps are worth keeping: as long as the log.
    pub retention: Duration,
}

/// The writer's loop; it must be run, and the process must not outlive an error of it.
pub type WriterLoop = futures::future::BoxFuture<'static, Result<()>>;

pub(super) struct Log {
    repository: Arc<dyn Repository>,
    writer: Writer,
    tail: Arc<LogTail>,
    echo_windows: Arc<EchoWindows>,
}

impl Log {
    pub async fn open(parts: LogParts) -> Result<(Self, WriterLoop)> {
        let LogParts { repository, clock, entropy, observer, epoch, retention, .. } = parts;
        let bounds = repository.bounds().await?;
        let tail = Arc::new(LogTail::new(
            repository.clone(),
            bounds,
            parts.history_bytes,
            parts.view_bytes,
            observer.clone(),
        ));
        let echo_windows = Arc::new(EchoWindows::default());
        let (writer, writer_loop) = Writer::new(WriterParts {
            repository: repository.clone(),
            tail: tail.clone(),
            echo_windows: echo_windows.clone(),
            observer,
            clock,
            entropy,
            epoch,
            working_set_bytes: parts.view_bytes / 2,
            retention,
        });
        Ok((Self { repository, writer, tail, echo_windows }, Box::pin(writer_loop)))
    }

    /// Writes the request and answers once it is durable and visible to this process' readers.
    pub async fn write(&self, request: WriteRequest) -> Result<WriteResult> {
        self.writer.write(request).await
    }

    /// Makes the writer read the session anew before it writes to it again: its account or row was changed
    /// elsewhere.
    pub async fn forget(&self, session: &SessionName) {
        self.writer.forget(session).await;
    }

    /// Refuses what would have to wait behind something that is already late: before anything goes to WhatsApp
    /// whose outcome could then not be written.
    pub fn refuse_if_late(&self) -> Result<()> {
        self.writer.refuse_if_late()
    }

    /// Has the writer check whether commits work, and returns once it has.
    pub async fn check(&self) {
        self.writer.check().await;
    }

    /// Whether commits work, from now on.
    pub fn works(&self) -> watch::Receiver<bool> {
        self.writer.works()
    }

    /// Until it is dropped, an echo of what the call is expected to change is written as the call's.
    pub fn open_echo_window(
        &self,
        session: &SessionName,
        key: &CallKey,
        initiator: Initiator,
        group_id: Option<GroupId>,
        expected: Vec<Change>,
    ) -> EchoWindow {
        self.echo_windows.open(session, key, initiator, group_id, expected)
    }

    /// What a call of ours has changed, so that a late report of it is recognised.
    pub fn note_own_changes<'a>(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        changes: impl IntoIterator<Item = &'a Change>,
    ) {
        self.echo_windows.own_changes.note(session, group_id, changes);
    }

    /// Reads what calls changed a moment ago, before this process acted.
    pub async fn recall_own_changes(&self, now: Timestamp) -> Result<()> {
        let began = self.repository.position_before(now - own_changes::MEMORY).await?;
        // The latest, where there are more: reports of these are still on their way.
        let (head, most) = (self.head().position, u64::from(MAX_RECALLED));
        let mut after = if head.since(began) > most { head.minus(most) } else { began };
        for _ in 0..MAX_RECALLED / RECALLED_AT_ONCE {
            let slice = self.repository.read(after, RECALLED_AT_ONCE).await?;
            for record in &slice.events {
                // What a later version wrote may not be known here.
                if let Ok(event) = pb::event::decode(&record.wire) {
                    self.echo_windows.own_changes.recall(&event, now.since(record.record_time));
                }
            }
            match slice.events.last() {
                Some(last) => after = last.position,
                None => break,
            }
        }
        Ok(())
    }

    pub fn log_id(&self) -> LogId {
        self.tail.log_id()
    }

    pub fn head(&self) -> LogPosition {
        self.tail.head()
    }

    pub fn token(&self, at: LogPosition) -> ResumeToken {
        ResumeToken { log_id: self.log_id(), at }
    }

    /// The last sequence of the session that this process knows of.
    pub fn sequence(&self, session: &SessionName) -> Sequence {
        self.tail.sequence(session)
    }

    /// Notes a sequence that was read elsewhere.
    pub fn note_sequence(&self, session: &SessionName, sequence: Sequence) {
        self.tail.note_sequence(session, sequence);
    }

    /// What follows the cursor, at most about `max_bytes` of it, as far as it is in memory.
    pub fn recent(
        &self,
        after: Position,
        max_bytes: usize,
        lets_pass: impl Fn(&EventRecord) -> bool,
    ) -> Recent {
        self.tail.recent(after, max_bytes, lets_pass)
    }

    /// Reads what other processes have written since. Called on wake-ups and by a slow poll.
    pub async fn catch_up(&self) -> Result<()> {
        self.tail.catch_up().await
    }

    /// Resolves once the database holds another log than this one.
    pub fn replaced(&self) -> CancellationToken {
        self.tail.replaced()
    }

    /// Is woken by events of the sessions; of all where none is named.
    pub fn subscribe(&self, sessions: &[SessionName]) -> Subscription {
        self.tail.notifier.subscribe(sessions)
    }

    /// Wakes all watchers, as when the service stops.
    pub fn notify_all(&self) {
        self.tail.notifier.notify_all();
    }

    /// The group as of now or later than now; `None` where the session is not in it.
    pub async fn view(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<Arc<View>>> {
        self.tail.views.get(self.repository.as_ref(), session, group_id).await
    }

    /// The group with its facts, as the store has it; `None` where the session is not in it.
    pub async fn stored_group(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<GroupState>> {
        let key = (session.clone(), group_id.clone());
        let stored = self.repository.load_groups(&[key]).await?;
        match stored.first().filter(|stored| stored.state.is_some()) {
            Some(stored) => Ok(Some(working_set::decode(stored)?.state)),
            None => Ok(None),
        }
    }
}
