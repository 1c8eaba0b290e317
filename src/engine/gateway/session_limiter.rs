//! The way of one session's calls: so many a second, so many at once, none while WhatsApp wants rest.

use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::Pace;
use crate::domain::error::Error;
use crate::domain::id::SessionName;
use crate::domain::operation::{EngineError, OperationName, Result};
use crate::domain::reason::Reason;

/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to rest where WhatsApp names no time, and at the longest.
const USUAL_REST: Duration = Duration::from_secs(60);
const LONGEST_REST: Duration = Duration::from_secs(300);
/// A lane is forgotten after so long without a call; it then begins anew.
const IDLE: Duration = Duration::from_secs(3600);
const MAX_LANES: u64 = 100_000;

/// One lane for each session.
pub(super) struct SessionLimiters {
    lanes: moka::sync::Cache<SessionName, Arc<SessionLimiter>>,
    pace: Option<Pace>,
}

impl SessionLimiters {
    pub fn new(pace: Option<Pace>) -> Self {
        let lanes = moka::sync::Cache::builder().max_capacity(MAX_LANES).time_to_idle(IDLE).build();
        Self { lanes, pace }
    }

    pub fn of(&self, session: &SessionName) -> Arc<SessionLimiter> {
        self.lanes.get_with_by_ref(session, || Arc::new(SessionLimiter::new(self.pace)))
    }

    pub fn forget(&self, session: &SessionName) {
        self.lanes.invalidate(session);
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Moment>>;

pub(super) struct SessionLimiter {
    paced: Option<Paced>,
    /// Lists of all groups are large and seldom: one at a time.
    lists: Arc<Semaphore>,
    rests_until: Mutex<Option<Instant>>,
}

struct Paced {
    limiter: Limiter,
    places: Arc<Semaphore>,
}

/// A call's place; given back when it is dropped.
pub(super) struct Permit {
    _places: Vec<OwnedSemaphorePermit>,
}

impl SessionLimiter {
    fn new(pace: Option<Pace>) -> Self {
        let paced = pace.map(|pace| {
            let rate = NonZeroU32::new(pace.calls_per_second).unwrap_or(NonZeroU32::MIN);
            let burst = NonZeroU32::new(pace.burst).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_second(rate).allow_burst(burst);
            let limiter =
                RateLimiter::direct_with_clock(quota, TokioClock { zero: Instant::now() });
            Paced { limiter, places: Arc::new(Semaphore::new(pace.max_in_flight)) }
        });
        Self { paced, lists: Arc::new(Semaphore::new(1)), rests_until: Mutex::default() }
    }

    /// Waits for the call's turn, or refuses it where that would take too long. What is shared takes no place: changes
    /// must not wait for it.
    pub async fn enter(&self, operation: OperationName, is_shared: bool) -> Result<Permit> {
        self.refuse_if_resting()?;
        let turn = async {
            let mut places = Vec::new();
            if operation == OperationName::FetchAll && !is_shared {
                places.extend(self.lists.clone().acquire_owned().await.ok());
            }
            if let Some(paced) = &self.paced {
                if !is_shared {
                    places.extend(paced.places.clone().acquire_owned().await.ok());
                }
                while let Err(not_yet) = paced.limiter.check() {
                    sleep(not_yet.wait_time_from(paced.limiter.clock().now())).await;
                }
            }
            Permit { _places: places }
        };
        // A list may well wait for the one before it.
        let patience = match operation {
            OperationName::FetchAll => super::LIST_TIMEOUT,
            _ => PATIENCE,
        };
        let place = timeout(patience, turn).await.map_err(|_| {
            let message = "too many calls of this session wait already; nothing was sent";
            limited(message, Duration::from_secs(1))
        })?;
        // WhatsApp may have asked for rest while this one waited.
        self.refuse_if_resting()?;
        Ok(place)
    }

    /// WhatsApp asks to slow down: further calls are refused here for so long, which is answered.
    pub fn hold_back(&self, rest: Option<Duration>) -> Duration {
        let rest = rest.unwrap_or(USUAL_REST).min(LONGEST_REST);
        let until = Instant::now() + rest;
        let mut rests_until = self.rests_until.lock();
        *rests_until = Some(rests_until.map_or(until, |held| held.max(until)));
        rest
    }

    fn refuse_if_resting(&self) -> Result<()> {
        // Without pacing WhatsApp's own rate limit errors are passed on.
        if self.paced.is_none() {
            return Ok(());
        }
        let rests_until = *self.rests_until.lock();
        let left = rests_until.map(|until| until.saturating_duration_since(Instant::now()));
        match left {
            Some(left) if !left.is_zero() => {
                let message = "WhatsApp has asked this account to slow down; nothing was sent";
                Err(limited(message, left))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn limited(message: &str, wait: Duration) -> EngineError {
    EngineError::not_sent(Error::new(Reason::RateLimited, message).retry_after(wait))
}

/// tokio's clock, which a test can pause.
#[derive(Debug, Clone)]
struct TokioClock {
    zero: Instant,
}

/// Since the clock's zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(Nanos);

impl Clock for TokioClock {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(Instant::now().saturating_duration_since(self.zero).into())
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0)
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

impl Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        Self(self.0 + duration)
    }
}
