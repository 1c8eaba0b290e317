//! Groups of which reports contradict each other in a way that their stamps cannot settle.
//!
//! They are read anew from WhatsApp, one at a time: what it says now settles the matter.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::{App, Call};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::reason::Reason;

/// Doubts that are kept; beyond them new ones are dropped, and the next report raises them again.
const MAX: usize = 10_000;

#[derive(Debug, Clone, Default)]
pub(super) struct Doubts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Each group once, however often it is doubted before its turn comes.
    groups: Mutex<BTreeSet<(SessionName, GroupId)>>,
    raised: Notify,
}

impl Doubts {
    pub fn raise(&self, session: &SessionName, group_id: &GroupId) {
        let mut groups = self.0.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.len() < MAX {
            groups.insert((session.clone(), group_id.clone()));
            self.0.raised.notify_one();
        }
    }

    async fn next(&self) -> (SessionName, GroupId) {
        loop {
            let next = self.0.groups.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            match next {
                Some(doubt) => return doubt,
                None => self.0.raised.notified().await,
            }
        }
    }
}

impl App {
    /// Reads doubtful groups anew until the service stops.
    pub async fn settle_doubts(&self) {
        loop {
            let (session, group_id) = tokio::select! {
                doubt = self.inner.doubts.next() => doubt,
                () = self.inner.draining.cancelled() => return,
            };
            let read = self.refresh_group(&Call::internal(), &session, &group_id).await;
            match read {
                Ok(_) => {}
                // Who comes online hears of it, or it is gone with the session.
                Err(error)
                    if matches!(
                        error.reason(),
                        Reason::SessionNotWorking
                            | Reason::SessionStarting
                            | Reason::SessionNotFound
                            // Who is only told cannot ask; what comes later settles it.
                            | Reason::UnsupportedByEngine
                    ) => {}
                Err(error) => {
                    tracing::warn!(%session, %error, "a doubtful group could not be read anew");
                }
            }
        }
    }
}
