//! One watcher: a cursor in the log. It holds no queue; a slow one is simply further behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::catch_up;
use super::filter::Filter;
use super::initial::InitialState;
use super::start::{self, expired};
use super::{Seat, WatchItem, WatchRequest, WatchStart};
use crate::app::log::Recent;
use crate::app::log::Subscription;
use crate::app::{Call, Inner};
use crate::domain::counter::Position;
use crate::domain::error::{Error, Result};
use crate::domain::event::EventRecord;
use crate::domain::log_position::LogPosition;
use crate::domain::page::MAX_STEP_BYTES;
use crate::domain::reason::Reason;
use crate::domain::token::ResumeToken;
use crate::telemetry;

/// As long as no process lives.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What a watcher costs at the most, and how long it lives.
pub(super) struct Limits {
    batch_bytes: usize,
    deadline: Option<Instant>,
    /// `None`: it is the service's own, which never gets too old.
    seat: Option<Seat>,
}

impl Limits {
    pub fn of_call(call: &Call, seat: Seat) -> Self {
        Self { batch_bytes: MAX_STEP_BYTES, deadline: call.deadline, seat: Some(seat) }
    }

    pub fn own(batch_bytes: usize) -> Self {
        Self { batch_bytes, deadline: None, seat: None }
    }
}

pub(in crate::app) struct Watcher {
    inner: Arc<Inner>,
    filter: Filter,
    subscription: Subscription,
    /// Everything up to here has been handed out or filtered out.
    cursor: LogPosition,
    /// While the initial state is on its way.
    initial: Option<Box<InitialState>>,
    progress_interval: Duration,
    next_progress: Instant,
    /// When the caller's deadline or the maximum age ends the watch, and with what.
    end: Instant,
    ends_by_age: bool,
    /// What is sent before anything else, the end included.
    outbox: VecDeque<Result<WatchItem>>,
    ended: bool,
    batch_bytes: usize,
    _seat: Option<Seat>,
}

impl Watcher {
    pub(super) async fn open(
        inner: Arc<Inner>,
        request: &WatchRequest,
        filter: Filter,
        limits: Limits,
    ) -> Result<Self> {
        // It subscribes before the place is taken, so that nothing comes unnoticed in between.
        let subscription = inner.log.subscribe(filter.sessions());
        let cursor = start::find(&inner, &request.start).await?;
        let now = Instant::now();
        let interval = request.progress_interval.unwrap_or(inner.options.progress_interval);
        // 90 to 110 %, so that watchers that began together do not stay together.
        let progress_interval = inner.entropy.jittered(interval, 0.1);
        let max_age = inner.entropy.jittered(inner.options.watch_max_age, 0.1);
        let oldest = now + if limits.seat.is_some() { max_age } else { NEVER };
        let (end, ends_by_age) = match limits.deadline {
            Some(deadline) if deadline < oldest => (deadline, false),
            _ => (oldest, true),
        };
        let initial = matches!(request.start, WatchStart::InitialState)
            .then(|| Box::new(InitialState::new(&inner, &filter, cursor)));
        let mut watcher = Self {
            inner,
            filter,
            subscription,
            cursor,
            initial,
            progress_interval,
            next_progress: now + progress_interval,
            end,
            ends_by_age,
            outbox: VecDeque::new(),
            ended: false,
            batch_bytes: limits.batch_bytes,
            _seat: limits.seat,
        };
        if watcher.initial.is_none() {
            let progress = watcher.progress();
            watcher.outbox.push_back(Ok(progress));
        }
        Ok(watcher)
    }

    /// Everything up to here has been handed out or filtered out.
    pub fn place(&self) -> LogPosition {
        self.cursor
    }

    /// The next events, for who wants nothing else; none where the watch only went on. Dropped before it has answered, it
    /// loses nothing.
    pub async fn next_events(&mut self) -> Result<Vec<Arc<EventRecord>>> {
        match self.next().await.unwrap_or_else(|| Err(Error::internal("the watch has ended")))? {
            WatchItem::Events { events, .. } => Ok(events),
            WatchItem::Progress { .. }
            | WatchItem::LastToken(_)
            | WatchItem::InitialGroups(_)
            | WatchItem::InitialStateEnd { .. } => Ok(Vec::new()),
        }
    }

    /// The next step; `None` after the end. Dropped before it has answered, it loses nothing.
    pub async fn next(&mut self) -> Option<Result<WatchItem>> {
        if let Some(item) = self.outbox.pop_front() {
            self.ended |= item.is_err();
            return Some(item);
        }
        if self.ended {
            return None;
        }
        let item = match self.step().await {
            Ok(item) => Ok(item),
            Err(error) => {
                self.ended = true;
                Err(error)
            }
        };
        self.next_progress = Instant::now() + self.progress_interval;
        if let Ok(WatchItem::Events { events, .. }) = &item {
            telemetry::watch_sent(events.len(), events.iter().map(|event| event.wire.len()).sum());
        }
        Some(item)
    }

    async fn step(&mut self) -> Result<WatchItem> {
        loop {
            if let Some(item) = self.end_if_due() {
                return item;
            }
            if let Some(initial) = &mut self.initial {
                match initial.next(&self.inner, &self.filter).await? {
                    Some(item) => return Ok(item),
                    None => {
                        let (place, group_count) = initial.end();
                        self.initial = None;
                        self.cursor = place;
                        let progress = self.progress();
                        self.outbox.push_back(Ok(progress));
                        return Ok(WatchItem::InitialStateEnd { group_count, token: self.token() });
                    }
                }
            }
            let filter = &self.filter;
            match self
                .inner
                .log
                .recent(self.cursor.position, self.batch_bytes, |record| filter.lets_pass(record))
            {
                Recent::Events { events, reached } => {
                    self.cursor = reached;
                    if !events.is_empty() {
                        return Ok(self.events(events));
                    }
                }
                Recent::ReadLog { up_to } => {
                    let events = self.read_log(up_to).await?;
                    if !events.is_empty() {
                        return Ok(self.events(events));
                    }
                }
                // Only here is the cursor past all that the filter leaves out, and its token fresh.
                Recent::Drained if Instant::now() >= self.next_progress => {
                    return Ok(self.progress());
                }
                Recent::Drained => {
                    // Whatever ends the wait, the loop checks what there is to do.
                    let until = self.next_progress.min(self.end);
                    let _ = tokio::time::timeout_at(until, self.subscription.wait()).await;
                }
            }
        }
    }

    /// The next events of the log itself, for a cursor that is behind the shared history.
    async fn read_log(&mut self, up_to: Position) -> Result<Vec<Arc<EventRecord>>> {
        let after = self.cursor.position;
        let Some(chunk) = self.inner.watches.catch_up.read(after, up_to).await? else {
            let bounds = self.inner.repository.bounds().await?;
            return Err(if after < bounds.trimmed.position {
                expired(&self.inner).await?
            } else {
                Error::internal(format!(
                    "the log has no event after position {after}, up to {up_to}"
                ))
            });
        };
        let following = chunk.iter().filter(|record| record.position > after);
        let (events, reached) =
            catch_up::step(following, self.batch_bytes, |record| self.filter.lets_pass(record));
        self.cursor = reached.unwrap_or(self.cursor);
        Ok(events)
    }

    /// Shutdown, age and deadline: a last token, then why.
    fn end_if_due(&mut self) -> Option<Result<WatchItem>> {
        let error = if self.inner.is_draining() {
            Error::new(Reason::Draining, "the service is stopping; resume with the last token")
                .retry_after(Duration::from_secs(1))
        } else if Instant::now() < self.end {
            return None;
        } else if self.ends_by_age {
            Error::new(
                Reason::ConnectionAged,
                "the watch has reached its maximum age; resume with the last token",
            )
            .retry_after(Duration::ZERO)
        } else {
            Error::new(
                Reason::DeadlineExceeded,
                "the deadline of the watch has passed; resume with the last token",
            )
        };
        if self.initial.is_some() {
            return Some(Err(error));
        }
        self.outbox.push_back(Err(error));
        Some(Ok(WatchItem::LastToken(self.token())))
    }

    fn events(&self, events: Vec<Arc<EventRecord>>) -> WatchItem {
        WatchItem::Events { events, token: Some(self.token()) }
    }

    fn progress(&self) -> WatchItem {
        WatchItem::Progress {
            time: self.inner.clock.now(),
            caught_up: self.cursor.position >= self.inner.log.head().position,
            token: self.token(),
        }
    }

    fn token(&self) -> ResumeToken {
        self.inner.log.token(self.cursor)
    }
}
