//! Delivers for one webhook: follows the log from its place, posts, tries again, and keeps the place.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use prost::Message as _;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::passing_on::PassingOn;
use super::registry::WebhookHandle;
use crate::app::Inner;
use crate::app::delivery_window::{Capacity, Window};
use crate::app::watch::{self, WatchRequest, WatchStart, Watcher};
use crate::domain::error::Result;
use crate::domain::event::{EventRecord, EventType};
use crate::domain::id::SessionName;
use crate::domain::log_position::LogPosition;
use crate::domain::port::webhook_sender::{DeliveryError, DeliveryRequest};
use crate::domain::port::webhooks::ProgressWrite;
use crate::domain::reason::Reason;
use crate::domain::token::{LogId, ResumeToken};
use crate::domain::trace_context::TraceContext;
use crate::domain::webhook::{
    EventName, FailureCause, MAX_DELAY, WebhookConfig, WebhookId, WebhookState,
};
use crate::envelope::WahaRenderer;
use crate::pb;
use crate::telemetry;

/// Posts of one webhook that are out at the same time.
const LANES: usize = 4;
/// Of a webhook: many have one.
const CAPACITY: Capacity = Capacity { events: 1024, bytes: 256 * 1024 };
/// Events are taken in at about so many bytes at a time.
const BATCH_BYTES: usize = 64 * 1024;
/// How often the place is written while events are delivered: a crash repeats what came after.
const SAVE_INTERVAL: Duration = Duration::from_millis(500);
/// How often it is written while only events pass that are none of its concern.
const IDLE_SAVE_INTERVAL: Duration = Duration::from_secs(10);
/// How often it is checked how far such events have gone by.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// How long posts that are out may take once the worker is to end.
const LINGER: Duration = Duration::from_secs(2);
/// Between two tries to read the log or to write the place.
const STORE_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Worker {
    inner: Arc<Inner>,
    hook: Arc<WebhookHandle>,
    config: Arc<WebhookConfig>,
    stop: CancellationToken,
    /// The log that the place is in, which after a restore may be another one than this database's.
    log_id: LogId,
    window: Window<FailureCause>,
    posts: JoinSet<Posted>,
    save: Save,
    /// What goes beside the log.
    passing_on: Option<PassingOn>,
}

/// Whether there is something to write, and when.
struct Save {
    last: Option<Instant>,
    /// The place that was written.
    cursor: ResumeToken,
    /// A delivery or a failure came after it.
    has_changed: bool,
}

struct Posted {
    session: SessionName,
    outcome: Outcome,
}

enum Outcome {
    Delivered,
    /// WAHA has no event for it, or the webhook does not ask for that one.
    Skipped,
    Failed(DeliveryError),
}

/// Why a worker ends.
enum End {
    /// It was asked to.
    Stopped,
    /// The webhook delivers no more, from a cause of its own.
    State(WebhookState, String),
    /// The webhook is gone.
    Gone,
    /// Somebody else writes to this database.
    Fenced,
}

impl Worker {
    pub fn new(inner: Arc<Inner>, hook: Arc<WebhookHandle>, stop: CancellationToken) -> Self {
        let webhook = hook.webhook();
        let cursor = webhook.progress.cursor;
        let place = cursor.at;
        let passing_on = PassingOn::begin(&inner, &hook);
        Self {
            inner,
            hook,
            passing_on,
            config: Arc::new(webhook.config),
            stop,
            log_id: cursor.log_id,
            window: Window::new(place, CAPACITY, webhook.progress.failure),
            posts: JoinSet::new(),
            save: Save { last: None, cursor, has_changed: false },
        }
    }

    pub async fn run(mut self) {
        let end = loop {
            match self.follow().await {
                Ok(end) => break end,
                Err(error) => match error.reason() {
                    Reason::Draining => break End::Stopped,
                    Reason::ResumeTokenExpired => break self.expired().await,
                    Reason::LogMismatch | Reason::LogDiverged => {
                        let reason = "its place is in no log of this database, as after restoring a backup; \
                                      replay it from another place";
                        break End::State(WebhookState::PausedByFailure, reason.to_owned());
                    }
                    _ => {
                        let cause = error.cause();
                        tracing::warn!(webhook = %self.hook.id, %error, cause, "a webhook cannot read the log");
                        tokio::select! {
                            () = self.stop.cancelled() => break End::Stopped,
                            () = tokio::time::sleep(STORE_PAUSE) => {}
                        }
                    }
                },
            }
        };
        self.end(end).await;
    }

    /// Delivers until there is a reason to end. An error is one of reading the log.
    async fn follow(&mut self) -> Result<End> {
        let mut watcher = match self.watcher().await? {
            Ok(watcher) => watcher,
            Err(end) => return Ok(end),
        };
        loop {
            let sent = self.send();
            let wake = self.wake_time(sent);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(End::Stopped),
                Some(posted) = self.posts.join_next() => {
                    if let Some(end) = self.posted(posted) {
                        return Ok(end);
                    }
                }
                () = sleep_until(wake) => {}
                events = watcher.next_events(), if self.window.has_room() => {
                    self.window.push(events?, Instant::now());
                }
            }
            self.window.passed(watcher.place());
            self.note();
            let is_due = self.save_time().is_some_and(|time| time <= Instant::now());
            if is_due {
                match self.save().await {
                    ProgressWrite::Written => {}
                    ProgressWrite::Gone => return Ok(End::Gone),
                    ProgressWrite::Fenced => return Ok(End::Fenced),
                }
            }
        }
    }

    async fn watcher(&self) -> Result<std::result::Result<Watcher, End>> {
        let key_name = self.hook.change(|webhook| webhook.key_name.clone());
        let gone = |reason: &str| End::State(WebhookState::PausedByFailure, reason.to_owned());
        let Some(owner) = self.inner.hooks.owner(&key_name) else {
            return Ok(Err(gone("the API key that it belongs to is no longer in the settings")));
        };
        let named = &self.config.sessions;
        let sessions: Vec<SessionName> =
            named.iter().filter(|session| owner.may_see(session)).cloned().collect();
        if sessions.is_empty() && !named.is_empty() {
            return Ok(Err(gone("its API key may no longer see the sessions that it names")));
        }
        let names = if self.config.events.is_empty() {
            &EventName::OF_WAHA
        } else {
            &self.config.events[..]
        };
        let types: Vec<EventType> =
            names.iter().flat_map(|name| name.event_types()).copied().collect();
        let start = WatchStart::After(self.token(self.window.read_to()));
        let progress_interval = Some(PROGRESS_INTERVAL);
        let request =
            WatchRequest { sessions, group_ids: Vec::new(), types, start, progress_interval };
        watch::follow(self.inner.clone(), owner, &request, BATCH_BYTES).await.map(Ok)
    }

    /// Lets go out what may, and answers as of when.
    fn send(&mut self) -> Instant {
        let now = Instant::now();
        // A receiver that fails is asked by one at a time, and takes no places from the others.
        let at_once = if self.window.failure().is_some() { 1 } else { LANES };
        while self.posts.len() < at_once {
            let Some(event) = self.window.take(now) else { break };
            let (inner, config, id) = (self.inner.clone(), self.config.clone(), self.hook.id);
            let key_name = self.hook.change(|webhook| webhook.key_name.clone());
            self.posts.spawn(async move {
                let session = event.session.clone();
                let posted =
                    AssertUnwindSafe(post(&inner, id, &key_name, &config, &event)).catch_unwind();
                let outcome = posted.await.unwrap_or_else(|_| {
                    telemetry::panicked();
                    Outcome::Failed(internal())
                });
                Posted { session, outcome }
            });
        }
        now
    }

    fn posted(&mut self, posted: std::result::Result<Posted, JoinError>) -> Option<End> {
        let Posted { session, outcome } = match posted {
            Ok(posted) => posted,
            Err(error) => {
                // Its lane would wait for ever; the supervisor starts another worker.
                tracing::error!(webhook = %self.hook.id, %error, "a post has ended badly");
                return Some(End::Stopped);
            }
        };
        let now = self.inner.clock.now();
        let moment = Instant::now();
        self.save.has_changed = true;
        let undelivered = match outcome {
            Outcome::Failed(undelivered) => undelivered,
            Outcome::Skipped => {
                self.window.done(&session, moment);
                return None;
            }
            Outcome::Delivered => {
                self.window.done(&session, moment);
                self.hook.change(|webhook| {
                    webhook.progress.delivered_count += 1;
                    webhook.progress.last_delivery_time = Some(now);
                });
                return None;
            }
        };
        let failure = self.window.failed(&session, now, undelivered.cause)?;
        let retries = &self.config.retries;
        let failing_for = now.since(failure.since);
        if retries.are_used_up(failure.failures)
            && failing_for >= self.inner.hooks.options.pause_after
        {
            let times = failure.failures;
            let reason = format!("an event failed {times} times; at last {}", undelivered.cause);
            return Some(End::State(WebhookState::PausedByFailure, reason));
        }
        let own = retries.delay(failure.failures, self.inner.entropy.u64());
        let asked = undelivered.retry_after.unwrap_or_default().min(MAX_DELAY);
        self.window.wait(&session, moment + own.max(asked));
        None
    }

    /// Shows where the webhook is.
    fn note(&self) {
        let failure = self.window.failure().cloned();
        let now = self.inner.clock.now();
        let cursor = self.token(self.window.place());
        self.hook.change(|webhook| {
            match &failure {
                Some(failure) => {
                    webhook.set_state(WebhookState::Failing, &failure.cause.to_string(), now);
                }
                None => webhook.set_state(WebhookState::Active, "", now),
            }
            (webhook.progress.cursor, webhook.progress.failure) = (cursor, failure);
        });
        self.hook.note_oldest_waiting(self.window.oldest_waiting());
    }

    /// When the loop has to look again by itself, having sent what was due at `sent`.
    fn wake_time(&self, sent: Instant) -> Option<Instant> {
        let save_time = self.save_time().map(|time| time.max(sent));
        // A try that was due then waits for a place among those that are out.
        [self.window.next_try(sent), save_time].into_iter().flatten().min()
    }

    /// When the place is to be written; `None` where it is.
    fn save_time(&self) -> Option<Instant> {
        let interval = if self.save.has_changed {
            SAVE_INTERVAL
        } else if self.save.cursor != self.token(self.window.place()) {
            IDLE_SAVE_INTERVAL
        } else {
            return None;
        };
        Some(self.save.last.map_or_else(Instant::now, |last| last + interval))
    }

    /// Writes how far it is. What cannot be written now is written later: in the worst case events are
    /// delivered again.
    async fn save(&mut self) -> ProgressWrite {
        let webhook = self.hook.webhook();
        let (id, epoch) = (webhook.id, self.inner.epoch);
        let repository = &self.inner.repository;
        self.save.last = Some(Instant::now());
        match repository.put_webhook_progress(id, &webhook.status, &webhook.progress, epoch).await {
            Ok(written) => {
                (self.save.has_changed, self.save.cursor) = (false, webhook.progress.cursor);
                written
            }
            Err(error) => {
                tracing::warn!(webhook = %id, %error, "how far a webhook is could not be written");
                ProgressWrite::Written
            }
        }
    }

    /// What follows its place is no longer kept.
    async fn expired(&mut self) -> End {
        let place = self.window.place().position;
        let lost = match self.inner.token_of(&WatchStart::Earliest).await {
            Ok(oldest) => {
                // What is lost is counted once, so that the place moves with it.
                self.window = Window::new(oldest.at, CAPACITY, None);
                oldest.at.position.since(place)
            }
            Err(error) => {
                tracing::warn!(webhook = %self.hook.id, %error, "it is not known how much a webhook lost");
                0
            }
        };
        End::State(WebhookState::Expired, self.hook.note_lost(lost))
    }

    /// Waits a moment for the posts that are out, and writes how far it got.
    async fn end(mut self, end: End) {
        let until = Instant::now() + LINGER;
        while let Ok(Some(posted)) = tokio::time::timeout_at(until, self.posts.join_next()).await {
            let _ = self.posted(posted);
        }
        self.posts.shutdown().await;
        if let Some(passing_on) = self.passing_on.take() {
            passing_on.end().await;
        }
        match end {
            End::Fenced => return self.inner.hooks.fence(),
            // Deleted, though its deletion seemed to fail, or by hand.
            End::Gone => return self.inner.hooks.remove(self.hook.id),
            End::Stopped | End::State(..) => {}
        }
        self.note();
        if let End::State(state, reason) = end {
            tracing::warn!(webhook = %self.hook.id, state = state.as_str(), reason, "a webhook has stopped");
            let now = self.inner.clock.now();
            self.hook.change(|webhook| webhook.set_state(state, &reason, now));
        }
        self.hook.note_oldest_waiting(None);
        self.save().await;
    }

    fn token(&self, place: LogPosition) -> ResumeToken {
        ResumeToken { log_id: self.log_id, at: place }
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn internal() -> DeliveryError {
    DeliveryError { cause: FailureCause::Internal, retry_after: None }
}

/// Posts one event to the receiver, once.
async fn post(
    inner: &Inner,
    id: WebhookId,
    key_name: &str,
    config: &WebhookConfig,
    record: &EventRecord,
) -> Outcome {
    let hooks = &inner.hooks;
    let _place = hooks.places.take(key_name).await;
    let event = match pb::GroupEvent::decode(record.wire.clone()) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(webhook = %id, event = %record.id, %error, "an event of the log cannot be read");
            return Outcome::Failed(internal());
        }
    };
    let session = inner.sessions.directory.get(&record.session).ok();
    let renderer =
        WahaRenderer::new(session.as_deref(), hooks.options.words, config.events.clone());
    let Some(rendered) = renderer.render(&event) else { return Outcome::Skipped };
    let delivery = DeliveryRequest {
        url: config.url.clone(),
        headers: config.headers.clone(),
        hmac_key: config.hmac_key.clone(),
        delivery_id: id.delivery_id(record.id),
        time: rendered.time,
        trace: TraceContext::parse(&event.traceparent, &event.tracestate),
        body: rendered.body.to_string().into(),
    };
    let began = Instant::now();
    let posted = hooks.sender.post(delivery).await;
    let outcome = match &posted {
        Ok(_) => "delivered",
        Err(undelivered) => undelivered.cause.as_str(),
    };
    telemetry::delivery(outcome, began.elapsed());
    match posted {
        Ok(_) => {
            telemetry::delivery_lag(inner.clock.now().since(record.record_time));
            Outcome::Delivered
        }
        Err(undelivered) => Outcome::Failed(undelivered),
    }
}
