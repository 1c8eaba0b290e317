//! Where a session stands that is only told: what the latest event of its server says.
//!
//! Events come late, in any order and at the same time, so that what counts is when the server made them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Inner;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::SessionName;
use crate::domain::session::{Session, SessionStatus};

/// What an event says of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToldStatus {
    /// When the event was made; its id decides within a millisecond, as it grows with time.
    pub made: (Timestamp, String),
    pub status: SessionStatus,
    /// For people.
    pub reason: String,
}

impl ToldStatus {
    fn is_that_of(&self, session: &Session) -> bool {
        session.status == self.status && session.status_reason == self.reason
    }
}

/// The latest that was told of each session.
#[derive(Debug)]
pub(super) struct ToldStatuses(Mutex<HashMap<SessionName, ToldStatus>>);

impl ToldStatuses {
    /// Goes on from what earlier processes were told.
    pub fn of(sessions: &[Arc<Session>]) -> Self {
        let told = sessions.iter().filter(|session| session.config.takes_webhooks_only());
        // STARTING is also what a session is before it was told anything.
        let told =
            told.filter(|session| session.status != SessionStatus::Starting).map(|session| {
                let told = ToldStatus {
                    made: (session.status_time, String::new()),
                    status: session.status,
                    reason: session.status_reason.clone(),
                };
                (session.name.clone(), told)
            });
        Self(Mutex::new(told.collect()))
    }

    /// Keeps what is told unless something later was, and answers the latest.
    fn note(&self, session: &SessionName, told: ToldStatus) -> ToldStatus {
        let mut latest = self.lock();
        match latest.get_mut(session) {
            Some(held) if held.made > told.made => held.clone(),
            Some(held) => {
                held.clone_from(&told);
                told
            }
            None => {
                latest.insert(session.clone(), told.clone());
                told
            }
        }
    }

    fn latest(&self, session: &SessionName) -> Option<ToldStatus> {
        self.lock().get(session).cloned()
    }

    pub fn forget(&self, session: &SessionName) {
        self.lock().remove(session);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionName, ToldStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(super) async fn follow_status(&self, name: &SessionName, told: ToldStatus) -> Result<()> {
        // Nearly always it is so already, and nobody has to wait for anybody.
        if self.told.note(name, told).is_that_of(&*self.directory.get(name)?) {
            return Ok(());
        }
        let _turn = self.directory.lock(name).await;
        loop {
            let session = self.directory.get(name)?;
            if !session.wanted || !session.config.takes_webhooks_only() {
                return Ok(());
            }
            // Whoever was told of something later while this was on its way has relied on it.
            match self.told.latest(name) {
                Some(latest) if !latest.is_that_of(&session) => {
                    let ToldStatus { made: (time, _), status, reason } = latest;
                    self.set_status_at(name, status, &reason, time).await?;
                }
                Some(_) | None => return Ok(()),
            }
        }
    }
}
