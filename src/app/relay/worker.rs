//! Follows the log from the relay's place, and has its events published: those of one session one after the other,
//! those of different sessions at the same time.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use futures::{FutureExt as _, future};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::publisher::{Published, publish};
use super::{Order, Relay};
use crate::app::Inner;
use crate::app::delivery_window::{Capacity, Window};
use crate::app::watch::{self, WatchRequest, WatchStart, Watcher};
use crate::domain::auth::Caller;
use crate::domain::backoff::Backoff;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::log_position::LogPosition;
use crate::domain::port::event_bus::{self, BusError};
use crate::domain::port::repository::StoreError;
use crate::domain::reason::Reason;
use crate::domain::relay::{LastPublished, RelayRecord, RelayState};
use crate::domain::token::ResumeToken;
use crate::telemetry;

/// Events that are out at the same time, each of another session.
const MAX_OUT: usize = 256;
/// Also of events behind one that is not taken: those of other sessions go on for so long.
const CAPACITY: Capacity = Capacity { events: 256 * 1024, bytes: 16 * 1024 * 1024 };
/// Events are taken in at about so many bytes at a time.
const BATCH_BYTES: usize = 256 * 1024;
/// Sessions whose last event on the bus is remembered; of the others it is asked.
const MAX_REMEMBERED: usize = 10_000;
/// How often the place is written while events are published: a crash looks again at what came after.
const SAVE_INTERVAL: Duration = Duration::from_millis(500);
/// How often it is looked how far the relay is behind.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// How long what is out may take once the relay is to end.
const LINGER: Duration = Duration::from_secs(2);
/// Between two tries to read the log.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Between tries of what the bus refuses.
const BUS_PAUSES: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));

/// What to do where only people know what is right.
const GO_ON: &str = "say where the relay is to go on, with `wagroups relay replay --from`";

type Attempt = BoxFuture<'static, (SessionName, event_bus::Result<Published>)>;
type Readying = BoxFuture<'static, event_bus::Result<()>>;

pub(super) struct Worker {
    inner: Arc<Inner>,
    record: RelayRecord,
    window: Window<BusError>,
    out: FuturesUnordered<Attempt>,
    /// While the bus is being made ready.
    readying: Option<Readying>,
    bus_pauses: Backoff,
    last: HashMap<SessionName, LastPublished>,
    /// A later replay than this worker knows of has published.
    replaced: Option<u32>,
    /// What is in the stream and not in the log.
    diverged: Option<String>,
    saved: RelayRecord,
    next_save: Instant,
    next_measure: Instant,
}

/// Why a worker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Stopped,
    /// Somebody else acts.
    Fenced,
}

/// Why the log is not followed for now.
enum Pause {
    End(End),
    /// Somebody must say where to go on.
    Lost(String),
    /// For another try.
    Moment,
}

impl Worker {
    /// Ends where the service does, or somebody else acts.
    pub async fn run(inner: Arc<Inner>, orders: &mut mpsc::Receiver<Order>) -> End {
        let draining = inner.lifecycle.draining.clone();
        let (record, lost) = {
            let seen = inner.relay_here().seen.lock();
            let is_stopped = seen.state == RelayState::Stopped;
            (seen.record.clone(), is_stopped.then(|| seen.reason.clone()))
        };
        let mut worker = Self::new(inner, record);
        let mut pause = lost.map_or(Pause::Moment, Pause::Lost);
        loop {
            match pause {
                Pause::End(End::Stopped) => return worker.end().await,
                Pause::End(End::Fenced) => return End::Fenced,
                Pause::Lost(reason) => {
                    worker.relay().note_state(RelayState::Stopped, &reason, worker.now());
                    worker.measure();
                    tokio::select! {
                        () = draining.cancelled() => return worker.end().await,
                        Some(order) = orders.recv() => worker.go_on_at(order).await,
                    }
                }
                Pause::Moment => {}
            }
            pause = match worker.follow(orders).await {
                Ok(pause) => pause,
                Err(error) => worker.unreadable(&error).await,
            };
            if let Pause::Moment = pause {
                worker.measure();
                tokio::select! {
                    () = draining.cancelled() => return worker.end().await,
                    () = tokio::time::sleep(STORE_PAUSE) => {}
                }
            }
        }
    }

    fn new(inner: Arc<Inner>, record: RelayRecord) -> Self {
        let place = record.place.at;
        let now = Instant::now();
        let mut worker = Self {
            inner,
            window: Window::new(place, CAPACITY, None),
            out: FuturesUnordered::new(),
            readying: None,
            bus_pauses: BUS_PAUSES.clone(),
            last: HashMap::new(),
            replaced: None,
            diverged: None,
            saved: record.clone(),
            record,
            next_save: now,
            next_measure: now,
        };
        worker.make_ready(Duration::ZERO);
        worker
    }

    fn relay(&self) -> &Relay {
        self.inner.relay_here()
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Publishes until there is a reason to end. An error is one of reading the log.
    async fn follow(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<Pause> {
        let draining = self.inner.lifecycle.draining.clone();
        let mut watcher = self.watcher().await?;
        loop {
            let sent = self.send();
            let wake = self.wake_time(sent);
            tokio::select! {
                biased;
                () = draining.cancelled() => return Ok(Pause::End(End::Stopped)),
                Some((session, attempt)) = self.out.next() => self.attempted(&session, attempt),
                ready = readied(&mut self.readying) => self.made_ready(ready),
                Some(order) = orders.recv() => {
                    self.go_on_at(order).await;
                    watcher = self.watcher().await?;
                }
                () = tokio::time::sleep_until(wake) => {}
                events = watcher.next_events(), if self.window.has_room() => {
                    self.window.push(events?, Instant::now());
                }
            }
            self.window.passed(watcher.place());
            self.record.place.at = self.window.place();
            let now = Instant::now();
            if now >= self.next_measure {
                self.measure();
                self.next_measure = now + MEASURE_INTERVAL;
            }
            if let Some(reason) = self.diverged.take() {
                return Ok(Pause::Lost(format!("{reason}; {GO_ON}")));
            }
            if (now >= self.next_save && self.record != self.saved) || self.replaced.is_some() {
                self.next_save = now + SAVE_INTERVAL;
                match self.save().await {
                    Err(StoreError::NotOwner(_)) => return Ok(Pause::End(End::Fenced)),
                    Err(_) => {}
                    // Nobody else acts: this database is older than the stream.
                    Ok(()) => self.go_on_as_replaced(),
                }
            }
        }
    }

    /// From where the log was read last.
    fn watcher(&self) -> impl Future<Output = Result<Watcher>> + Send + use<> {
        let token = ResumeToken { at: self.window.read_to(), ..self.record.place };
        let inner = self.inner.clone();
        async move {
            let request = WatchRequest {
                sessions: Vec::new(),
                group_ids: Vec::new(),
                types: Vec::new(),
                start: WatchStart::After(token),
                progress_interval: Some(MEASURE_INTERVAL),
            };
            watch::follow(inner, &Caller::anyone(), &request, BATCH_BYTES).await
        }
    }

    /// Takes the number of a later replay for its own.
    fn go_on_as_replaced(&mut self) {
        if let Some(replay) = self.replaced.take() {
            self.record.replay_count = self.record.replay_count.max(replay);
            self.last.clear();
        }
    }

    /// What to do where the log cannot be read from the place.
    async fn unreadable(&mut self, error: &Error) -> Pause {
        match error.reason() {
            Reason::Draining => Pause::End(End::Stopped),
            Reason::ResumeTokenExpired => {
                self.skip_what_is_gone().await;
                Pause::Moment
            }
            Reason::LogMismatch | Reason::LogDiverged => Pause::Lost(format!(
                "its place is in no log of this database, as after restoring a backup; {GO_ON}"
            )),
            _ => {
                tracing::warn!(%error, cause = error.cause(), "the relay cannot read the log");
                self.relay().failing(&self.inner, &format!("the log cannot be read: {error}"));
                Pause::Moment
            }
        }
    }

    /// Retention was faster. It says how many events were lost, and goes on at the oldest that is kept.
    async fn skip_what_is_gone(&mut self) {
        let oldest = match watch::find(&self.inner, &WatchStart::Earliest).await {
            Ok(oldest) => oldest,
            Err(error) => return tracing::warn!(%error, "it is not known how much the relay lost"),
        };
        let lost = oldest.position.since(self.window.place().position);
        tracing::error!(at_most = lost, "retention has removed events that were not published yet");
        telemetry::relay_lost(lost);
        self.record.lost_count += lost;
        self.begin_at(oldest);
        let _ = self.save().await;
    }

    fn begin_at(&mut self, place: LogPosition) {
        // What is out may still arrive; the numbers of the bus keep that in order.
        self.out = FuturesUnordered::new();
        self.last.clear();
        self.window = Window::new(place, CAPACITY, None);
        self.record.place.at = place;
        (self.replaced, self.diverged) = (None, None);
        self.note_health();
    }

    async fn go_on_at(&mut self, order: Order) {
        let before = self.record.clone();
        self.record.place = order.place;
        self.record.replay_count += 1;
        self.record.replay_until = self.inner.log.head().position;
        let saved = match self.save().await {
            Ok(()) => {
                self.begin_at(order.place.at);
                tracing::info!(
                    position = order.place.at.position.get(),
                    "the relay was sent to another place"
                );
                self.measure();
                Ok(())
            }
            Err(error) => {
                self.record = before;
                Err(error.into())
            }
        };
        let _ = order.done.send(saved);
    }

    /// Lets go out what may, and answers as of when.
    fn send(&mut self) -> Instant {
        let now = Instant::now();
        while self.out.len() < MAX_OUT && self.readying.is_none() {
            let Some(event) = self.window.take(now) else { break };
            let (session, run) = (event.session.clone(), self.record.run_of(&event));
            let (bus, last) = (self.relay().bus.clone(), self.last.get(&session).copied());
            let attempt = AssertUnwindSafe(publish(self.inner.clone(), bus, event, run, last));
            let attempt = attempt.catch_unwind().map(|attempt| {
                let attempt = attempt.unwrap_or_else(|_| {
                    telemetry::panicked();
                    Err(BusError::Failed("a fault of this service; its log says more".to_owned()))
                });
                (session, attempt)
            });
            self.out.push(attempt.boxed());
        }
        now
    }

    fn attempted(&mut self, session: &SessionName, attempt: event_bus::Result<Published>) {
        let moment = Instant::now();
        let error = match attempt {
            Ok(published) => {
                if self.last.len() >= MAX_REMEMBERED && !self.last.contains_key(session) {
                    self.last.clear();
                }
                self.last.insert(session.clone(), published.last);
                let failed = self.window.done(session, moment).is_some();
                if published.is_new {
                    self.record.published_count += 1;
                    self.record.last_publish_time = Some(self.now());
                    telemetry::relay_published();
                }
                if failed || self.bus_pauses.tries() > 0 {
                    self.bus_pauses.reset();
                    self.note_health();
                }
                return;
            }
            Err(error) => error,
        };
        // Nobody knows what became of it.
        self.last.remove(session);
        match &error {
            BusError::Replaced(replay) => self.replaced = self.replaced.max(Some(*replay)),
            BusError::Diverged(reason) => self.diverged = Some(reason.clone()),
            BusError::Moved | BusError::NotReady(_) | BusError::Failed(_) => {}
        }
        telemetry::relay_failed();
        let is_not_ready = matches!(error, BusError::NotReady(_));
        let now = self.now();
        if let Some(failure) = self.window.failed(session, now, error) {
            let before = failure.failures.saturating_sub(1);
            let pause = BUS_PAUSES.pause_after(before, self.inner.entropy.as_ref());
            self.window.wait(session, moment + pause);
        }
        if is_not_ready && self.readying.is_none() {
            self.last.clear();
            let pause = self.bus_pauses.pause(None, self.inner.entropy.as_ref());
            self.make_ready(pause);
        }
        self.note_health();
    }

    /// After a pause.
    fn make_ready(&mut self, pause: Duration) {
        let bus = self.relay().bus.clone();
        self.readying = Some(
            async move {
                tokio::time::sleep(pause).await;
                bus.make_ready().await
            }
            .boxed(),
        );
    }

    fn made_ready(&mut self, ready: event_bus::Result<()>) {
        self.readying = None;
        if let Err(error) = ready {
            self.relay().failing(&self.inner, &error.to_string());
            let pause = self.bus_pauses.pause(None, self.inner.entropy.as_ref());
            return self.make_ready(pause);
        }
        // What failed because there was no bus need not wait any longer.
        self.window.retry_all(Instant::now());
        if self.window.failure().is_none() {
            self.bus_pauses.reset();
        }
        self.note_health();
    }

    fn note_health(&self) {
        let now = self.now();
        match self.window.failure() {
            Some(failure) => {
                let (cause, session) = (&failure.cause, &failure.session);
                let reason = format!("{cause} (an event of session {session})");
                self.relay().failing(&self.inner, &reason);
            }
            None if self.readying.is_none() => {
                self.relay().note_state(RelayState::Publishing, "", now);
            }
            None => {}
        }
    }

    fn measure(&mut self) {
        // With nothing to publish nobody else would find out.
        if self.readying.is_none() && !self.relay().bus.is_connected() {
            self.make_ready(Duration::ZERO);
        }
        let oldest = self.window.oldest_waiting();
        let behind = self.inner.log.head().position.since(self.record.place.at.position);
        let waited = oldest.map(|time| self.now().since(time)).unwrap_or_default();
        telemetry::relay_behind(behind, waited);
        let mut seen = self.relay().seen.lock();
        (seen.record, seen.oldest_waiting) = (self.record.clone(), oldest);
    }

    /// When the loop has to look again by itself, having sent what was due at `sent`.
    fn wake_time(&self, sent: Instant) -> Instant {
        let next_try = self.window.next_try(sent).filter(|_| self.readying.is_none());
        let next_save = (self.record != self.saved).then_some(self.next_save);
        let times = [next_try, next_save, Some(self.next_measure)];
        times.into_iter().flatten().min().unwrap_or(sent + MEASURE_INTERVAL)
    }

    /// Writes how far it is. What cannot be written now is written later: in the worst case the bus is asked again for
    /// what it holds.
    async fn save(&mut self) -> std::result::Result<(), StoreError> {
        match self.inner.repository.put_relay(&self.record, self.inner.epoch).await {
            Ok(()) => {
                self.saved = self.record.clone();
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "how far the relay is could not be written");
                Err(error)
            }
        }
    }

    /// Waits a moment for what is out, and writes how far it got.
    async fn end(mut self) -> End {
        let until = Instant::now() + LINGER;
        while let Ok(Some((session, attempt))) =
            tokio::time::timeout_at(until, self.out.next()).await
        {
            self.attempted(&session, attempt);
        }
        self.record.place.at = self.window.place();
        if self.record != self.saved {
            let _ = self.save().await;
        }
        End::Stopped
    }
}

/// Never, where it is ready.
async fn readied(readying: &mut Option<Readying>) -> event_bus::Result<()> {
    match readying {
        Some(readying) => readying.await,
        None => future::pending().await,
    }
}

impl Inner {
    /// Of who runs it.
    #[expect(clippy::expect_used, reason = "only a relay that was opened is run")]
    fn relay_here(&self) -> &Relay {
        self.relay.get().expect("an open relay")
    }
}

impl Relay {
    pub(super) fn failing(&self, inner: &Inner, reason: &str) {
        self.note_state(RelayState::Failing, reason, inner.clock.now());
    }
}
