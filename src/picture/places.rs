//! Places for what is bounded in number, shared fairly by API keys. A call that finds none waits, but not for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::domain::error::{Error, Result};
use crate::domain::fair_share::{FairShare, FairShares, Share};
use crate::domain::reason::Reason;

/// How long a picture waits for each of its turns; one that is decoded takes a second or two.
const PATIENCE: Duration = Duration::from_secs(20);
/// By then a picture is usually done.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// So many places.
#[derive(Debug, Clone)]
pub(super) struct Places {
    shares: FairShares,
    freed: Arc<Notify>,
}

/// A place, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    share: Option<Share>,
    freed: Arc<Notify>,
}

impl Places {
    pub fn new(capacity: u64, is_shared: bool) -> Self {
        Self { shares: FairShares::new(FairShare { capacity, is_shared }), freed: Arc::default() }
    }

    /// A place for the key, once there is one within its share.
    pub async fn turn(&self, key_name: &str) -> Result<Place> {
        let taking = async {
            loop {
                let freed = self.freed.notified();
                if let Some(share) = self.shares.take(key_name, 1) {
                    return Place { share: Some(share), freed: self.freed.clone() };
                }
                freed.await;
            }
        };
        timeout(PATIENCE, taking).await.map_err(|_| self.overloaded(key_name))
    }

    fn overloaded(&self, key_name: &str) -> Error {
        let (limit, held) = (self.shares.capacity(), self.shares.held_by(key_name));
        let message = format!(
            "{limit} pictures are made at the same time at the most, which API keys share, and this key has {held} \
             under way; nothing was done, try again"
        );
        Error::new(Reason::Overloaded, message)
            .with("limit", limit)
            .with("held", held)
            .retry_after(RETRY_AFTER)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.share.take());
        // Whose turn it is depends on who holds what, so that all look.
        self.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_no_place_waits_for_one_and_not_for_ever() {
        let places = Places::new(4, true);
        let turn = |key| places.turn(key).now_or_never().and_then(Result::ok);
        let first = turn("greedy").expect("a place");
        let _second = turn("greedy").expect("a place");
        let mut third = Box::pin(places.turn("greedy"));
        assert!(third.as_mut().now_or_never().is_none(), "more than its share");
        let _other = turn("other").expect("a place for somebody else");
        drop(first);
        let _third = third.now_or_never().expect("its turn").expect("a place");
        let refused = places.turn("greedy").await.expect_err("no place in time");
        assert_eq!(refused.reason(), Reason::Overloaded);
        let said = ["limit", "held"].map(|key| refused.metadata()[key].as_str());
        assert_eq!(said, ["4", "2"]);

        let alone = Places::new(1, false);
        let only = alone.turn("key").await.expect("a place");
        let (next, ()) = tokio::join!(alone.turn("key"), async { drop(only) });
        assert!(next.is_ok());
    }
}
