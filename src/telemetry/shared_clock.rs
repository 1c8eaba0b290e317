//! One time for all replicas: that of the database that they share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::clock::{Clock, Timestamp, Uptime, UptimeClock};

/// A reading that took longer is worth less than the one before it.
const LONGEST_READING: Duration = Duration::from_secs(1);
/// By so much the machine's clock may depart from its uptime before it counts as set.
const STEP: i64 = 50_000;
/// By so much clocks may differ before somebody should look at them.
const NOTABLE: i64 = 2_000_000;

/// The database's time as it was read last, and what has passed since by the machine's uptime: whatever is done to its
/// clock. A single process never reads it, and goes by its own.
pub struct SharedClock {
    own: Arc<dyn Clock>,
    uptime: Arc<dyn UptimeClock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reading: Option<Reading>,
    /// Whether it was said that the machine's clock is wrong.
    is_noted: bool,
}

/// When the database was asked, by this machine.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    own: Timestamp,
    pub uptime: Uptime,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    /// In microseconds, at `uptime`.
    database: i64,
    uptime: Uptime,
    /// What this machine's clock was ahead then, in microseconds.
    ahead: i64,
}

impl Reading {
    fn now(&self, own: Timestamp, uptime: Uptime) -> i64 {
        let passed = i64::try_from(uptime.since(self.uptime).as_micros()).unwrap_or(i64::MAX);
        let by_uptime = self.database.saturating_add(passed);
        // Finer than the uptime, which counts milliseconds; but it can be set.
        let by_clock = own.as_micros().saturating_sub(self.ahead);
        if by_clock.abs_diff(by_uptime) <= STEP.unsigned_abs() { by_clock } else { by_uptime }
    }
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedClock").field("state", &self.state).finish_non_exhaustive()
    }
}

impl SharedClock {
    pub fn new(own: Arc<dyn Clock>, uptime: Arc<dyn UptimeClock>) -> Self {
        Self { own, uptime, state: Mutex::default() }
    }

    /// To be noted when the database is asked for its time.
    pub fn ask(&self) -> Asked {
        Asked { own: self.own.now(), uptime: self.uptime.uptime() }
    }

    /// The database said its time in answer.
    pub fn read(&self, asked: Asked, database: Timestamp) {
        let answered = self.ask();
        let took = answered.uptime.since(asked.uptime);
        let half = i64::try_from(took.as_micros() / 2).unwrap_or(0);
        // At the middle, as likely as not; wrong by half of what it took, at the most.
        let database = database.as_micros().saturating_add(half);
        let ahead = answered.own.as_micros().saturating_sub(database);
        let mut state = self.state.lock();
        if let Some(held) = &state.reading {
            let known = held.now(answered.own, answered.uptime);
            let says_more = known.abs_diff(database) > half.unsigned_abs();
            if took > LONGEST_READING || !says_more {
                return;
            }
        }
        state.reading = Some(Reading { database, uptime: answered.uptime, ahead });
        let is_notable = ahead.abs() > NOTABLE;
        if is_notable && !state.is_noted {
            let seconds = ahead / 1_000_000;
            tracing::warn!(
                seconds,
                "this machine's clock is so many seconds ahead of the database's (or behind, where negative); the database's counts"
            );
        }
        state.is_noted = is_notable;
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        let own = self.own.now();
        match &self.state.lock().reading {
            Some(reading) => Timestamp::from_micros(reading.now(own, self.uptime.uptime())),
            None => own,
        }
    }
}

impl UptimeClock for SharedClock {
    fn uptime(&self) -> Uptime {
        self.uptime.uptime()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

    use super::*;

    /// A machine whose clock is set while time goes on.
    #[derive(Debug, Default)]
    struct Machine {
        clock: AtomicI64,
        uptime: AtomicU64,
    }

    impl Clock for Machine {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.clock.load(Ordering::Relaxed))
        }
    }

    impl UptimeClock for Machine {
        fn uptime(&self) -> Uptime {
            Uptime::from_millis(self.uptime.load(Ordering::Relaxed))
        }
    }

    impl Machine {
        fn pass(&self, millis: u64) {
            self.uptime.fetch_add(millis, Ordering::Relaxed);
            self.set(i64::try_from(millis).expect("short") * 1000);
        }

        /// By so many microseconds.
        fn set(&self, by: i64) {
            self.clock.fetch_add(by, Ordering::Relaxed);
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    fn clock() -> (Arc<Machine>, SharedClock) {
        let machine = Arc::new(Machine::default());
        let clock = SharedClock::new(machine.clone(), machine.clone());
        (machine, clock)
    }

    #[test]
    fn whatever_the_machine_says_the_time_is_the_database_s() {
        let (machine, clock) = clock();
        machine.set(90_000_000_000);
        assert_eq!(clock.now(), machine.now(), "nothing else is known");
        clock.read(clock.ask(), at(1_000));
        assert_eq!(clock.now(), at(1_000));
        machine.pass(7_000);
        assert_eq!(clock.now(), at(8_000));
        // It is set while nobody asks.
        for by in [-3_600_000_000, 7_200_000_000] {
            machine.set(by);
            assert_eq!(clock.now(), at(8_000), "{by}");
        }
        clock.read(clock.ask(), at(8_000));
        assert_eq!(clock.now(), at(8_000));
    }

    #[test]
    fn the_first_reading_counts_however_long_it_took_and_later_ones_where_they_are_better() {
        let (machine, clock) = clock();
        let asked = clock.ask();
        machine.pass(4_000);
        clock.read(asked, at(100_000));
        assert_eq!(clock.now(), at(102_000), "in the middle");
        // Slower than what is worth something.
        let asked = clock.ask();
        machine.pass(1_200);
        clock.read(asked, at(500_000));
        assert_eq!(clock.now(), at(103_200));
        // Wrong by less than the reading may be: time goes on as it did.
        let asked = clock.ask();
        machine.pass(400);
        clock.read(asked, at(103_500));
        assert_eq!(clock.now(), at(103_600));
        // Quick, and says otherwise.
        clock.read(clock.ask(), at(101_000));
        assert_eq!(clock.now(), at(101_000));
    }
}
