//! Sessions that went down with their server.
//!
//! WAHA keeps its sessions in memory: after a restart of the server each of them is STOPPED until somebody starts it
//! (observed on Core 2026.4.1). What ran until then is started there again, a few at a time, since each start is a
//! browser or a connection to WhatsApp of its own. What somebody stopped, unlinked, or what had failed, is left alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::routes::Routes;
use super::server::{Ask, Server};
use super::webhook::WahaStatus;
use crate::domain::backoff::Backoff;
use crate::domain::clock::Entropy;
use crate::domain::id::SessionName;
use crate::domain::operation::{EngineError, OperationName, Result};

/// A server that shuts down stops and reports its sessions before it hangs up.
const FAREWELL: Duration = Duration::from_secs(30);
/// WAHA restarts a session, on request or when its settings change, by stopping it and starting it 3 seconds later
/// (observed on Core 2026.4.1).
const STARTS_ANEW: Duration = Duration::from_secs(5);
/// Starts of one server that are on their way.
const AT_ONCE: usize = 4;
/// Before each start, so that not all of them fall into one moment.
const DISTANCE: Duration = Duration::from_millis(200);
/// A start that is not answered for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// After a start that failed, and then longer.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const TRIES: u32 = 8;

/// Sessions started again, and what has to be known for it.
#[derive(Debug)]
pub(super) struct Restarts {
    lives: HashMap<SessionName, Life>,
    /// When the stream broke, until the sessions were looked at over a new one.
    ended: Option<Instant>,
    starting: HashMap<SessionName, AbortOnDropHandle<()>>,
    places: Arc<Semaphore>,
}

/// How far a session has come; one that waits to be linked, or has failed, has none.
#[derive(Debug, Clone, Copy)]
enum Life {
    Runs,
    /// Since when, and whether it ran until then.
    Stopped {
        at: Instant,
        ran: bool,
    },
}

impl Default for Restarts {
    fn default() -> Self {
        Self {
            lives: HashMap::new(),
            ended: None,
            starting: HashMap::new(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Restarts {
    /// A status that the server reported, by event or answer.
    pub fn note(&mut self, session: &SessionName, status: &WahaStatus) {
        match status {
            WahaStatus::Working | WahaStatus::Starting | WahaStatus::Other(_) => {
                self.lives.insert(session.clone(), Life::Runs);
            }
            WahaStatus::Stopped => {
                let ran = match self.lives.get(session) {
                    Some(Life::Stopped { .. }) => return,
                    life => life.is_some(),
                };
                let stopped = Life::Stopped { at: Instant::now(), ran };
                self.lives.insert(session.clone(), stopped);
            }
            WahaStatus::ScanQrCode | WahaStatus::PasskeyRequired | WahaStatus::Failed => {
                self.lives.remove(session);
            }
        }
        if *status != WahaStatus::Stopped {
            self.starting.remove(session);
        }
    }

    /// Until when a session that is stopped may start by itself, and so counts as one that starts.
    pub fn may_start_by(&self, session: &SessionName) -> Option<Instant> {
        match self.lives.get(session)? {
            Life::Runs => None,
            Life::Stopped { at, .. } => Some(*at + STARTS_ANEW).filter(|end| *end > Instant::now()),
        }
    }

    /// The stream of events is gone, and perhaps the server with it.
    pub fn stream_ended(&mut self) {
        self.ended.get_or_insert_with(Instant::now);
    }

    /// All sessions were looked at over a new stream: those stopped from now on were stopped by somebody.
    pub fn looked(&mut self) {
        self.ended = None;
    }

    pub fn retain(&mut self, is_ours: impl Fn(&SessionName) -> bool) {
        self.lives.retain(|session, _| is_ours(session));
        self.starting.retain(|session, _| is_ours(session));
    }

    /// Whether a session that is stopped there is being started again; it begins where the server's end has stopped it.
    pub fn restarts(
        &mut self,
        session: &SessionName,
        start: impl FnOnce(Arc<Semaphore>) -> AbortOnDropHandle<()>,
    ) -> bool {
        if self.starting.get(session).is_some_and(|start| !start.is_finished()) {
            return true;
        }
        let went_down = self.ended.is_some_and(|ended| match self.lives.get(session) {
            Some(Life::Runs) => true,
            Some(Life::Stopped { at, ran }) => {
                *ran && ended.saturating_duration_since(*at) <= FAREWELL
            }
            None => false,
        });
        if went_down {
            // Once for each end of the server.
            self.lives.remove(session);
            self.starting.insert(session.clone(), start(self.places.clone()));
        }
        went_down
    }
}

/// One session to be started again.
pub(super) struct Restart {
    pub server: Arc<Server>,
    pub routes: Arc<Routes>,
    pub entropy: Arc<dyn Entropy>,
    pub session: SessionName,
    /// Its name there.
    pub remote: Arc<str>,
}

impl Restart {
    pub fn spawn(self, places: Arc<Semaphore>) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(self.run(places)))
    }

    async fn run(self, places: Arc<Semaphore>) {
        // It may have been stopped, or sent elsewhere, meanwhile.
        let is_wanted =
            || self.routes.session_of(&self.server, &self.remote).as_ref() == Some(&self.session);
        let start = || async {
            let started = self.start().await;
            if let Err(error) = &started {
                tracing::warn!(session = %self.session, %error, "a session could not be started again at its server");
            }
            started.is_ok()
        };
        if !paced(&places, self.entropy.as_ref(), is_wanted, start).await {
            // So that its status is reported as it is.
            self.routes.set_unsure(&self.session);
            self.server.look_again.notify_one();
        }
    }

    async fn start(&self) -> Result<()> {
        let path = vec!["api", "sessions", &*self.remote, "start"];
        let ask = Ask::of(OperationName::FetchAll, Method::POST, path);
        let silent = |_| Err(EngineError::not_sent(self.server.unavailable("does not answer")));
        timeout(PATIENCE, self.server.ask(ask)).await.unwrap_or_else(silent).map(drop)
    }
}

/// Tries until a start succeeds, where a place is free, as long as it is wanted; `false` where all tries failed.
async fn paced<Start: Future<Output = bool>>(
    places: &Semaphore,
    entropy: &dyn Entropy,
    is_wanted: impl Fn() -> bool,
    start: impl Fn() -> Start,
) -> bool {
    let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    for _ in 0..TRIES {
        // Never closed.
        let Ok(place) = places.acquire().await else { return true };
        sleep(entropy.jittered(DISTANCE, 0.5)).await;
        if !is_wanted() || start().await {
            return true;
        }
        drop(place);
        sleep(pauses.pause(None, entropy)).await;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures::future::join_all;

    use super::*;

    fn session() -> SessionName {
        "shop".parse().unwrap()
    }

    /// Whether it is started again after these statuses, each some seconds after the one before, and the server's end.
    async fn restarts(statuses: &[(WahaStatus, u64)]) -> bool {
        let mut restarts = Restarts::default();
        for (status, seconds) in statuses {
            restarts.note(&session(), status);
            sleep(Duration::from_secs(*seconds)).await;
        }
        restarts.stream_ended();
        restarts.note(&session(), &WahaStatus::Stopped);
        let nothing = |_| AbortOnDropHandle::new(tokio::spawn(std::future::pending()));
        let begins = restarts.restarts(&session(), nothing);
        restarts.looked();
        assert_eq!(restarts.restarts(&session(), nothing), begins, "while it is on its way");
        begins
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_went_down_with_the_server_is_started_again() {
        use WahaStatus as W;
        for (statuses, expected) in [
            (vec![(W::Working, 60)], true),
            (vec![(W::Working, 60), (W::Starting, 60)], true),
            (vec![(W::Working, 60), (W::Stopped, 2)], true),
            (vec![(W::Working, 60), (W::Stopped, 60)], false),
            (vec![(W::Stopped, 2)], false),
            (vec![(W::Working, 60), (W::Failed, 2)], false),
            (vec![(W::Working, 60), (W::Failed, 2), (W::Stopped, 2)], false),
            (vec![(W::Working, 60), (W::ScanQrCode, 2), (W::Stopped, 2)], false),
            (vec![(W::Failed, 2), (W::Starting, 2)], true),
            (vec![], false),
        ] {
            assert_eq!(restarts(&statuses).await, expected, "{statuses:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_just_been_stopped_may_start_anew() {
        let mut restarts = Restarts::default();
        let session = session();
        restarts.note(&session, &WahaStatus::Working);
        assert!(restarts.may_start_by(&session).is_none());
        restarts.note(&session, &WahaStatus::Stopped);
        sleep(STARTS_ANEW / 2).await;
        restarts.note(&session, &WahaStatus::Stopped);
        assert!(restarts.may_start_by(&session).is_some());
        sleep(STARTS_ANEW / 2).await;
        assert!(restarts.may_start_by(&session).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_stopped_later_was_stopped_by_somebody() {
        let mut restarts = Restarts::default();
        restarts.stream_ended();
        restarts.note(&session(), &WahaStatus::Working);
        restarts.looked();
        restarts.note(&session(), &WahaStatus::Stopped);
        let nothing = |_| AbortOnDropHandle::new(tokio::spawn(std::future::pending()));
        assert!(!restarts.restarts(&session(), nothing));
    }

    /// Makes no pause shorter or longer.
    #[derive(Debug)]
    struct Even;

    impl Entropy for Even {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&512_u64.to_le_bytes()[..bytes.len()]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn four_at_a_time_are_started() {
        let (places, under_way) = (Semaphore::new(AT_ONCE), Cell::new(0));
        let began = Instant::now();
        let starts = (0..10).map(|_| {
            let start = || async {
                under_way.set(under_way.get() + 1);
                assert!(under_way.get() <= AT_ONCE);
                sleep(Duration::from_secs(10)).await;
                under_way.set(under_way.get() - 1);
                true
            };
            paced(&places, &Even, || true, start)
        });
        assert!(join_all(starts).await.into_iter().all(|started| started));
        assert_eq!(began.elapsed(), 3 * (DISTANCE + Duration::from_secs(10)), "in three rounds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_that_fails_is_tried_again_at_growing_distances_and_then_given_up() {
        let (places, began) = (Semaphore::new(AT_ONCE), Instant::now());
        let tries = RefCell::new(Vec::new());
        let start = || async {
            tries.borrow_mut().push(began.elapsed().as_secs());
            false
        };
        assert!(!paced(&places, &Even, || true, start).await);
        // Each 0.2 s after a pause of 2, 4, 8, … seconds.
        assert_eq!(*tries.borrow(), [0, 2, 6, 14, 31, 63, 123, 183]);
        assert_eq!(places.available_permits(), AT_ONCE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_wanted_any_more_is_left_alone() {
        let (places, left) = (Semaphore::new(AT_ONCE), Cell::new(3));
        let is_wanted = || left.get() > 0;
        let start = || async {
            left.set(left.get() - 1);
            false
        };
        assert!(paced(&places, &Even, is_wanted, start).await);
        assert_eq!(left.get(), 0);
    }
}
