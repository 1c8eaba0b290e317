//! The relay: hands the log to a message bus, event by event, and keeps how far it is.

mod publisher;
mod worker;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::watch::{self, WatchStart};
use super::{App, Call, Inner};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::port::event_bus::EventBus;
use crate::domain::reason::Reason;
use crate::domain::relay::{RelayRecord, RelayState};
use crate::domain::token::ResumeToken;
use crate::telemetry;
use worker::{End, Worker};

/// Before a relay that has ended badly is begun anew.
const PAUSE: Duration = Duration::from_secs(1);

/// The bus, and how far the log is on it.
pub(super) struct Relay {
    bus: Arc<dyn EventBus>,
    seen: Mutex<Seen>,
    orders: mpsc::Sender<Order>,
    /// Taken by who runs it.
    received: tokio::sync::Mutex<mpsc::Receiver<Order>>,
    /// Nobody takes orders any more.
    ended: CancellationToken,
}

/// To go on elsewhere.
struct Order {
    place: ResumeToken,
    done: oneshot::Sender<Result<()>>,
}

/// How it stands, for whoever asks.
#[derive(Debug, Clone)]
struct Seen {
    record: RelayRecord,
    state: RelayState,
    reason: String,
    since: Timestamp,
    oldest_waiting: Option<Timestamp>,
}

/// The relay, and how far it is behind.
#[derive(Debug, Clone)]
pub struct RelayView {
    /// Where events go.
    pub target: String,
    pub record: RelayRecord,
    pub state: RelayState,
    pub reason: String,
    pub since: Timestamp,
    /// Places of the log after its own.
    pub behind: u64,
    pub oldest_waiting: Option<Timestamp>,
}

impl App {
    /// Hands the log to the bus from now on; a relay that was never begun begins at `start`.
    pub async fn open_relay(&self, bus: Arc<dyn EventBus>, start: &WatchStart) -> Result<()> {
        let inner = &self.inner;
        let (mut state, mut reason) = (RelayState::Failing, "it is connecting".to_owned());
        let record = match inner.repository.relay().await? {
            Some(record) => record,
            None => match watch::find(inner, start).await {
                Ok(place) => {
                    let record = RelayRecord::new(inner.log.token(place));
                    // Kept before anything is published: `now` must not become a later one by a restart.
                    inner.repository.put_relay(&record, inner.epoch).await?;
                    record
                }
                // A token that leads nowhere is no reason for the service not to begin.
                Err(error) => {
                    state = RelayState::Stopped;
                    reason = format!(
                        "nats.start: {}; say another one, or `wagroups relay replay --from`",
                        error.message()
                    );
                    RelayRecord::new(inner.log.token(inner.log.head()))
                }
            },
        };
        let (orders, received) = mpsc::channel(8);
        let since = inner.clock.now();
        let seen = Seen { record, state, reason, since, oldest_waiting: None };
        let (seen, received) = (Mutex::new(seen), tokio::sync::Mutex::new(received));
        let _ =
            inner.relay.set(Relay { bus, seen, orders, received, ended: CancellationToken::new() });
        Ok(())
    }

    /// How the relay stands.
    pub fn relay(&self, call: &Call) -> Result<RelayView> {
        let relay = self.inner.relay_for(call)?;
        let head = self.inner.log.head();
        let seen = relay.seen.lock().clone();
        Ok(RelayView {
            target: relay.bus.target(),
            behind: head.position.since(seen.record.place.at.position),
            record: seen.record,
            state: seen.state,
            reason: seen.reason,
            since: seen.since,
            oldest_waiting: seen.oldest_waiting,
        })
    }

    /// Sends the relay to another place in the log, from where it publishes.
    pub async fn replay_relay(&self, call: &Call, start: WatchStart) -> Result<RelayView> {
        let relay = self.inner.relay_for(call)?;
        self.inner.refuse_if_draining()?;
        let place = watch::find(&self.inner, &start).await?;
        let (done, answered) = oneshot::channel();
        let order = Order { place: self.inner.log.token(place), done };
        let gone = || Error::new(Reason::Draining, "this replica publishes no longer; try again");
        let answer = async {
            relay.orders.send(order).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        };
        tokio::select! {
            answer = answer => answer?,
            () = relay.ended.cancelled() => return Err(gone()),
        }
        self.relay(call)
    }

    /// Publishes what happens, until the service stops, which waits for the end of it.
    pub async fn relay_events(&self) {
        let app = self.clone();
        let relay = async move { app.run_relay().await };
        if let Err(error) = self.inner.lifecycle.tasks.spawn(relay).await {
            tracing::error!(%error, "the relay has ended badly");
        }
    }

    async fn run_relay(&self) {
        let inner = &self.inner;
        let Some(relay) = inner.relay.get() else { return };
        let Ok(mut orders) = relay.received.try_lock() else { return };
        loop {
            let worker = AssertUnwindSafe(Worker::run(inner.clone(), &mut orders)).catch_unwind();
            match worker.await {
                Ok(End::Stopped) => break,
                Ok(End::Fenced) => {
                    relay.failing(inner, "another process acts on this database");
                    break;
                }
                Err(_) => {
                    telemetry::panicked();
                    let reason = "a fault of this service; its log says more";
                    relay.failing(inner, reason);
                    tracing::error!("the relay has panicked; it begins anew from its place");
                }
            }
            tokio::select! {
                () = inner.lifecycle.draining.cancelled() => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        relay.ended.cancel();
    }
}

impl Inner {
    /// Its events are those of all sessions, so only a key that sees all of them may touch it.
    fn relay_for(&self, call: &Call) -> Result<&Relay> {
        if !call.caller.sees_all() {
            let message =
                "the relay publishes the events of all sessions; use an API key with the pattern *";
            return Err(
                Error::new(Reason::PermissionDenied, message).with("method", "RelayService")
            );
        }
        self.relay.get().ok_or_else(|| {
            let message = "there is no relay; set nats.url to hand the log to NATS JetStream";
            Error::new(Reason::RelayDisabled, message)
        })
    }
}

impl Relay {
    fn note_state(&self, state: RelayState, reason: &str, now: Timestamp) {
        let mut seen = self.seen.lock();
        if seen.state != state {
            (seen.state, seen.since) = (state, now);
            match state {
                RelayState::Publishing => {
                    tracing::info!(target = self.bus.target(), "the relay publishes")
                }
                RelayState::Failing => {
                    tracing::warn!(reason, "the relay cannot publish; it tries again")
                }
                RelayState::Stopped => tracing::error!(reason, "the relay has stopped"),
            }
        }
        if seen.reason != reason {
            reason.clone_into(&mut seen.reason);
        }
        drop(seen);
        telemetry::relay_state(state);
    }
}
