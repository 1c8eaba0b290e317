//! Which watchers are woken when a session has new events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::id::SessionName;

/// Watchers by the session that interests them, so that a change wakes only those.
#[derive(Debug, Default)]
pub(in crate::app) struct WatchNotifier(Arc<Subscriptions>);

#[derive(Debug, Default)]
struct Subscriptions {
    subscribers: Mutex<Subscribers>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Subscribers {
    all: HashMap<u64, Arc<Notify>>,
    by_session: HashMap<SessionName, HashMap<u64, Arc<Notify>>>,
}

/// Ends when it is dropped.
#[derive(Debug)]
pub(in crate::app) struct Subscription {
    subscriptions: Arc<Subscriptions>,
    notify: Arc<Notify>,
    number: u64,
    /// Empty = all.
    sessions: Vec<SessionName>,
}

impl WatchNotifier {
    /// Is woken for the given sessions, or for all where none is given.
    pub fn subscribe(&self, sessions: &[SessionName]) -> Subscription {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let notify = Arc::new(Notify::new());
        let mut subscribers = self.0.subscribers.lock();
        if sessions.is_empty() {
            subscribers.all.insert(number, notify.clone());
        }
        for session in sessions {
            subscribers
                .by_session
                .entry(session.clone())
                .or_default()
                .insert(number, notify.clone());
        }
        Subscription { subscriptions: self.0.clone(), notify, number, sessions: sessions.to_vec() }
    }

    pub fn notify(&self, sessions: &[SessionName]) {
        let subscribers = self.0.subscribers.lock();
        for notify in subscribers.all.values() {
            notify.notify_one();
        }
        for session in sessions {
            for notify in subscribers.by_session.get(session).into_iter().flat_map(HashMap::values)
            {
                notify.notify_one();
            }
        }
    }

    /// Wakes all watchers, as when the service stops.
    pub fn notify_all(&self) {
        let subscribers = self.0.subscribers.lock();
        for notify in subscribers
            .all
            .values()
            .chain(subscribers.by_session.values().flat_map(HashMap::values))
        {
            notify.notify_one();
        }
    }
}

impl Subscription {
    /// Returns where there was an event since the last wait, or at the next one.
    pub async fn wait(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = self.subscriptions.subscribers.lock();
        subscribers.all.remove(&self.number);
        for session in &self.sessions {
            if let Some(of_session) = subscribers.by_session.get_mut(session) {
                of_session.remove(&self.number);
                if of_session.is_empty() {
                    subscribers.by_session.remove(session);
                }
            }
        }
    }
}
