//! The webhooks there are, in memory, and the workers that deliver for them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Options;
use super::worker::Worker;
use crate::app::Inner;
use crate::app::places::Places;
use crate::domain::auth::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::fair_share::FairShare;
use crate::domain::port::courier::Courier;
use crate::domain::port::repository::Repository;
use crate::domain::webhook::{Webhook, WebhookId, WebhookState, WebhookStatus};

#[derive(Debug)]
pub(in crate::app) struct Hooks {
    pub courier: Arc<dyn Courier>,
    pub options: Options,
    /// Posts that are out at the same time, over all webhooks.
    pub places: Places,
    /// The same of what is passed on, apart from the others: a quarter as many.
    pub passing_places: Places,
    /// Each key by its name, with what it may see.
    owners: HashMap<String, Caller>,
    hooks: RwLock<BTreeMap<WebhookId, Arc<Hook>>>,
    /// One at a time is made.
    pub making: tokio::sync::Mutex<()>,
    /// Another process has taken the database over, and delivers.
    fenced: AtomicBool,
}

/// A webhook and its worker.
#[derive(Debug)]
pub(super) struct Hook {
    pub id: WebhookId,
    webhook: Mutex<Webhook>,
    /// When the oldest event was recorded that its worker has not delivered.
    oldest_waiting: Mutex<Option<Timestamp>>,
    /// Whoever holds it may change the webhook while no worker runs.
    pub turn: tokio::sync::Mutex<Option<Running>>,
}

#[derive(Debug)]
pub(super) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Hooks {
    pub async fn load(
        repository: &dyn Repository,
        courier: Arc<dyn Courier>,
        options: Options,
    ) -> Result<Self> {
        let is_shared = options.callers.len() > 1;
        let places = |count: usize| FairShare { capacity: count as u64, is_shared };
        let passing_places = places(options.max_in_flight.div_ceil(4));
        let places = places(options.max_in_flight);
        let hooks = repository.webhooks().await?;
        let hooks = hooks.into_iter().map(|webhook| (webhook.id, Hook::new(webhook))).collect();
        let owners = options.callers.iter();
        Ok(Self {
            courier,
            places: Places::new(places),
            passing_places: Places::new(passing_places),
            owners: owners.map(|caller| (caller.key_name().to_owned(), caller.clone())).collect(),
            options,
            hooks: RwLock::new(hooks),
            making: tokio::sync::Mutex::default(),
            fenced: AtomicBool::new(false),
        })
    }

    /// The key that a webhook belongs to; `None` where it is gone.
    pub fn owner(&self, key_name: &str) -> Option<&Caller> {
        self.owners.get(key_name)
    }

    pub(super) fn get(&self, id: WebhookId) -> Option<Arc<Hook>> {
        self.read().get(&id).cloned()
    }

    /// By id.
    pub(super) fn all(&self) -> Vec<Arc<Hook>> {
        self.read().values().cloned().collect()
    }

    /// This process delivers no more.
    pub fn fence(&self) {
        if !self.fenced.swap(true, Ordering::Relaxed) {
            tracing::warn!("another process delivers the webhooks of this database now");
        }
    }

    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// How many are the key's, and how many there are.
    pub fn count(&self, key_name: &str) -> (u64, u64) {
        let hooks = self.read();
        let own = hooks.values().filter(|hook| hook.lock().key_name == key_name).count();
        (own as u64, hooks.len() as u64)
    }

    pub(super) fn put(&self, webhook: Webhook) -> Arc<Hook> {
        let hook = Hook::new(webhook);
        let mut hooks = self.hooks.write().unwrap_or_else(PoisonError::into_inner);
        hooks.insert(hook.id, hook.clone());
        hook
    }

    pub fn remove(&self, id: WebhookId) {
        self.hooks.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<WebhookId, Arc<Hook>>> {
        self.hooks.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hook {
    fn new(webhook: Webhook) -> Arc<Self> {
        Arc::new(Self {
            id: webhook.id,
            webhook: Mutex::new(webhook),
            oldest_waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    pub fn webhook(&self) -> Webhook {
        self.lock().clone()
    }

    /// Changes what is known of it; for whoever has its turn, or is its worker.
    pub fn change<T>(&self, change: impl FnOnce(&mut Webhook) -> T) -> T {
        change(&mut self.lock())
    }

    pub fn oldest_waiting(&self) -> Option<Timestamp> {
        *self.oldest_waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note_oldest_waiting(&self, time: Option<Timestamp>) {
        *self.oldest_waiting.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    pub fn state(&self) -> WebhookState {
        self.lock().status.state
    }

    fn lock(&self) -> MutexGuard<'_, Webhook> {
        self.webhook.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves a webhook to another state; the reason may change while it is there.
pub(super) fn set_state(webhook: &mut Webhook, state: WebhookState, reason: &str, now: Timestamp) {
    let held = &webhook.status;
    let time = if held.state == state { held.time } else { now };
    if held.state != state || held.reason != reason {
        webhook.status = WebhookStatus { state, reason: reason.to_owned(), time };
    }
}

/// Ends the worker and waits until it has written how far it got.
pub(super) async fn stop(running: &mut Option<Running>) {
    let Some(Running { stop, task }) = running.take() else { return };
    stop.cancel();
    if let Err(error) = task.await {
        tracing::error!(%error, "a webhook's worker has ended badly");
    }
}

/// Begins to deliver, where the webhook is to and nobody does yet.
pub(super) fn start(inner: &Arc<Inner>, hook: &Arc<Hook>, running: &mut Option<Running>) {
    let is_running = running.as_ref().is_some_and(|running| !running.task.is_finished());
    let may = !inner.is_draining() && !inner.hooks.fenced.load(Ordering::Relaxed);
    if is_running || !may || !hook.state().delivers() {
        return;
    }
    let stop = inner.draining.child_token();
    let worker = Worker::new(inner.clone(), hook.clone(), stop.clone());
    let task = inner.tasks.spawn(worker.run());
    *running = Some(Running { stop, task });
}
