//! The sessions there are, in memory: every call looks its session up.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::port::repository::Repository;
use crate::domain::session::{Session, SessionStatus};

const PAGE: u32 = 1000;

#[derive(Debug, Default)]
pub(super) struct Directory {
    sessions: RwLock<BTreeMap<SessionName, Arc<Session>>>,
    /// Those whose engine this process has started.
    up: RwLock<BTreeSet<SessionName>>,
    /// One at a time changes what a session is.
    changing: std::sync::Mutex<BTreeMap<SessionName, Arc<tokio::sync::Mutex<()>>>>,
}

impl Directory {
    pub async fn load(repository: &dyn Repository) -> Result<Self> {
        let directory = Self::default();
        let mut after: Option<SessionName> = None;
        loop {
            let page = repository.list_sessions(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(directory) };
            after = Some(last.name.clone());
            for mut session in page {
                // It worked when the last process ended; this one has yet to bring it up.
                if session.status == SessionStatus::Working {
                    session.status = SessionStatus::Starting;
                }
                directory.put(session);
            }
        }
    }

    pub fn get(&self, name: &SessionName) -> Result<Arc<Session>> {
        self.read().get(name).cloned().ok_or_else(|| Error::session_not_found(name))
    }

    pub fn contains(&self, name: &SessionName) -> bool {
        self.read().contains_key(name)
    }

    pub fn len(&self) -> usize {
        self.read().len()
    }

    pub fn all(&self) -> Vec<Arc<Session>> {
        self.read().values().cloned().collect()
    }

    pub fn names(&self) -> Vec<SessionName> {
        self.read().keys().cloned().collect()
    }

    /// Those after a name, in order.
    pub fn after(&self, name: Option<&SessionName>) -> Vec<Arc<Session>> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.read()
            .range::<SessionName, _>((from, Bound::Unbounded))
            .map(|(_, session)| session.clone())
            .collect()
    }

    pub fn put(&self, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        self.write().insert(session.name.clone(), session.clone());
        session
    }

    pub fn remove(&self, name: &SessionName) {
        self.write().remove(name);
    }

    pub fn is_up(&self, name: &SessionName) -> bool {
        self.up.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    pub fn mark_up(&self, name: &SessionName) {
        self.up.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
    }

    pub fn mark_down(&self, name: &SessionName) {
        self.up.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Waits for its turn to change the session.
    pub async fn lock(&self, name: &SessionName) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
            changing.retain(|_, lock| Arc::strong_count(lock) > 1);
            changing.entry(name.clone()).or_default().clone()
        };
        lock.lock_owned().await
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<SessionName, Arc<Session>>> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<SessionName, Arc<Session>>> {
        self.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }
}
