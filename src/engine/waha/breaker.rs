//! A server that does not answer is left alone for a while, so that its sessions' calls fail at once
//! instead of each waiting for itself.
//!
//! Written here since the crates for it keep time by a clock that a test cannot stop.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// So many failures in a row open the circuit.
const FAILURES: u32 = 5;
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);
/// A call given up after so long counts as a hanging server; earlier, only as a caller that left.
const HANGS: Duration = Duration::from_secs(10);
/// A probe that takes longer no longer keeps other calls back: another one may go.
const LONGEST_PROBE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// No call goes out before; `None` = closed.
    open_until: Option<Instant>,
    rest: Duration,
    /// Since when one call tries whether the server is back.
    probing: Option<Instant>,
}

/// A call that may go out. Its outcome must be reported; dropped, it counts by how long it took.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    began: Instant,
    is_probe: bool,
    reported: bool,
}

impl Breaker {
    /// Lets a call out, or returns how long to wait.
    pub fn admit(&self) -> Result<Permit<'_>, Duration> {
        let now = Instant::now();
        let mut state = self.0.lock();
        let is_probe = match state.open_until {
            None => false,
            Some(until) if until > now => return Err(until - now),
            Some(_) if state.probing.is_some_and(|since| now - since < LONGEST_PROBE) => {
                return Err(FIRST_REST);
            }
            Some(_) => true,
        };
        if is_probe {
            state.probing = Some(now);
        }
        Ok(Permit { breaker: self, began: now, is_probe, reported: false })
    }

    /// Lets a call out that reads the server's own state: the best probe of whether it is back.
    pub fn look(&self) -> Permit<'_> {
        let now = Instant::now();
        let mut state = self.0.lock();
        let is_probe = state.open_until.is_some();
        if is_probe {
            state.probing = Some(now);
        }
        Permit { breaker: self, began: now, is_probe, reported: false }
    }

    /// The server is reachable by its stream: the next call may try at once.
    pub fn try_now(&self) {
        let mut state = self.0.lock();
        if let Some(until) = &mut state.open_until {
            *until = Instant::now().min(*until);
            // A probe on its way may wait for a dead connection.
            state.probing = None;
        }
    }

    /// Whether calls go out.
    pub fn is_closed(&self) -> bool {
        self.0.lock().open_until.is_none()
    }
}

impl Permit<'_> {
    /// The server answered, whatever it was.
    pub fn answered(mut self) {
        self.reported = true;
        *self.breaker.0.lock() = State::default();
    }

    pub fn failed(mut self) {
        self.reported = true;
        self.fail();
    }

    fn fail(&self) {
        let mut state = self.breaker.0.lock();
        state.failures = state.failures.saturating_add(1);
        // Calls that were out already when the circuit opened add nothing, nor does a probe that another one
        // has replaced.
        let opens = match state.open_until {
            None => state.failures >= FAILURES,
            Some(_) => self.is_the_probe(&state),
        };
        if opens {
            state.rest = (state.rest * 2).clamp(FIRST_REST, LONGEST_REST);
            state.open_until = Some(Instant::now() + state.rest);
            state.probing = None;
        }
    }

    fn is_the_probe(&self, state: &State) -> bool {
        self.is_probe && state.probing == Some(self.began)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        if self.began.elapsed() >= HANGS {
            self.fail();
            return;
        }
        let mut state = self.breaker.0.lock();
        if self.is_the_probe(&state) {
            state.probing = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        (0..times).for_each(|_| breaker.admit().unwrap().failed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_left_alone_longer_each_time_and_one_answer_is_enough() {
        let breaker = Breaker::default();
        fail(&breaker, FAILURES - 1);
        breaker.admit().unwrap().answered();
        fail(&breaker, FAILURES - 1);
        assert!(breaker.is_closed(), "only a row of failures counts");
        fail(&breaker, 1);
        for rest in [1, 2, 4, 8, 16, 30, 30] {
            let rest = Duration::from_secs(rest);
            assert_eq!(breaker.admit().unwrap_err(), rest);
            tokio::time::advance(rest).await;
            let probe = breaker.admit().unwrap();
            assert_eq!(breaker.admit().unwrap_err(), FIRST_REST, "one call tries for all");
            probe.failed();
        }
        tokio::time::advance(LONGEST_REST).await;
        breaker.admit().unwrap().answered();
        assert!(breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_out_together_fail_as_one() {
        let breaker = Breaker::default();
        let out: Vec<_> = (0..3 * FAILURES).map(|_| breaker.admit().unwrap()).collect();
        out.into_iter().for_each(Permit::failed);
        assert_eq!(breaker.admit().unwrap_err(), FIRST_REST);
        breaker.try_now();
        let hangs = breaker.admit().unwrap();
        assert_eq!(breaker.admit().unwrap_err(), FIRST_REST);
        tokio::time::advance(LONGEST_PROBE).await;
        let second = breaker.admit().expect("another may try");
        drop(hangs);
        assert_eq!(breaker.admit().unwrap_err(), FIRST_REST, "the second one is still out");
        second.answered();
        assert!(breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_looks_is_let_out_and_closes_the_circuit() {
        let breaker = Breaker::default();
        fail(&breaker, FAILURES);
        breaker.look().failed();
        assert_eq!(breaker.admit().unwrap_err(), 2 * FIRST_REST);
        breaker.look().answered();
        assert!(breaker.is_closed());

        fail(&breaker, FAILURES);
        tokio::time::advance(FIRST_REST).await;
        let hangs = breaker.admit().unwrap();
        tokio::time::advance(FIRST_REST).await;
        breaker.try_now();
        breaker.admit().expect("it was heard of").answered();
        drop(hangs);
        assert!(breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_was_relieved_closes_nothing_again() {
        let breaker = Breaker::default();
        fail(&breaker, FAILURES);
        tokio::time::advance(FIRST_REST).await;
        let hangs = breaker.admit().unwrap();
        tokio::time::advance(LONGEST_PROBE).await;
        breaker.admit().expect("another may try").answered();
        hangs.failed();
        assert!(breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_counts_only_where_the_server_had_time() {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            drop(breaker.admit().unwrap());
        }
        assert!(breaker.is_closed());
        for _ in 0..FAILURES {
            let permit = breaker.admit().unwrap();
            tokio::time::advance(HANGS).await;
            drop(permit);
        }
        assert!(!breaker.is_closed());
        tokio::time::advance(FIRST_REST).await;
        drop(breaker.admit().unwrap());
        assert!(breaker.admit().is_ok(), "a probe that nobody waited for leaves room for another");
    }
}
