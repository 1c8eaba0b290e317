//! Groups of which reports contradict each other in a way that their stamps cannot settle.
//!
//! They are read anew from WhatsApp, a few at a time: what it says now settles the matter.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;

use super::pauses::Pauses;
use super::{App, Call};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::reason::Reason;

/// Doubts that are kept; beyond them new ones are dropped, and the next report raises them again.
const MAX: usize = 10_000;
/// Groups that are read at once: one server that does not answer must not keep all others waiting.
const AT_ONCE: usize = 8;
/// After so many reads that failed the next comparison settles it.
const TRIES: u32 = 8;

type Doubt = (SessionName, GroupId);

#[derive(Debug, Clone, Default)]
pub(super) struct Doubts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    raised: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Each group once, however often it is doubted before its turn comes, with the reads that failed.
    groups: BTreeMap<Doubt, Pauses>,
    /// Whose turn was last: turns go round, so that nobody's groups wait for ever.
    last: Option<Doubt>,
    /// Read now: what is doubted meanwhile is read once more afterwards, since the answer may be older.
    reading: BTreeSet<Doubt>,
}

impl Waiting {
    fn next(&mut self) -> Option<(Doubt, Pauses)> {
        let after = self.last.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let later = self.groups.range((after, Bound::Unbounded));
        let in_turn = later.chain(&self.groups).map(|(doubt, _)| doubt);
        let doubt = in_turn.into_iter().find(|doubt| !self.reading.contains(doubt))?.clone();
        let failed = self.groups.remove(&doubt)?;
        self.last = Some(doubt.clone());
        self.reading.insert(doubt.clone());
        Some((doubt, failed))
    }
}

impl Doubts {
    pub fn raise(&self, session: &SessionName, group_id: &GroupId) {
        self.raise_again((session.clone(), group_id.clone()), Pauses::default());
    }

    fn raise_again(&self, doubt: Doubt, failed: Pauses) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.groups.len() < MAX {
            waiting.groups.entry(doubt).or_insert(failed);
            self.0.raised.notify_one();
        }
    }

    fn has_read(&self, doubt: &Doubt) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.reading.remove(doubt);
        self.0.raised.notify_one();
    }

    async fn next(&self) -> (Doubt, Pauses) {
        loop {
            let next = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
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
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let stopped = self.inner.draining.clone().cancelled_owned().shared();
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await.ok();
                (place, self.inner.doubts.next().await)
            };
            let (place, (doubt, failed)) = tokio::select! {
                next = next => next,
                () = stopped.clone() => return,
            };
            let (app, stopped) = (self.clone(), stopped.clone());
            tokio::spawn(async move {
                let again = app.settle(&doubt, failed).await;
                app.inner.doubts.has_read(&doubt);
                // Who waits for a next try holds no place.
                drop(place);
                if let Some((pause, failed)) = again {
                    tokio::select! {
                        () = sleep(pause) => app.inner.doubts.raise_again(doubt, failed),
                        () = stopped => {}
                    }
                }
            });
        }
    }

    /// Reads the group; answers when to try again where that may help.
    async fn settle(&self, doubt: &Doubt, mut failed: Pauses) -> Option<(Duration, Pauses)> {
        let (session, group_id) = doubt;
        let error = self.refresh_group(&Call::internal(), session, group_id).await.err()?;
        match error.reason() {
            // Who comes online hears of it, or it is gone with the session.
            Reason::SessionNotWorking
            | Reason::SessionStarting
            | Reason::SessionNotFound
            // Who is only told cannot ask; what comes later settles it.
            | Reason::UnsupportedByEngine => return None,
            _ => {}
        }
        tracing::warn!(%session, %error, "a doubtful group could not be read anew");
        if !error.reason().invites_retry() || failed.count() >= TRIES {
            return None;
        }
        let pause = failed.next(self.inner.entropy.as_ref());
        Some((pause.max(error.retry_delay().unwrap_or_default()), failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_go_round() {
        let doubts = Doubts::default();
        let group =
            |number: u32| -> GroupId { format!("12036300000000000{number}@g.us").parse().unwrap() };
        let session = |name: &str| -> SessionName { name.parse().unwrap() };
        let next = || doubts.next().now_or_never().map(|(doubt, _)| doubt);
        doubts.raise(&session("a"), &group(1));
        doubts.raise(&session("z"), &group(1));
        doubts.raise(&session("z"), &group(1));
        let first = next().expect("a doubt");
        assert_eq!(first, (session("a"), group(1)));
        doubts.raise(&session("a"), &group(0));
        assert_eq!(next(), Some((session("z"), group(1))));
        assert_eq!(next(), Some((session("a"), group(0))));
        // It is read still.
        doubts.raise(&session("a"), &group(1));
        assert_eq!(next(), None);
        doubts.has_read(&first);
        assert_eq!(next(), Some(first));
    }
}
