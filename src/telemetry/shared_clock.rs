//! One time for all replicas: that of the database that they share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::domain::clock::{Clock, Timestamp};

/// A reading that took longer says too little of when the database's clock was read.
const LONGEST_READING: Duration = Duration::from_secs(1);
/// By so much clocks may differ before somebody should look at them.
const NOTABLE: i64 = 2_000_000;

/// This machine's clock, less what it is ahead of the database's, as far as that has been read. A single process never
/// reads it, and goes by its own.
pub struct SharedClock {
    own: Arc<dyn Clock>,
    /// In microseconds; negative where it is behind.
    ahead: AtomicI64,
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedClock").field("ahead", &self.ahead).finish_non_exhaustive()
    }
}

impl SharedClock {
    pub fn new(own: Arc<dyn Clock>) -> Self {
        Self { own, ahead: AtomicI64::new(0) }
    }

    /// The time by this machine, as it is to be noted when the database is asked.
    pub fn own(&self) -> Timestamp {
        self.own.now()
    }

    /// The database said its time in answer to what was asked at `asked`, by [`own`](Self::own).
    pub fn read(&self, asked: Timestamp, database: Timestamp) {
        let took = self.own().since(asked);
        if took > LONGEST_READING {
            return;
        }
        let half = i64::try_from(took.as_micros() / 2).unwrap_or(0);
        let ahead = asked.as_micros().saturating_add(half).saturating_sub(database.as_micros());
        let held = self.ahead.load(Ordering::Relaxed);
        // Within what the reading itself may be wrong by nothing is known better than before: time stands, or goes on.
        if ahead.abs_diff(held) <= u64::try_from(half).unwrap_or(0) {
            return;
        }
        self.ahead.store(ahead, Ordering::Relaxed);
        if ahead.abs() > NOTABLE && (ahead - held).abs() > NOTABLE {
            let seconds = ahead / 1_000_000;
            tracing::warn!(
                seconds,
                "this machine's clock is so many seconds ahead of the database's (or behind, where negative); the database's counts"
            );
        }
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        let own = self.own.now().as_micros();
        Timestamp::from_micros(own.saturating_sub(self.ahead.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that is read once when asked and once when answered, by turns.
    #[derive(Debug, Default)]
    struct Scripted(AtomicI64);

    impl Clock for Scripted {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::Relaxed))
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn whatever_the_machine_says_the_time_is_the_database_s() {
        let own = Arc::new(Scripted::default());
        let clock = SharedClock::new(own.clone());
        let set = |time: Timestamp| own.0.store(time.as_micros(), Ordering::Relaxed);
        for wrong in [90_000, -90_000, 0] {
            set(at(1_000_000 + wrong));
            clock.read(clock.own(), at(1_000_000));
            assert_eq!(clock.now(), at(1_000_000), "{wrong}");
            set(at(1_000_007 + wrong));
            assert_eq!(clock.now(), at(1_000_007), "{wrong}");
        }
        // Asked at 7, answered at 9: that took too long.
        let asked = clock.own();
        set(at(1_000_009));
        clock.read(asked, at(5));
        assert_eq!(clock.now(), at(1_000_009));
        // Within half of what the reading took nothing changes.
        let asked = clock.own();
        set(Timestamp::from_micros(at(1_000_009).as_micros() + 400_000));
        clock.read(asked, Timestamp::from_micros(at(1_000_009).as_micros() + 100_000));
        assert_eq!(clock.now(), clock.own());
    }
}
