//! The webhooks there are, in memory, and the workers that deliver for them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Options;
use crate::app::places::Places;
use crate::domain::auth::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::fair_share::FairShare;
use crate::domain::port::repository::Repository;
use crate::domain::port::webhook_sender::WebhookSender;
use crate::domain::webhook::{Webhook, WebhookId, WebhookState};

#[derive(Debug)]
pub(in crate::app) struct WebhookRegistry {
    pub sender: Arc<dyn WebhookSender>,
    pub options: Options,
    /// Posts that are out at the same time, over all webhooks.
    pub places: Places,
    /// The same of what is passed on, apart from the others: a quarter as many.
    pub passing_places: Places,
    /// Each key by its name, with what it may see.
    owners: HashMap<String, Caller>,
    hooks: RwLock<BTreeMap<WebhookId, Arc<WebhookHandle>>>,
    /// One at a time is made.
    pub making: tokio::sync::Mutex<()>,
    /// Another process has taken the database over, and delivers.
    fenced: AtomicBool,
}

/// A webhook and its worker.
#[derive(Debug)]
pub(super) struct WebhookHandle {
    pub id: WebhookId,
    webhook: Mutex<Webhook>,
    /// When the oldest event was recorded that its worker has not delivered.
    oldest_waiting: Mutex<Option<Timestamp>>,
    /// Its holder may change the webhook while no worker runs.
    pub turn: tokio::sync::Mutex<Option<Running>>,
}

#[derive(Debug)]
pub(super) struct Running {
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl WebhookRegistry {
    pub async fn load(
        repository: &dyn Repository,
        sender: Arc<dyn WebhookSender>,
        options: Options,
    ) -> Result<Self> {
        let is_shared = options.callers.len() > 1;
        let places = |count: usize| FairShare { capacity: count as u64, is_shared };
        let passing_places = places(options.max_in_flight.div_ceil(4));
        let places = places(options.max_in_flight);
        let hooks = repository.webhooks().await?;
        let hooks =
            hooks.into_iter().map(|webhook| (webhook.id, WebhookHandle::new(webhook))).collect();
        let owners = options.callers.iter();
        Ok(Self {
            sender,
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

    pub(super) fn get(&self, id: WebhookId) -> Option<Arc<WebhookHandle>> {
        self.hooks.read().get(&id).cloned()
    }

    /// By id.
    pub(super) fn all(&self) -> Vec<Arc<WebhookHandle>> {
        self.hooks.read().values().cloned().collect()
    }

    /// This process delivers no more.
    pub fn fence(&self) {
        if !self.fenced.swap(true, Ordering::Relaxed) {
            tracing::warn!("another process delivers the webhooks of this database now");
        }
    }

    pub fn len(&self) -> usize {
        self.hooks.read().len()
    }

    /// How many are the key's, and how many there are.
    pub fn count(&self, key_name: &str) -> (u64, u64) {
        let hooks = self.hooks.read();
        let own = hooks.values().filter(|hook| hook.webhook.lock().key_name == key_name).count();
        (own as u64, hooks.len() as u64)
    }

    pub(super) fn put(&self, webhook: Webhook) -> Arc<WebhookHandle> {
        let hook = WebhookHandle::new(webhook);
        let mut hooks = self.hooks.write();
        hooks.insert(hook.id, hook.clone());
        hook
    }

    pub fn remove(&self, id: WebhookId) {
        self.hooks.write().remove(&id);
    }

    /// Whether another process delivers.
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Relaxed)
    }
}

impl WebhookHandle {
    fn new(webhook: Webhook) -> Arc<Self> {
        Arc::new(Self {
            id: webhook.id,
            webhook: Mutex::new(webhook),
            oldest_waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    pub fn webhook(&self) -> Webhook {
        self.webhook.lock().clone()
    }

    /// Changes what is known of it; for the holder of its turn, or its worker.
    pub fn change<T>(&self, change: impl FnOnce(&mut Webhook) -> T) -> T {
        change(&mut self.webhook.lock())
    }

    pub fn oldest_waiting(&self) -> Option<Timestamp> {
        *self.oldest_waiting.lock()
    }

    pub fn note_oldest_waiting(&self, time: Option<Timestamp>) {
        *self.oldest_waiting.lock() = time;
    }

    pub fn state(&self) -> WebhookState {
        self.webhook.lock().status.state
    }

    /// Counts the events that retention removed; returns a message about it.
    pub fn note_lost(&self, lost: u64) -> String {
        self.change(|webhook| webhook.progress.lost_count += lost);
        format!(
            "retention has removed {lost} events after its place; resume it to go on with those that are kept"
        )
    }
}
