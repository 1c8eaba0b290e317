//! The rows that a deleted session leaves behind: removed in steps, after the commit that deleted it.

use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, Inner};
use crate::domain::error::Result;
use crate::domain::id::SessionName;

/// Rows of each kind that one step removes.
const ROWS: u32 = 1000;
/// Between two steps, so that this leaves the disk to the writer.
const PAUSE: Duration = Duration::from_millis(20);
/// Sessions that one round of retention looks after.
const SESSIONS: u32 = 1000;

impl App {
    /// Goes on where an earlier process, or one without its database, has left rows.
    pub(in crate::app) async fn clear_deleted_sessions(&self) -> Result<()> {
        for name in self.inner.repository.uncleared_sessions(SESSIONS).await? {
            self.inner.clear(&name).await?;
        }
        Ok(())
    }
}

impl Inner {
    pub(super) fn clear_in_background(self: &Arc<Self>, name: &SessionName) {
        let (inner, name) = (self.clone(), name.clone());
        self.lifecycle.tasks.spawn(async move {
            if let Err(error) = inner.clear(&name).await {
                tracing::warn!(session = %name, %error, "what a deleted session has left goes with the next round of retention");
            }
        });
    }

    async fn clear(&self, name: &SessionName) -> Result<()> {
        while !self.is_draining() && self.repository.clear_session(name, ROWS).await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}
