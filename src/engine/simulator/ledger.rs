//! Keeps the world durable: no change is visible before it is written.
//!
//! One task owns the world. It takes the jobs that have gathered, runs them in order, writes all that
//! they changed in one save, and only then answers them. So a hundred concurrent calls cost one
//! transaction, and a job never sees what another one may still lose.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::sleep;

use super::world::World;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::error::Error;
use crate::domain::id::PhoneNumber;
use crate::domain::operation::{EngineError, Outcome, Result};
use crate::domain::port::repository::StoreError;
use crate::domain::port::world::WorldStore;
use crate::domain::reason::Reason;

/// Jobs written in one save at most.
const MAX_BATCH: usize = 256;
/// Jobs that may wait before callers have to.
const MAX_WAITING: usize = 1024;

/// Between two tries of a save whose answer was lost.
const SAVE_PAUSES: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1000),
];

/// Answers a job once its changes are written, or were not.
type Finish = Box<dyn FnOnce(&Result<()>) + Send>;
/// Runs on the world, or answers at once where there is none.
type Job = Box<dyn FnOnce(Result<(&mut World, Timestamp)>) -> Option<Finish> + Send>;

/// Where jobs for the world are sent.
#[derive(Clone)]
pub(super) struct Ledger {
    jobs: mpsc::Sender<Job>,
    queues: Arc<QueueNotifiers>,
}

impl Ledger {
    /// Loads the world, or makes one.
    pub async fn open(
        store: Arc<dyn WorldStore>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> std::result::Result<Self, StoreError> {
        let world = World::restore(&store.load().await?, seed)?;
        let (jobs, waiting) = mpsc::channel(MAX_WAITING);
        let queues = Arc::new(QueueNotifiers::default());
        let keeper = Keeper { world, store, clock, seed, queues: queues.clone(), is_stale: false };
        // Ends by itself once the last handle is gone.
        tokio::spawn(keeper.run(waiting));
        Ok(Self { jobs, queues })
    }

    /// Runs a job on the world and answers once what it changed is durable. It runs to its end even
    /// where the caller goes away.
    pub async fn apply<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut World, Timestamp) -> T + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        // Sending fails where the caller no longer waits, which is fine.
        let job: Job = Box::new(move |world| match world {
            Ok((world, now)) => {
                let value = job(world, now);
                Some(Box::new(move |saved| {
                    let _ = answer.send(saved.clone().map(|()| value));
                }))
            }
            Err(error) => {
                let _ = answer.send(Err(error));
                None
            }
        });
        if self.jobs.send(job).await.is_err() {
            return Err(EngineError::not_sent(unavailable("the simulator has stopped")));
        }
        answered.await.unwrap_or_else(|_| {
            Err(EngineError::unknown("the simulator failed during the call; read the group"))
        })
    }

    /// Like [`apply`](Self::apply), for what only reads: whatever went wrong, it may be tried again.
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T> {
        self.look(|world| job(world)).await
    }

    /// Like [`read`](Self::read), where the look itself is noted.
    pub async fn look<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Result<T> {
        self.apply(|world, _| job(world)).await.map_err(|error| match error.outcome {
            Outcome::Unknown => EngineError::not_sent(unavailable(
                "the simulator's store did not answer; try again",
            )),
            Outcome::NotSent | Outcome::Rejected | Outcome::Supposed => error,
        })
    }

    /// Notified when something new is queued for the account.
    pub fn queue_notifier(&self, phone: PhoneNumber) -> Arc<Notify> {
        self.queues.of(phone)
    }
}

pub(super) fn unavailable(message: &str) -> Error {
    Error::new(Reason::EngineUnavailable, message).retry_after(Duration::from_secs(1))
}

/// Wakes the delivery of an account's queue.
#[derive(Default)]
struct QueueNotifiers(Mutex<HashMap<PhoneNumber, Arc<Notify>>>);

impl QueueNotifiers {
    fn of(&self, phone: PhoneNumber) -> Arc<Notify> {
        self.0.lock().entry(phone).or_default().clone()
    }

    fn notify(&self, phone: PhoneNumber) {
        if let Some(notifier) = self.0.lock().get(&phone) {
            notifier.notify_one();
        }
    }
}

struct Keeper {
    world: World,
    store: Arc<dyn WorldStore>,
    clock: Arc<dyn Clock>,
    seed: u64,
    queues: Arc<QueueNotifiers>,
    /// Whether the store may hold another world than this one, so that it must be read anew.
    is_stale: bool,
}

impl Keeper {
    async fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        let mut batch = Vec::new();
        while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
            let jobs = std::mem::take(&mut batch);
            // A bug in one rule must not take the other sessions' WhatsApp down. Its callers learn that
            // the outcome is unknown, and the world is as the store has it.
            if AssertUnwindSafe(self.run_batch(jobs)).catch_unwind().await.is_err() {
                tracing::error!("the simulator failed in an operation; its world is read anew");
                self.is_stale = true;
            }
        }
    }

    async fn run_batch(&mut self, jobs: Vec<Job>) {
        if let Err(error) = self.refresh().await {
            let failed = EngineError::not_sent(error.into());
            for job in jobs {
                job(Err(failed.clone()));
            }
            return;
        }
        let finishes: Vec<Finish> = jobs
            .into_iter()
            .filter_map(|job| job(Ok((&mut self.world, self.clock.now()))))
            .collect();
        let mutates = self.world.has_unsaved_mutation();
        let rung = self.world.grown_queues();
        let saved = self.save().await;
        if mutates && saved.is_ok() {
            crate::failpoint::hit("engine_applied");
        }
        for finish in finishes {
            finish(&saved);
        }
        for phone in rung {
            self.queues.notify(phone);
        }
    }

    async fn refresh(&mut self) -> std::result::Result<(), StoreError> {
        if self.is_stale {
            self.world = World::restore(&self.store.load().await?, self.seed)?;
            self.is_stale = false;
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<()> {
        let changes = match self.world.changes() {
            Ok(changes) if changes.is_empty() => {
                self.world.settle();
                return Ok(());
            }
            Ok(changes) => changes,
            Err(error) => {
                self.world.roll_back();
                return Err(EngineError::not_sent(error.into()));
            }
        };
        // What is saved is rows as they are now, so that it may be saved again where the answer was lost.
        let mut saved = self.store.save(changes.clone()).await;
        for pause in SAVE_PAUSES {
            if !matches!(saved, Err(StoreError::CommitUnknown(_))) {
                break;
            }
            sleep(pause).await;
            saved = match self.store.save(changes.clone()).await {
                // This try wrote nothing, but the one before may have.
                Err(
                    StoreError::Unavailable(cause)
                    | StoreError::Failed(cause)
                    | StoreError::NotOwner(cause)
                    | StoreError::Corrupt(cause),
                ) => Err(StoreError::CommitUnknown(cause)),
                saved => saved,
            };
        }
        match saved {
            Ok(()) => {
                self.world.settle();
                Ok(())
            }
            Err(StoreError::CommitUnknown(cause)) => {
                tracing::warn!(%cause, "the store did not confirm a save of the simulator's world");
                self.is_stale = true;
                Err(EngineError::unknown(
                    "the store of the simulator did not confirm the change; read the group before you repeat the call",
                ))
            }
            Err(
                error @ (StoreError::Unavailable(_)
                | StoreError::Refused(_)
                | StoreError::Failed(_)
                | StoreError::NotOwner(_)
                | StoreError::Corrupt(_)),
            ) => {
                self.world.roll_back();
                Err(EngineError::not_sent(error.into()))
            }
        }
    }
}
