//! A bounded resource that is shared fairly by those who hold API keys.
//!
//! Nobody may hold more than is still free ("dynamic threshold", Choudhury and Hahne 1998): one key alone
//! gets half of it, two a third each, and a new key finds room, without anybody having to know how
//! many keys will come. Where only one key can come, it may have all.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

/// The rule, for those who count by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FairShare {
    pub capacity: u64,
    /// Whether several keys draw on it.
    pub is_shared: bool,
}

impl FairShare {
    /// Whether somebody who holds `own` may have `wanted` more, while all together hold `all`.
    pub fn allows(self, own: u64, all: u64, wanted: u64) -> bool {
        let free = self.capacity.saturating_sub(all);
        wanted <= free && (!self.is_shared || own.saturating_add(wanted) <= free)
    }
}

/// Who holds how much of a resource, by the name of the key.
#[derive(Debug, Clone)]
pub struct FairShares(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rule: FairShare,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: u64,
    by_key: HashMap<String, u64>,
}

impl FairShares {
    pub fn new(rule: FairShare) -> Self {
        Self(Arc::new(Inner { rule, held: Mutex::default() }))
    }

    /// A part of the resource for the key, until it is dropped; none where that would be more than its share.
    pub fn take(&self, key: &str, wanted: u64) -> Option<Share> {
        let mut held = self.0.held();
        let own = held.by_key.get(key).copied().unwrap_or_default();
        if !self.0.rule.allows(own, held.all, wanted) {
            return None;
        }
        held.all += wanted;
        match held.by_key.get_mut(key) {
            Some(own) => *own += wanted,
            None => {
                held.by_key.insert(key.to_owned(), wanted);
            }
        }
        drop(held);
        Some(Share { of: self.0.clone(), key: key.to_owned(), amount: wanted })
    }

    /// What all keys together hold.
    pub fn held(&self) -> u64 {
        self.0.held().all
    }

    /// What one key holds.
    pub fn held_by(&self, key: &str) -> u64 {
        self.0.held().by_key.get(key).copied().unwrap_or_default()
    }

    pub fn capacity(&self) -> u64 {
        self.0.rule.capacity
    }
}

impl Inner {
    /// Nothing that runs under the lock can panic half-way.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock()
    }
}

/// A part of a resource; it goes back when this is dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<Inner>,
    key: String,
    amount: u64,
}

impl Share {
    /// Adds to it; `false` where that would be more than the key's share.
    pub fn grow(&mut self, wanted: u64) -> bool {
        match (FairShares(self.of.clone())).take(&self.key, wanted) {
            Some(mut more) => {
                self.amount += std::mem::take(&mut more.amount);
                true
            }
            None => false,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.held();
        held.all -= self.amount;
        if let Some(own) = held.by_key.get_mut(&self.key) {
            *own -= self.amount;
            if *own == 0 {
                // Keys that are gone must not stay for ever.
                held.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(capacity: u64, is_shared: bool) -> FairShares {
        FairShares::new(FairShare { capacity, is_shared })
    }

    fn take_all(shares: &FairShares, key: &str) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(key, 1)).collect()
    }

    #[test]
    fn one_greedy_key_leaves_half_and_the_next_one_finds_room() {
        let shares = shares(100, true);
        let first = take_all(&shares, "first");
        assert_eq!(first.len(), 50);
        let second = take_all(&shares, "second");
        assert_eq!(second.len(), 25);
        assert!(shares.take("third", 1).is_some());
        drop(first);
        assert_eq!(shares.held(), 25);
        assert_eq!(
            take_all(&shares, "second").len(),
            25,
            "a third of it more, now that it is free"
        );
    }

    #[test]
    fn a_key_that_is_alone_may_have_all() {
        assert_eq!(take_all(&shares(100, false), "only").len(), 100);
    }

    proptest! {
        #[test]
        fn never_more_than_there_is_and_always_room_for_somebody_new(
            capacity in 1_u64..200,
            wants in proptest::collection::vec((0_usize..5, 1_u64..20, any::<bool>()), 0..200),
        ) {
            let shares = shares(capacity, true);
            let mut held: Vec<(usize, Share)> = Vec::new();
            for (key, wanted, gives_back) in wants {
                if gives_back {
                    if let Some(index) = held.iter().position(|(owner, _)| *owner == key) {
                        held.swap_remove(index);
                    }
                } else if let Some(share) = shares.take(&format!("key {key}"), wanted) {
                    held.push((key, share));
                }
                let sum: u64 = held.iter().map(|(_, share)| share.amount).sum();
                prop_assert_eq!(shares.held(), sum);
                prop_assert!(sum <= capacity);
                if sum < capacity {
                    prop_assert!(shares.take("somebody new", 1).is_some());
                }
            }
            drop(held);
            prop_assert_eq!(shares.held(), 0);
            prop_assert!(shares.0.held().by_key.is_empty());
        }
    }

    #[test]
    fn what_a_key_holds_grows_within_its_share_and_goes_back_as_a_whole() {
        let shares = shares(100, true);
        let mut share = shares.take("first", 20).expect("room");
        assert!(share.grow(30));
        assert_eq!((shares.held_by("first"), shares.held()), (50, 50));
        assert!(!share.grow(1), "more than is free");
        assert_eq!(shares.held_by("first"), 50);
        let other = shares.take("second", 10).expect("room");
        assert_eq!((shares.held_by("second"), shares.held()), (10, 60));
        drop(share);
        assert_eq!((shares.held_by("first"), shares.held()), (0, 10));
        drop(other);
        assert_eq!((shares.held(), shares.capacity()), (0, 100));
    }

    #[test]
    fn a_key_may_hold_as_much_as_then_is_free() {
        let rule = FairShare { capacity: 100, is_shared: true };
        for (own, all, wanted, allowed) in [
            (0, 0, 100, true),
            (0, 40, 60, true),
            (0, 40, 61, false),
            (10, 40, 50, true),
            (10, 40, 51, false),
            (0, 101, 1, false),
        ] {
            assert_eq!(rule.allows(own, all, wanted), allowed, "{own} {all} {wanted}");
        }
        let alone = FairShare { is_shared: false, ..rule };
        assert!(alone.allows(90, 90, 10) && !alone.allows(90, 90, 11));
    }
}
