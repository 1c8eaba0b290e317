//! Who is to be woken when a session has news.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::id::SessionName;

/// Watchers by the session that interests them, so that a change wakes only those.
#[derive(Debug, Default)]
pub(super) struct Bells(Arc<Tower>);

#[derive(Debug, Default)]
struct Tower {
    rooms: Mutex<Rooms>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Rooms {
    all: HashMap<u64, Arc<Notify>>,
    by_session: HashMap<SessionName, HashMap<u64, Arc<Notify>>>,
}

/// A place at the bells; given back when dropped.
#[derive(Debug)]
pub(super) struct Bell {
    tower: Arc<Tower>,
    notify: Arc<Notify>,
    number: u64,
    /// Empty = all.
    sessions: Vec<SessionName>,
}

impl Bells {
    /// Rings for the given sessions, or for all where none is given.
    pub fn hang(&self, sessions: &[SessionName]) -> Bell {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let notify = Arc::new(Notify::new());
        let mut rooms = self.0.lock();
        if sessions.is_empty() {
            rooms.all.insert(number, notify.clone());
        }
        for session in sessions {
            rooms.by_session.entry(session.clone()).or_default().insert(number, notify.clone());
        }
        Bell { tower: self.0.clone(), notify, number, sessions: sessions.to_vec() }
    }

    pub fn ring(&self, sessions: &[SessionName]) {
        let rooms = self.0.lock();
        for notify in rooms.all.values() {
            notify.notify_one();
        }
        for session in sessions {
            for notify in rooms.by_session.get(session).into_iter().flat_map(HashMap::values) {
                notify.notify_one();
            }
        }
    }

    /// Wakes everybody, as when the service stops.
    pub fn ring_all(&self) {
        let rooms = self.0.lock();
        for notify in rooms.all.values().chain(rooms.by_session.values().flat_map(HashMap::values))
        {
            notify.notify_one();
        }
    }
}

impl Tower {
    fn lock(&self) -> std::sync::MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    /// Returns when it has rung since the last wait, or at the next ring.
    pub async fn wait(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let mut rooms = self.tower.lock();
        rooms.all.remove(&self.number);
        for session in &self.sessions {
            if let Some(room) = rooms.by_session.get_mut(session) {
                room.remove(&self.number);
                if room.is_empty() {
                    rooms.by_session.remove(session);
                }
            }
        }
    }
}
