//! Rests that WhatsApp asked for, beyond the process that it asked.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::clock::Clock;
use crate::domain::id::SessionName;
use crate::domain::port::repository::StoreError;
use crate::domain::port::rests::RestStore;

#[derive(Debug, Clone)]
pub struct Rests {
    store: Arc<dyn RestStore>,
    clock: Arc<dyn Clock>,
    /// As they were kept when this process began to act.
    pub(super) kept: Vec<(SessionName, Duration)>,
}

impl Rests {
    pub async fn load(
        store: Arc<dyn RestStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let now = clock.now();
        let kept = store.rests(now).await?;
        let kept = kept.into_iter().map(|(session, until)| (session, until.since(now)));
        Ok(Self { kept: kept.collect(), store, clock })
    }

    /// Keeps it for whoever acts later; nobody waits for that.
    pub(super) fn keep(&self, session: &SessionName, rest: Duration) {
        let until = self.clock.now() + rest;
        let (store, session) = (self.store.clone(), session.clone());
        tokio::spawn(async move {
            if let Err(error) = store.keep_rest(&session, until).await {
                tracing::warn!(%session, %error, "that WhatsApp wants rest is known to this process only");
            }
        });
    }
}
