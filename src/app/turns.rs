//! One at a time for each session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::id::SessionName;

#[derive(Debug, Default)]
pub(super) struct Turns {
    sessions: Mutex<BTreeMap<SessionName, Arc<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    /// Waits for the session's turn; it ends when what is returned is dropped.
    pub async fn take(&self, session: &SessionName) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.retain(|_, turn| Arc::strong_count(turn) > 1);
            sessions.entry(session.clone()).or_default().clone()
        };
        turn.lock_owned().await
    }
}
