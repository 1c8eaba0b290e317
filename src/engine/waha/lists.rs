//! Reading groups of NOWEB, which fetches all groups from WhatsApp whichever one is asked for, and then sends an event
//! of each to everybody (observed on 2026.8.2).
//!
//! So groups are read together: reads that come before a fetch begins share it, fetches of a session keep a
//! distance that doubles while they go on, and each is taken out of a budget. Else the events that a read causes
//! would cause the next read.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::native::Seen;
use crate::domain::error::Error;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::operation::{EngineError, Result};
use crate::domain::port::fetch_budget::FetchBudget;
use crate::domain::reason::Reason;

/// The least distance between two fetches, and the most that it doubles to.
const DISTANCE: Duration = Duration::from_secs(2);
const MAX_DISTANCE: Duration = Duration::from_secs(300);
/// After so many distances without a fetch it is the least again.
const QUIET: u32 = 4;
/// The longest that is waited for a distance to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Groups without members that are looked at after a fetch.
const MEMBERLESS_GROUPS: u32 = 5;
/// How long a row of nobody stays one.
const MEMBERLESS_FOR: Duration = Duration::from_secs(30);
const MAX_SESSIONS: u64 = 100_000;
const IDLE: Duration = Duration::from_secs(3600);

/// What one fetch brought, by group.
pub(super) type Listed = HashMap<GroupId, Seen>;

/// A fetch that is to come, or on its way. It goes on though nobody waits for it any more.
pub(super) type Fetch = Shared<BoxFuture<'static, Result<Arc<Listed>>>>;

/// The fetches of a server's sessions.
pub(super) struct Lists {
    budget: Arc<dyn FetchBudget>,
    sessions: moka::sync::Cache<SessionName, Arc<Fetches>>,
}

/// The fetches of one session.
#[derive(Default)]
pub(super) struct Fetches {
    /// The one that has yet to begin, shared by all reads until it does.
    pub coming: Mutex<Option<Fetch>>,
    /// One at a time.
    pub turn: tokio::sync::Mutex<()>,
    distance: Mutex<Distance>,
    /// Groups without members that were looked at since the last fetch.
    looked_at: AtomicU32,
    /// The rows of the last fetch that told no members, until somebody looks at the group.
    memberless: Mutex<Option<(Instant, Listed)>>,
}

/// When the last fetch of a session was, and how long the next one has to wait.
#[derive(Debug, Default)]
struct Distance {
    last: Option<(Instant, Duration)>,
}

impl Distance {
    fn wait(&self, now: Instant) -> Duration {
        self.last.map_or(Duration::ZERO, |(ended, distance)| {
            (ended + distance).saturating_duration_since(now)
        })
    }

    fn note(&mut self, now: Instant) {
        let distance = match self.last {
            Some((ended, distance)) if now < ended + distance * QUIET => {
                (distance * 2).min(MAX_DISTANCE)
            }
            Some(_) | None => DISTANCE,
        };
        self.last = Some((now, distance));
    }

    /// What belonged to the last fetch has ended.
    fn go_on(&mut self, now: Instant) {
        self.last = Some((now, self.last.map_or(DISTANCE, |(_, distance)| distance)));
    }
}

impl std::fmt::Debug for Lists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lists")
    }
}

impl Lists {
    pub fn new(budget: Arc<dyn FetchBudget>) -> Self {
        let sessions = moka::sync::Cache::builder().max_capacity(MAX_SESSIONS).time_to_idle(IDLE);
        Self { budget, sessions: sessions.build() }
    }

    pub fn of(&self, session: &SessionName) -> Arc<Fetches> {
        self.sessions.get_with_by_ref(session, Arc::default)
    }

    /// How long the session's next fetch has to wait; an error where that is too long.
    pub fn wait(&self, fetches: &Fetches) -> Result<Duration> {
        if !self.budget.is_limited() {
            return Ok(Duration::ZERO);
        }
        let wait = fetches.distance.lock().wait(Instant::now());
        if wait > PATIENCE { Err(not_yet(wait)) } else { Ok(wait) }
    }

    pub async fn take(&self, session: &SessionName) -> Result<()> {
        match self.budget.take(session).await {
            Ok(None) => Ok(()),
            Ok(Some(wait)) => Err(not_yet(wait)),
            Err(error) => Err(EngineError::not_sent(error)),
        }
    }
}

impl Fetches {
    /// A fetch has ended: the next one keeps a distance.
    pub fn note(&self) {
        self.distance.lock().note(Instant::now());
        self.looked_at.store(0, Ordering::Relaxed);
    }

    /// What belonged to the last fetch has ended.
    pub fn go_on(&self) {
        self.distance.lock().go_on(Instant::now());
    }

    /// Whether one more group may be looked at of which the list knows no members. A server that has just begun may list
    /// hundreds of them: to look at each would leave no fetch for anything else.
    pub fn may_look_at_memberless_group(&self) -> bool {
        self.looked_at.fetch_add(1, Ordering::Relaxed) < MEMBERLESS_GROUPS
    }

    /// Keeps the rows of a fetch that told no members.
    pub fn keep_memberless(&self, rows: Listed) {
        *self.memberless.lock() = Some((Instant::now(), rows));
    }

    /// The row of a group of which the last fetch told no members, once: to look at the group, that fetch was enough.
    pub fn take_memberless(&self, group_id: &GroupId) -> Option<Seen> {
        let mut memberless = self.memberless.lock();
        let (fetched, rows) = memberless.as_mut()?;
        rows.remove(group_id).filter(|_| fetched.elapsed() < MEMBERLESS_FOR)
    }

    /// Later reads need a later fetch.
    pub fn begin(&self) {
        *self.coming.lock() = None;
    }
}

fn not_yet(wait: Duration) -> EngineError {
    let message = "the session's groups were fetched from WhatsApp as often as is wise for now; what events tell goes on";
    EngineError::not_sent(Error::new(Reason::RateLimited, message).retry_after(wait))
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_distance_doubles_while_fetches_go_on_and_is_forgotten_in_quiet() {
        let mut distance = Distance::default();
        let mut waits = Vec::new();
        for _ in 0..10 {
            let wait = distance.wait(Instant::now());
            waits.push(wait.as_secs());
            sleep(wait).await;
            distance.note(Instant::now());
        }
        assert_eq!(waits, [0, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        sleep(MAX_DISTANCE * QUIET).await;
        assert_eq!(distance.wait(Instant::now()), Duration::ZERO);
        distance.note(Instant::now());
        assert_eq!(distance.wait(Instant::now()), DISTANCE);
    }
}
