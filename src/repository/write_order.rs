//! Which of two writes to one row is the later one.
//!
//! A statement that was given up here may still be on its way: what a stalled network, or the kernel of this machine,
//! holds of a connection that was closed is delivered once the network works again, and the server executes it. By then
//! a later statement has been answered, and must not be undone. So rows of sessions and webhooks carry the number of
//! their last write, and a statement with a lower number finds nothing to write. Commits have the revision for it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::counter::Epoch;

/// Rows wait for each other only where they fall on the same one of so many turns.
const TURNS: usize = 64;
/// Numbers of one process, as a power of two.
const NUMBERS: u32 = 32;

#[derive(Debug)]
pub(super) struct WriteOrder {
    last: AtomicI64,
    turns: [Mutex<()>; TURNS],
}

/// The right to write a row until this is dropped, so that what is written under a number is written before the next
/// number of that row is given.
pub(super) struct Turn<'a> {
    pub number: i64,
    _turn: MutexGuard<'a, ()>,
}

impl Default for WriteOrder {
    fn default() -> Self {
        Self { last: AtomicI64::new(0), turns: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl WriteOrder {
    /// Numbers of a process are above those of all that began before it.
    pub fn begin(&self, epoch: Epoch) {
        self.last.fetch_max(epoch.as_i64() << NUMBERS, Ordering::AcqRel);
    }

    pub async fn take(&self, row: &str) -> Turn<'_> {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        let turn = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        let turn = self.turns[turn].lock().await;
        Turn { number: self.last.fetch_add(1, Ordering::AcqRel) + 1, _turn: turn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn numbers_grow_within_a_process_and_from_one_to_the_next() {
        let (first, second) = (WriteOrder::default(), WriteOrder::default());
        first.begin(7.into());
        second.begin(8.into());
        let one = first.take("a").await.number;
        let two = first.take("a").await.number;
        let later = second.take("a").await.number;
        assert!(one < two && two < later, "{one} {two} {later}");
    }

    #[tokio::test]
    async fn writes_of_one_row_take_turns() {
        let order = WriteOrder::default();
        let held = order.take("a").await;
        let mut waiting = std::pin::pin!(order.take("a"));
        assert!(futures::poll!(&mut waiting).is_pending());
        let number = held.number;
        drop(held);
        assert!(waiting.await.number > number);
    }
}
