//! Reading groups of NOWEB, which fetches all groups from WhatsApp whichever one is asked for, and then describes each
//! of them to everybody (observed on 2026.8.2).
//!
//! So groups are read together: whoever asks while a fetch has yet to begin shares it, fetches of a session keep a
//! distance that doubles while they go on, and each is taken out of a budget. Else what a read provokes would provoke
//! the next read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::carried::Carried;
use super::native::Seen;
use crate::domain::error::Error;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::port::engine::{EngineError, Result};
use crate::domain::port::fetch_budget::FetchBudget;
use crate::domain::reason::Reason;

/// The least distance between two fetches, and the most that it doubles to.
const DISTANCE: Duration = Duration::from_secs(2);
const MAX_DISTANCE: Duration = Duration::from_secs(300);
/// After so many distances without a fetch it is the least again.
const QUIET: u32 = 4;
/// The longest that a call waits for its fetch.
const PATIENCE: Duration = Duration::from_secs(5);
/// A fetched list is kept for those who have asked for it meanwhile.
const KEPT_FOR: Duration = Duration::from_secs(5);
const MAX_KEPT: u64 = 16;
const MAX_SESSIONS: u64 = 100_000;
const IDLE: Duration = Duration::from_secs(3600);

/// What one fetch brought.
pub(super) struct Listed {
    began: Instant,
    pub groups: HashMap<GroupId, Seen>,
}

/// The fetches of a server's sessions.
pub(super) struct Lists {
    budget: Arc<dyn FetchBudget>,
    sessions: moka::sync::Cache<SessionName, Arc<Mutex<Distance>>>,
    kept: moka::sync::Cache<SessionName, Arc<Listed>>,
}

impl std::fmt::Debug for Lists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lists")
    }
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
}

impl Lists {
    pub fn new(budget: Arc<dyn FetchBudget>) -> Self {
        Self {
            budget,
            sessions: moka::sync::Cache::builder()
                .max_capacity(MAX_SESSIONS)
                .time_to_idle(IDLE)
                .build(),
            kept: moka::sync::Cache::builder()
                .max_capacity(MAX_KEPT)
                .time_to_live(KEPT_FOR)
                .build(),
        }
    }

    /// Waits for the session's next fetch, and takes it out of the budget.
    async fn turn(&self, session: &SessionName, distance: &Distance) -> Result<()> {
        let wait = match self.budget.is_limited() {
            true => distance.wait(Instant::now()),
            false => Duration::ZERO,
        };
        if wait > PATIENCE {
            return Err(not_yet(wait));
        }
        sleep(wait).await;
        match self.budget.take(session).await {
            Ok(None) => Ok(()),
            Ok(Some(wait)) => Err(not_yet(wait)),
            Err(error) => Err(EngineError::not_sent(error)),
        }
    }
}

fn not_yet(wait: Duration) -> EngineError {
    let message = "the session's groups were fetched from WhatsApp as often as is wise for now; what events tell goes on";
    EngineError::not_sent(Error::new(Reason::RateLimited, message).retry_after(wait))
}

impl Carried {
    /// All groups as they were after this was asked.
    pub async fn list_anew(&self) -> Result<Arc<Listed>> {
        let asked = Instant::now();
        let lists = &self.server.shared_lists;
        let distance = lists.sessions.get_with_by_ref(&self.session, Arc::default);
        // In the order in which they came.
        let mut distance = distance.lock().await;
        if let Some(listed) = lists.kept.get(&self.session).filter(|listed| listed.began >= asked) {
            return Ok(listed);
        }
        lists.turn(&self.session, &distance).await?;
        let began = Instant::now();
        let fetched = self.list().await;
        distance.note(Instant::now());
        let groups = fetched?.into_iter().map(|seen| (seen.group.id.clone(), seen)).collect();
        let listed = Arc::new(Listed { began, groups });
        lists.kept.insert(self.session.clone(), listed.clone());
        Ok(listed)
    }

    /// Another read of NOWEB's that fetches all groups, in its turn.
    pub async fn fetch_in_turn<T>(&self, read: impl Future<Output = Result<T>>) -> Result<T> {
        let lists = &self.server.shared_lists;
        let distance = lists.sessions.get_with_by_ref(&self.session, Arc::default);
        let mut distance = distance.lock().await;
        lists.turn(&self.session, &distance).await?;
        let fetched = read.await;
        distance.note(Instant::now());
        fetched
    }
}

#[cfg(test)]
mod tests {
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
