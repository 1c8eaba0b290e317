//! The head of the log in memory: what was written last, for all who follow it.
//!
//! The writer publishes its commits here before it answers, so its own process is always up to
//! date. Should another process have written in between, the missing stretch is read from the log
//! first: nothing is ever published out of order. Watchers hold a cursor into the shared history
//! and a subscription that wakes them when a session of theirs has events; there is no queue per watcher.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use super::LogObserver;
use super::notifier::WatchNotifier;
use super::session_draft::SessionDraft;
use super::views::{View, Views};
use crate::domain::counter::{Position, Sequence};
use crate::domain::error::{Error, Result};
use crate::domain::event::EventRecord;
use crate::domain::id::SessionName;
use crate::domain::log_position::LogPosition;
use crate::domain::port::repository::{CommitBatch, CommitReceipt, LogBounds, Repository};
use crate::domain::token::LogId;
use crate::pb::wire::complete_event;
use crate::telemetry;

/// How many events one read of the log brings.
const READ_LIMIT: u32 = 1000;

pub(super) struct LogTail {
    repository: Arc<dyn Repository>,
    log_id: LogId,
    state: RwLock<State>,
    /// One at a time moves the head; readers never wait for it.
    moving: tokio::sync::Mutex<()>,
    replaced: CancellationToken,
    pub views: Views,
    pub notifier: WatchNotifier,
    observer: Arc<dyn LogObserver>,
}

#[derive(Debug)]
struct State {
    head: LogPosition,
    history: VecDeque<Arc<EventRecord>>,
    history_bytes: usize,
    max_history_bytes: usize,
    /// The last sequence of each session.
    sequences: HashMap<SessionName, Sequence>,
}

/// What the history has for a cursor.
pub(in crate::app) enum Recent {
    /// The stretch after the cursor is no longer in memory; it ends at this position.
    ReadLog { up_to: Position },
    /// The next events after the cursor that the filter lets pass, and how far they reach.
    Events { events: Vec<Arc<EventRecord>>, reached: LogPosition },
    /// The cursor is at the head.
    Drained,
}

impl LogTail {
    pub fn new(
        repository: Arc<dyn Repository>,
        bounds: LogBounds,
        max_history_bytes: usize,
        max_view_bytes: u64,
        observer: Arc<dyn LogObserver>,
    ) -> Self {
        Self {
            repository,
            log_id: bounds.log_id,
            state: RwLock::new(State {
                head: bounds.head,
                history: VecDeque::new(),
                history_bytes: 0,
                max_history_bytes,
                sequences: HashMap::new(),
            }),
            moving: tokio::sync::Mutex::new(()),
            replaced: CancellationToken::new(),
            views: Views::new(max_view_bytes),
            notifier: WatchNotifier::default(),
            observer,
        }
    }

    pub fn log_id(&self) -> LogId {
        self.log_id
    }

    pub fn head(&self) -> LogPosition {
        self.state.read().head
    }

    /// The last sequence of the session that this process knows of.
    pub fn sequence(&self, session: &SessionName) -> Sequence {
        self.state.read().sequences.get(session).copied().unwrap_or_default()
    }

    /// Notes a sequence that was read elsewhere.
    pub fn note_sequence(&self, session: &SessionName, sequence: Sequence) {
        let mut state = self.state.write();
        let known = state.sequences.entry(session.clone()).or_default();
        *known = (*known).max(sequence);
    }

    /// What follows the cursor, at most about `max_bytes` of it.
    pub fn recent(
        &self,
        after: Position,
        max_bytes: usize,
        lets_pass: impl Fn(&EventRecord) -> bool,
    ) -> Recent {
        let state = self.state.read();
        if after >= state.head.position {
            return Recent::Drained;
        }
        let first = state.head.position.next().minus(state.history.len() as u64);
        if after.next() < first {
            return Recent::ReadLog { up_to: first.minus(1) };
        }
        let start = usize::try_from(after.next().since(first)).unwrap_or(usize::MAX);
        let mut events = Vec::new();
        let mut bytes = 0;
        let mut reached = state.head;
        for record in state.history.range(start..) {
            if lets_pass(record) {
                if bytes > 0 && bytes + record.wire.len() > max_bytes {
                    break;
                }
                bytes += record.wire.len();
                events.push(record.clone());
            }
            reached = LogPosition::from(record.as_ref());
        }
        Recent::Events { events, reached }
    }

    /// Takes in what this process has committed.
    pub async fn publish(
        &self,
        commit: &CommitBatch,
        receipt: &CommitReceipt,
        drafts: &[(SessionName, SessionDraft)],
    ) -> Result<()> {
        let _moving = self.moving.lock().await;
        let records = records_of(commit, receipt);
        if records.iter().any(|record| self.contradicts(record)) {
            // It is written; what is in memory of before is not what the log has there.
            tracing::error!(
                "the log was put back to an earlier state: what this process knows of it is to be read anew"
            );
            self.views.forget_all();
            self.replaced.cancel();
            return Ok(());
        }
        if let Some(first) = records.first()
            && first.position > self.head().position.next()
        {
            self.catch_up_to(first.position.minus(1)).await?;
        }
        for (session, won) in commit.sessions.iter().zip(&receipt.won) {
            let Some((_, draft)) = drafts.iter().find(|(name, _)| *name == session.session) else {
                continue;
            };
            if !won {
                continue;
            }
            for (id, columns, sequence) in draft.views() {
                let view = columns.map(|columns| {
                    Arc::new(View::new(
                        columns.basic.clone(),
                        columns.participants.clone(),
                        sequence,
                        commit.now,
                        columns.member_count,
                    ))
                });
                self.views.changed(&session.session, id, view);
            }
            if draft.deletes_session {
                self.views.forget_session(&session.session);
            }
        }
        self.append(records);
        Ok(())
    }

    /// Whether another event is known at this position. A poll may have brought the same one before, and may have pushed
    /// it out of the history again.
    fn contradicts(&self, record: &EventRecord) -> bool {
        let state = self.state.read();
        let back = state.head.position.get().checked_sub(record.position.get());
        let back = back.and_then(|back| usize::try_from(back).ok());
        let at = back.and_then(|back| state.history.len().checked_sub(back + 1));
        at.and_then(|at| state.history.get(at)).is_some_and(|held| held.id != record.id)
    }

    /// Reads what other processes have written since. Called on wake-ups and by a slow poll.
    pub async fn catch_up(&self) -> Result<()> {
        let _moving = self.moving.lock().await;
        let bounds = self.repository.bounds().await?;
        let held = self.head();
        telemetry::log_lag(bounds.head.position.since(held.position));
        let went_back = bounds.head.position < held.position
            || (bounds.head.position == held.position && bounds.head != held)
            || (bounds.head.position > held.position
                && held.position > bounds.trimmed.position
                && self.repository.fingerprint_at(held.position).await? != Some(held.fingerprint));
        if bounds.log_id != self.log_id || went_back {
            self.replaced.cancel();
            return Err(Error::internal(format!(
                "the log ends at {} and was at {} before: the database was put back to an earlier state",
                bounds.head.position, held.position
            )));
        }
        if held.position < bounds.trimmed.position {
            self.begin_at(bounds.trimmed);
        }
        self.catch_up_to(bounds.head.position).await
    }

    /// Resolves once the database holds another log than this one.
    pub fn replaced(&self) -> CancellationToken {
        self.replaced.clone()
    }

    /// Retention has removed what this process has not read yet: it goes on with what is left, and remembers nothing
    /// of before.
    fn begin_at(&self, trimmed: LogPosition) {
        tracing::warn!(position = %trimmed.position, "retention was faster than this replica, which reads on with what is left");
        self.views.forget_all();
        let mut state = self.state.write();
        state.head = trimmed;
        state.history.clear();
        state.history_bytes = 0;
    }

    async fn catch_up_to(&self, position: Position) -> Result<()> {
        loop {
            let head = self.head().position;
            if head >= position {
                return Ok(());
            }
            let slice = self.repository.read(head, READ_LIMIT).await?;
            match slice.events.first() {
                Some(first) if first.position == head.next() => {}
                _ => {
                    return Err(Error::internal(format!(
                        "the log has no event after position {head}, though its head is {position} \
                         (trimmed up to {})",
                        slice.trimmed
                    )));
                }
            }
            for record in &slice.events {
                match &record.group_id {
                    // What it looks like now is in the store; the next reader fetches it.
                    Some(group_id) => self.views.changed(&record.session, group_id, None),
                    None => self.views.forget_session(&record.session),
                }
            }
            self.append(slice.events);
        }
    }

    fn append(&self, records: Vec<EventRecord>) {
        if records.is_empty() {
            return;
        }
        let mut sessions = Vec::new();
        {
            let mut state = self.state.write();
            for record in records {
                if record.position <= state.head.position {
                    continue;
                }
                state.head = LogPosition::from(&record);
                self.observer.appended(&record);
                let sequence = state.sequences.entry(record.session.clone()).or_default();
                *sequence = (*sequence).max(record.sequence);
                if sessions.last() != Some(&record.session) {
                    sessions.push(record.session.clone());
                }
                state.history_bytes += history_weight(&record);
                state.history.push_back(Arc::new(record));
                while state.history_bytes > state.max_history_bytes && state.history.len() > 1 {
                    if let Some(old) = state.history.pop_front() {
                        state.history_bytes -= history_weight(&old);
                    }
                }
            }
            telemetry::log_head(state.head.position, state.history_bytes);
        }
        self.notifier.notify(&sessions);
    }
}

fn history_weight(record: &EventRecord) -> usize {
    record.wire.len() + 160
}

/// The batch's events with the positions that the commit gave them.
fn records_of(commit: &CommitBatch, receipt: &CommitReceipt) -> Vec<EventRecord> {
    let won = || {
        commit
            .sessions
            .iter()
            .zip(&receipt.won)
            .filter(|(_, won)| **won)
            .map(|(session, _)| session)
    };
    let count: u64 = won().map(|session| session.events.len() as u64).sum();
    debug_assert!(receipt.head.get() >= count, "a head below its own events");
    let mut position = receipt.head.minus(count);
    let mut records = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for session in won() {
        let mut sequence = session.expected_sequence;
        for event in &session.events {
            (position, sequence) = (position.next(), sequence.next());
            records.push(EventRecord {
                position,
                id: event.id,
                session: session.session.clone(),
                sequence,
                group_id: event.group_id.clone(),
                event_type: event.event_type,
                record_time: receipt.record_time,
                wire: complete_event(&event.payload, sequence, receipt.record_time),
            });
        }
    }
    records
}
