//! Delivers the notifications queued for a session.
//!
//! A notification leaves the queue only after the sink has it for good, so a crash at any instant
//! costs a repetition at most. Repetitions are the sink's business.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::faults::Faults;
use super::ledger::Ledger;
use super::online::Online;
use super::world::Notification;
use crate::domain::backoff::Backoff;
use crate::domain::clock::Entropy;
use crate::domain::error::Error;
use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::port::engine::{ConnectionEvent, EngineEvent, EngineEventSink};
use crate::domain::reason::Reason;

/// Notifications delivered at once at most.
const MAX_BATCH: usize = 256;
/// Delivered notifications that can be replayed.
const MAX_REPLAY: usize = 1_000;
/// How long notifications that are to be mixed wait for others.
const GATHERING: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const RETRIES: Backoff = Backoff::new(Duration::from_millis(50), LONGEST_PAUSE);

/// What was delivered last, for `replay`. Forgotten at a restart.
pub(super) type Delivered = Arc<Mutex<VecDeque<Arc<Notification>>>>;

pub(super) struct Delivery {
    pub session: SessionName,
    pub phone: PhoneNumber,
    pub ledger: Ledger,
    pub sink: Arc<dyn EngineEventSink>,
    pub faults: Arc<Faults>,
    pub online: Arc<Online>,
    pub delivered: Delivered,
    pub entropy: Arc<dyn Entropy>,
}

impl Delivery {
    /// Runs until it is cancelled. A break of the connection pauses it for the given time.
    pub async fn run(self, cancelled: CancellationToken, mut breaks: mpsc::Receiver<Duration>) {
        loop {
            let round = AssertUnwindSafe(self.deliver_all()).catch_unwind();
            let ended = tokio::select! {
                () = cancelled.cancelled() => return,
                Some(pause) = breaks.recv() => {
                    self.sink.connection_changed(&self.session, ConnectionEvent::Offline).await;
                    if cancelled.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                        return;
                    }
                    self.online.set_broken(&self.session, false);
                    continue;
                }
                ended = round => ended,
            };
            match ended {
                Ok(never) => match never {},
                Err(_) => {
                    tracing::error!(session = %self.session, "delivery of notifications failed; it starts anew");
                    if cancelled
                        .run_until_cancelled(tokio::time::sleep(LONGEST_PAUSE))
                        .await
                        .is_none()
                    {
                        return;
                    }
                }
            }
        }
    }

    async fn deliver_all(&self) -> std::convert::Infallible {
        let queued = self.ledger.queue_notifier(self.phone);
        let mut is_caught_up = false;
        loop {
            let batch = self.waiting().await;
            if batch.is_empty() {
                if !is_caught_up {
                    is_caught_up = true;
                    self.sink.connection_changed(&self.session, ConnectionEvent::Online).await;
                }
                queued.notified().await;
                continue;
            }
            let plan = self.faults.plan(&self.session, &batch);
            if !plan.delay.is_zero() {
                tokio::time::sleep(plan.delay).await;
            }
            self.hand_over(&plan.deliveries).await;
            let numbers: Vec<u64> = batch.iter().map(|notification| notification.number).collect();
            self.acknowledge(numbers, plan.deliveries.len()).await;
        }
    }

    /// What waits in the queue. Where it is to be reordered, it waits a moment for more.
    async fn waiting(&self) -> Vec<Arc<Notification>> {
        let batch = self.queued().await;
        let window = self.faults.window(&self.session).min(MAX_BATCH);
        if batch.is_empty() || batch.len() >= window {
            return batch;
        }
        let queued = self.ledger.queue_notifier(self.phone);
        let deadline = tokio::time::Instant::now() + GATHERING;
        let mut batch = batch;
        while batch.len() < window
            && tokio::time::timeout_at(deadline, queued.notified()).await.is_ok()
        {
            batch = self.queued().await;
        }
        batch
    }

    async fn queued(&self) -> Vec<Arc<Notification>> {
        let phone = self.phone;
        let mut pauses = RETRIES;
        loop {
            match self.ledger.read(move |world| world.queued(phone, MAX_BATCH)).await {
                Ok(batch) => return batch,
                Err(error) => {
                    tracing::warn!(session = %self.session, %error, "cannot read the queue of notifications");
                    self.wait(&mut pauses).await;
                }
            }
        }
    }

    async fn hand_over(&self, deliveries: &[Arc<Notification>]) {
        let events: Vec<EngineEvent> =
            deliveries.iter().map(|notification| notification.for_session(&self.session)).collect();
        if events.is_empty() {
            return;
        }
        let mut pauses = RETRIES;
        while let Err(error) = hand_in(self.sink.as_ref(), events.clone()).await {
            tracing::warn!(session = %self.session, %error, "notifications were not taken; they are delivered again");
            self.wait(&mut pauses).await;
        }
        let mut delivered = self.delivered.lock();
        delivered.extend(deliveries.iter().cloned());
        let surplus = delivered.len().saturating_sub(MAX_REPLAY);
        delivered.drain(..surplus);
    }

    async fn acknowledge(&self, numbers: Vec<u64>, delivered_count: usize) {
        let phone = self.phone;
        let count = u64::try_from(delivered_count).unwrap_or(u64::MAX);
        let numbers = Arc::new(numbers);
        let mut pauses = RETRIES;
        loop {
            let delivered = numbers.clone();
            let session = self.session.clone();
            let acknowledged = self.ledger.apply(move |world, _| {
                world.acknowledge(phone, &delivered);
                world.note_delivered(&session, count);
            });
            match acknowledged.await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(session = %self.session, %error, "delivered notifications stay in the queue for now");
                    self.wait(&mut pauses).await;
                }
            }
        }
    }

    async fn wait(&self, pauses: &mut Backoff) {
        tokio::time::sleep(pauses.pause(None, self.entropy.as_ref())).await;
    }
}

/// Returns once all are durable. Events of a deleted session are dropped: retrying them would never end.
pub(super) async fn hand_in(
    sink: &dyn EngineEventSink,
    events: Vec<EngineEvent>,
) -> Result<(), Error> {
    let failures = sink.ingest(events).await.into_iter().filter_map(Result::err);
    let mut failures = failures.filter(|error| error.reason() != Reason::SessionNotFound);
    failures.next().map_or(Ok(()), Err)
}
