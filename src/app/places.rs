//! How many of a kind run at the same time: posts to webhooks, lists. Keys share the places, and wait in turn: what one
//! does keeps nobody else waiting for long.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::domain::fair_share::FairShare;

#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rule: FairShare,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: u64,
    by_key: HashMap<String, u64>,
    waiting: BTreeMap<String, VecDeque<oneshot::Sender<Place>>>,
    /// The key that a place was given to last: the next one is asked first.
    last: String,
}

/// A place; the next in turn gets it when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<Inner>,
    key_name: String,
}

impl Places {
    pub fn new(rule: FairShare) -> Self {
        Self(Arc::new(Inner { rule, taken: Mutex::default() }))
    }

    /// Waits for a place of the key's. Dropped before it has answered, it takes none.
    pub async fn take(&self, key_name: &str) -> Place {
        loop {
            let (sender, given) = oneshot::channel();
            let queue = |taken: &mut Taken| {
                taken.waiting.entry(key_name.to_owned()).or_default().push_back(sender);
            };
            self.0.serve(queue);
            // The sender is kept until it is used.
            if let Ok(place) = given.await {
                return place;
            }
        }
    }
}

impl Inner {
    /// Changes the queue or what is taken, and gives out what can be given then.
    fn serve(self: &Arc<Self>, change: impl FnOnce(&mut Taken)) {
        let mut refused = Vec::new();
        {
            let mut taken = self.taken();
            change(&mut taken);
            while let Some((key_name, waiting)) = taken.next(self.rule) {
                taken.add(&key_name);
                let place = Place { of: self.clone(), key_name };
                refused.extend(waiting.send(place).err());
            }
        }
        // A caller that has hung up meanwhile takes none; its place goes back once nothing is locked.
        drop(refused);
    }

    /// Nothing that runs under the lock can panic half-way.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock()
    }
}

impl Taken {
    /// The caller that gets the next place: the first one of the next key in turn that waits and may have one.
    fn next(&mut self, rule: FairShare) -> Option<(String, oneshot::Sender<Place>)> {
        self.waiting.retain(|_, queue| {
            while queue.front().is_some_and(oneshot::Sender::is_closed) {
                queue.pop_front();
            }
            !queue.is_empty()
        });
        let after = (Bound::Excluded(self.last.as_str()), Bound::Unbounded);
        let turns = self.waiting.range::<str, _>(after).chain(&self.waiting);
        let held = |key_name: &String| self.by_key.get(key_name).copied().unwrap_or_default();
        let mut turns = turns.map(|(key_name, _)| key_name);
        let key_name = turns.find(|key_name| rule.allows(held(key_name), self.all, 1))?.clone();
        let queue = self.waiting.get_mut(&key_name)?;
        let waiting = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&key_name);
        }
        self.last.clone_from(&key_name);
        waiting.map(|waiting| (key_name, waiting))
    }

    fn add(&mut self, key_name: &str) {
        self.all += 1;
        *self.by_key.entry(key_name.to_owned()).or_default() += 1;
    }

    fn remove(&mut self, key_name: &str) {
        self.all -= 1;
        if let Some(held) = self.by_key.get_mut(key_name) {
            *held -= 1;
            if *held == 0 {
                self.by_key.remove(key_name);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let of = self.of.clone();
        of.serve(|taken| taken.remove(&self.key_name));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn places(capacity: u64, is_shared: bool) -> Places {
        Places::new(FairShare { capacity, is_shared })
    }

    fn take_all(places: &Places, key_name: &str) -> Vec<Place> {
        std::iter::from_fn(|| places.take(key_name).now_or_never()).collect()
    }

    #[tokio::test]
    async fn receivers_of_one_key_that_hang_keep_no_other_waiting() {
        let places = places(8, true);
        let hanging = take_all(&places, "greedy");
        assert_eq!(hanging.len(), 4);
        // Many more wait, and the other's still goes at once.
        let mut more: Vec<_> = (0..50).map(|_| Box::pin(places.take("greedy"))).collect();
        for one in &mut more {
            assert!(futures::poll!(one.as_mut()).is_pending());
        }
        assert!(places.take("other").now_or_never().is_some());
        // Those that wait get what is free in the end.
        drop(hanging);
        let given = more.iter_mut().filter_map(|one| one.now_or_never()).collect::<Vec<_>>();
        assert_eq!(given.len(), 4);
    }

    #[tokio::test]
    async fn a_place_that_is_free_goes_to_who_came_first_of_the_key_in_turn() {
        let places = places(2, false);
        let mut out = take_all(&places, "a");
        assert_eq!(out.len(), 2, "a key that is alone may have all");
        let mut waiting = [places.take("b"), places.take("c"), places.take("b")].map(Box::pin);
        for one in &mut waiting {
            assert!(futures::poll!(one.as_mut()).is_pending());
        }
        let [first, other, second] = &mut waiting;
        out.pop();
        let first = first.now_or_never().expect("it came first");
        assert!(
            futures::poll!(second.as_mut()).is_pending()
                && futures::poll!(other.as_mut()).is_pending()
        );
        drop(first);
        let _other = other.now_or_never().expect("the next key in turn");
        out.pop();
        let _second = second.now_or_never().expect("then the first one again");
    }

    #[tokio::test]
    async fn who_hangs_up_takes_no_place_along() {
        let places = places(1, true);
        let held = places.take("a").await;
        let mut gone = Box::pin(places.take("b"));
        assert!(futures::poll!(gone.as_mut()).is_pending());
        drop(gone);
        let mut given = Box::pin(places.take("c"));
        assert!(futures::poll!(given.as_mut()).is_pending());
        drop(held);
        // It was given one and does not come to take it.
        drop(given);
        assert!(places.take("d").now_or_never().is_some());
        let taken = places.0.taken();
        assert!(taken.all == 0 && taken.by_key.is_empty() && taken.waiting.is_empty());
    }
}
