//! The sessions there are, in memory: every call looks its session up, and watchers of one are notified of
//! each change.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::keyed_lock::KeyedLock;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::port::engine::{PairingCode, QrCode};
use crate::domain::port::repository::Repository;
use crate::domain::session::{Session, SessionStatus};

const PAGE: u32 = 1000;

/// A session, and what only this process knows of it.
#[derive(Debug, Clone)]
pub struct SessionState {
    pub session: Arc<Session>,
    /// Since when its engine has reported everything; `None` while this process has not started it.
    up_since: Option<Timestamp>,
    /// When this process last compared all its groups with WhatsApp's; no clock that is set back counts here.
    compared: Option<Instant>,
    pub qr_code: Option<QrCode>,
    pub pairing_code: Option<PairingCode>,
    /// The comparison with WhatsApp that runs.
    pub progress: Option<Progress>,
}

/// How far a comparison with WhatsApp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub compared: usize,
    pub total: usize,
}

#[derive(Debug, Default)]
pub(in crate::app) struct Directory {
    sessions: RwLock<BTreeMap<SessionName, watch::Sender<SessionState>>>,
    /// One at a time changes what a session is.
    changing: KeyedLock,
    /// Held from when a session is found room until it is counted: the last place is given once.
    placing: tokio::sync::Mutex<()>,
}

async fn all_of(repository: &dyn Repository) -> Result<Vec<Session>> {
    let mut sessions = Vec::new();
    let mut after: Option<SessionName> = None;
    loop {
        let page = repository.list_sessions(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(sessions) };
        after = Some(last.name.clone());
        sessions.extend(page);
    }
}

impl Directory {
    /// `acts`: what worked when the last process ended, this one has yet to bring up.
    pub async fn load(repository: &dyn Repository, acts: bool) -> Result<Self> {
        let directory = Self::default();
        for mut session in all_of(repository).await? {
            let worked = session.status == SessionStatus::Working;
            if acts && worked && !session.config.takes_webhooks_only() {
                session.status = SessionStatus::Starting;
            }
            directory.put(session);
        }
        Ok(directory)
    }

    /// Makes it what the store has; watchers of what stays see what has changed.
    pub async fn reload(&self, repository: &dyn Repository) -> Result<()> {
        let stored = all_of(repository).await?;
        let names: BTreeSet<&SessionName> = stored.iter().map(|session| &session.name).collect();
        self.sessions.write().retain(|name, _| names.contains(name));
        for session in stored {
            match self.get(&session.name) {
                Ok(held) if *held == session => {}
                Ok(_) => {
                    self.modify(&session.name.clone(), |state| state.session = Arc::new(session))
                }
                Err(_) => self.put(session),
            }
        }
        Ok(())
    }

    pub fn get(&self, name: &SessionName) -> Result<Arc<Session>> {
        let sessions = self.sessions.read();
        let state = sessions.get(name).ok_or_else(|| Error::session_not_found(name))?;
        Ok(state.borrow().session.clone())
    }

    /// The session as it is and as it changes. Ends when it is deleted.
    pub fn watch(&self, name: &SessionName) -> Result<watch::Receiver<SessionState>> {
        let sessions = self.sessions.read();
        sessions
            .get(name)
            .map(watch::Sender::subscribe)
            .ok_or_else(|| Error::session_not_found(name))
    }

    pub fn contains(&self, name: &SessionName) -> bool {
        self.sessions.read().contains_key(name)
    }

    pub fn len(&self) -> usize {
        self.sessions.read().len()
    }

    /// How many sessions are among those meant, and how many there are.
    pub fn count(&self, is_meant: impl Fn(&SessionName) -> bool) -> (u64, u64) {
        let sessions = self.sessions.read();
        let meant = sessions.keys().filter(|name| is_meant(name)).count();
        (meant as u64, sessions.len() as u64)
    }

    pub fn all(&self) -> Vec<Arc<Session>> {
        self.after(None)
    }

    pub fn names(&self) -> Vec<SessionName> {
        self.sessions.read().keys().cloned().collect()
    }

    /// Those after a name, in order.
    pub fn after(&self, name: Option<&SessionName>) -> Vec<Arc<Session>> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.sessions
            .read()
            .range::<SessionName, _>((from, Bound::Unbounded))
            .map(|(_, state)| state.borrow().session.clone())
            .collect()
    }

    /// Takes a new session in.
    pub fn put(&self, session: Session) {
        let session = Arc::new(session);
        let mut sessions = self.sessions.write();
        let state = SessionState {
            session: session.clone(),
            up_since: None,
            compared: None,
            qr_code: None,
            pairing_code: None,
            progress: None,
        };
        sessions.insert(session.name.clone(), watch::Sender::new(state));
    }

    pub fn update(&self, name: &SessionName, change: impl FnOnce(&mut Session)) {
        self.modify(name, |state| {
            let session = Arc::make_mut(&mut state.session);
            change(session);
            if session.status != SessionStatus::ScanQrCode {
                (state.qr_code, state.pairing_code) = (None, None);
            }
        });
    }

    pub fn remove(&self, name: &SessionName) {
        self.sessions.write().remove(name);
    }

    pub fn is_up(&self, name: &SessionName) -> bool {
        self.up_since(name).is_some()
    }

    /// Since when the session's engine has reported everything.
    pub fn up_since(&self, name: &SessionName) -> Option<Timestamp> {
        self.sessions.read().get(name).and_then(|state| state.borrow().up_since)
    }

    pub fn mark_up(&self, name: &SessionName, since: Timestamp) {
        self.note(name, |state| state.up_since = Some(since));
    }

    pub fn mark_down(&self, name: &SessionName) {
        self.note(name, |state| state.up_since = None);
    }

    /// When this process last compared all groups of the session with WhatsApp's: when it began to.
    pub fn compared(&self, name: &SessionName) -> Option<Instant> {
        self.sessions.read().get(name).and_then(|state| state.borrow().compared)
    }

    pub fn note_compared(&self, name: &SessionName, began: Instant) {
        self.note(name, |state| state.compared = Some(began));
    }

    pub fn show_qr_code(&self, name: &SessionName, code: QrCode) {
        self.modify(name, |state| state.qr_code = Some(code));
    }

    pub fn show_pairing_code(&self, name: &SessionName, code: PairingCode) {
        self.modify(name, |state| state.pairing_code = Some(code));
    }

    /// Watchers are notified of each percent, not of each group.
    pub fn note_progress(&self, name: &SessionName, compared: usize, total: usize) {
        let sessions = self.sessions.read();
        let Some(state) = sessions.get(name) else { return };
        state.send_if_modified(|state| {
            let percent = |progress: Progress| progress.compared * 100 / progress.total.max(1);
            let now = Progress { compared, total };
            let is_worth_noting = state.progress.is_none_or(|held| {
                held.total != total || percent(held) != percent(now) || compared == total
            });
            if is_worth_noting {
                state.progress = Some(now);
            }
            is_worth_noting
        });
    }

    pub fn end_progress(&self, name: &SessionName) {
        self.modify(name, |state| state.progress = None);
    }

    /// Waits until no other session is being placed.
    pub async fn placing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.placing.lock().await
    }

    /// Waits for its turn to change the session.
    pub async fn lock(&self, name: &SessionName) -> tokio::sync::OwnedMutexGuard<()> {
        self.changing.take(name).await
    }

    fn modify(&self, name: &SessionName, change: impl FnOnce(&mut SessionState)) {
        if let Some(state) = self.sessions.read().get(name) {
            state.send_modify(change);
        }
    }

    /// Changes what watchers do not see.
    fn note(&self, name: &SessionName, change: impl FnOnce(&mut SessionState)) {
        if let Some(state) = self.sessions.read().get(name) {
            state.send_if_modified(|state| {
                change(state);
                false
            });
        }
    }
}
