//! Groups of which reports contradict each other in a way that their stamps cannot settle.
//!
//! They are read anew from WhatsApp, a few at a time: its current answer settles the matter.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;

use crate::app::{App, Call, ENGINE_PAUSES};
use crate::domain::backoff::Backoff;
use crate::domain::error::Error;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::reason::Reason;

/// Doubts that are kept; beyond them new ones are dropped, and the next report raises them again.
const MAX: usize = 10_000;
/// Groups that are read at once: one server that does not answer must not keep all others waiting.
const AT_ONCE: usize = 8;
/// After so many further tries the next comparison settles it.
const TRIES: u32 = 8;
/// The same, where an engine reports that it will not know more for a while.
const TRIES_OF_LASTING: u32 = 1;
/// From here on what an engine wants to be left alone for is lasting.
const LASTING: Duration = Duration::from_secs(60);

type Doubt = (SessionName, GroupId);

#[derive(Debug, Clone, Default)]
pub(in crate::app) struct RefreshQueue(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    raised: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Each group once, however often it is doubted before its turn comes, with the reads that failed.
    groups: BTreeMap<Doubt, Backoff>,
    /// The group that was last in turn: turns go round, so that no session's groups wait for ever.
    last: Option<Doubt>,
    /// Read now: what is doubted meanwhile is read once more afterwards, since the answer may be older.
    reading: BTreeSet<Doubt>,
}

impl Waiting {
    fn next(&mut self) -> Option<(Doubt, Backoff)> {
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

impl RefreshQueue {
    pub fn raise(&self, session: &SessionName, group_id: &GroupId) {
        self.raise_again((session.clone(), group_id.clone()), ENGINE_PAUSES);
    }

    fn raise_again(&self, doubt: Doubt, failed: Backoff) {
        let mut waiting = self.0.waiting.lock();
        if waiting.groups.len() < MAX {
            waiting.groups.entry(doubt).or_insert(failed);
            self.0.raised.notify_one();
        }
    }

    fn has_read(&self, doubt: &Doubt) {
        let mut waiting = self.0.waiting.lock();
        waiting.reading.remove(doubt);
        self.0.raised.notify_one();
    }

    async fn next(&self) -> (Doubt, Backoff) {
        loop {
            let next = self.0.waiting.lock().next();
            match next {
                Some(doubt) => return doubt,
                None => self.0.raised.notified().await,
            }
        }
    }
}

impl App {
    /// Reads doubtful groups anew until the service stops.
    pub async fn run_refresh_queue(&self) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await.ok();
                (place, self.inner.groups.refresh_queue.next().await)
            };
            let (place, (doubt, failed)) = tokio::select! {
                next = next => next,
                () = self.inner.lifecycle.draining.cancelled() => return,
            };
            let app = self.clone();
            tokio::spawn(async move {
                app.settle(&doubt, failed).await;
                app.inner.groups.refresh_queue.has_read(&doubt);
                drop(place);
            });
        }
    }

    async fn settle(&self, doubt: &Doubt, failed: Backoff) {
        let (session, group_id) = doubt;
        // An answer that is on its way already may be older than what raised the doubt.
        self.inner.groups.reads.groups.drop(doubt);
        let read = self.refresh_group(&Call::internal(), session, group_id).await;
        if let Err(error) = read {
            self.doubt_later(doubt.clone(), &error, failed);
        }
    }

    /// A group could not be read: another try comes later, where that may help.
    pub(in crate::app) fn doubt_again(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        error: &Error,
    ) {
        self.doubt_later((session.clone(), group_id.clone()), error, ENGINE_PAUSES);
    }

    fn doubt_later(&self, doubt: Doubt, error: &Error, mut failed: Backoff) {
        match error.reason() {
            // A session that comes online is compared; a deleted one has no groups.
            Reason::SessionNotWorking
            | Reason::SessionStarting
            | Reason::SessionNotFound
            // A session that only receives webhooks cannot query WhatsApp; a later event settles it.
            | Reason::UnsupportedByEngine => return,
            _ => {}
        }
        tracing::warn!(session = %doubt.0, %error, "a doubtful group could not be read anew");
        if !error.reason().invites_retry() || failed.tries() >= tries(error) {
            return;
        }
        let pause = failed.pause(error.retry_delay(), self.inner.entropy.as_ref());
        let app = self.clone();
        // A group that waits for its next try holds no place.
        tokio::spawn(async move {
            tokio::select! {
                () = sleep(pause) => app.inner.groups.refresh_queue.raise_again(doubt, failed),
                () = app.inner.lifecycle.draining.cancelled() => {}
            }
        });
    }
}

/// How often a group is read again after such an error. A server can hold hundreds of groups of which it knows
/// nothing for days; a rate limit ends.
fn tries(error: &Error) -> u32 {
    let is_lasting = error.reason() == Reason::EngineUnavailable
        && error.retry_delay().is_some_and(|delay| delay >= LASTING);
    if is_lasting { TRIES_OF_LASTING } else { TRIES }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn turns_go_round() {
        let doubts = RefreshQueue::default();
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
