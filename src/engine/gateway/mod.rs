//! What stands between the service and an engine: deadlines, pacing, limits, further tries of reads, and
//! the figures of it all.
//!
//! WhatsApp answers haste with rate limits and bans, so calls of a session wait for each other here; those
//! that cannot go out in time are refused before anything is sent. Only reads are ever sent twice.

mod calls;
mod passage;
mod rests;
mod session_limiter;
#[cfg(test)]
mod tests;
mod upstream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

pub use self::passage::TenuredPassage;
pub use self::rests::Rests;
use self::session_limiter::{SessionLimiter, SessionLimiters};
use self::upstream::{Upstream, Upstreams};
use crate::domain::backoff::Backoff;
use crate::domain::clock::Entropy;
use crate::domain::cluster::Tenure;
use crate::domain::error::Error;
use crate::domain::id::SessionName;
use crate::domain::operation::{EngineError, OperationName, Outcome, Result};
use crate::domain::port::engine::GroupEngine;
use crate::domain::reason::Reason;
use crate::telemetry;

/// How long a list of all groups may take: it may have megabytes.
const LIST_TIMEOUT: Duration = Duration::from_secs(120);
/// How often a read is sent at the most.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A read whose retry delay is longer is not sent again at once.
const LONGEST_AWAITED: Duration = Duration::from_secs(1);

/// Limits of an engine that reaches WhatsApp.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub calls_per_second: u32,
    /// So many may go at once after a silence.
    pub burst: u32,
    /// Calls of a session that are out at the same time.
    pub max_in_flight: usize,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub read_timeout: Duration,
    pub write_timeout: Duration,
    /// `None` = no limits: the engine does not reach WhatsApp.
    pub pace: Option<Pace>,
    /// While it is confirmed, this replica acts; `None` = it is the only one.
    pub tenure: Option<Tenure>,
    /// `None` = they are forgotten with the process.
    pub rests: Option<Rests>,
}

/// An engine with everything around it. Itself an engine, so that callers need not know.
pub struct Gateway {
    engine: Arc<dyn GroupEngine>,
    entropy: Arc<dyn Entropy>,
    options: Options,
    lanes: SessionLimiters,
    upstreams: Upstreams,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Gateway {
    pub fn new(engine: Arc<dyn GroupEngine>, entropy: Arc<dyn Entropy>, options: Options) -> Self {
        let lanes = SessionLimiters::new(options.pace);
        for (session, rest) in options.rests.iter().flat_map(|rests| &rests.kept) {
            lanes.of(session).hold_back(Some(*rest));
        }
        Self { engine, entropy, lanes, options, upstreams: Upstreams::default() }
    }

    /// Sends a call, once where it changes something. `call` is called for each try.
    async fn pass<'a, T, Fut>(
        &'a self,
        session: &'a SessionName,
        operation: OperationName,
        call: impl Fn() -> Fut + Send + Sync,
    ) -> Result<T>
    where
        Fut: Future<Output = Result<T>> + Send,
    {
        if !self.engine.supports(session, operation) {
            return Err(EngineError::not_sent(self.unsupported(operation)));
        }
        self.pass_on(session, operation, call).await.map_err(|failed| self.named(failed, session))
    }

    /// For what brings a session up: it may be done again, and waits for no other call.
    async fn timely<T, Fut>(&self, session: &SessionName, call: impl FnOnce() -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<T>> + Send,
    {
        let ended = timeout(self.options.read_timeout, call()).await;
        ended
            .unwrap_or_else(|_| Err(self.too_late(OperationName::FetchAll)))
            .map_err(|failed| self.named(failed, session))
    }

    async fn pass_on<T, Fut>(
        &self,
        session: &SessionName,
        operation: OperationName,
        call: impl Fn() -> Fut + Send + Sync,
    ) -> Result<T>
    where
        Fut: Future<Output = Result<T>> + Send,
    {
        let way = CallPath {
            lane: self.lanes.of(session),
            upstream: self.upstreams.of(&self.engine.upstream(session)),
            fetches_all: self.engine.fetches_all(session),
        };
        let mut pauses = Backoff::new(FIRST_PAUSE, Duration::MAX);
        for _ in 1..TRIES {
            match self.pass_once(session, &way, operation, &call).await {
                Err(error) if operation.is_read() && is_passing(&error) => {
                    telemetry::engine_retry(self.engine.kind().as_str(), operation.as_str());
                    sleep(pauses.pause(None, self.entropy.as_ref())).await;
                }
                ended => return ended,
            }
        }
        self.pass_once(session, &way, operation, &call).await
    }

    async fn pass_once<T, Fut>(
        &self,
        session: &SessionName,
        way: &CallPath,
        operation: OperationName,
        call: &(impl Fn() -> Fut + Sync),
    ) -> Result<T>
    where
        Fut: Future<Output = Result<T>> + Send,
    {
        let engine = self.engine.kind().as_str();
        let asked = Instant::now();
        let entered = way.enter(operation).await;
        telemetry::engine_waited(engine, asked.elapsed());
        let _places = entered.inspect_err(|_| {
            telemetry::engine_call(engine, operation.as_str(), "held_back", Duration::ZERO);
        })?;
        // Behind all queues: whoever was frozen in one of them may have been replaced.
        if self.options.tenure.as_ref().is_some_and(|tenure| !tenure.is_confirmed()) {
            return Err(EngineError::not_sent(Error::not_owner()));
        }
        let _running = telemetry::EngineRunning::begin(engine);
        let started = Instant::now();
        let ended =
            match timeout(self.timeout_of(operation, way.is_shared(operation)), call()).await {
                Ok(ended) => ended,
                Err(_) => Err(self.too_late(operation)),
            };
        telemetry::engine_call(engine, operation.as_str(), outcome(&ended), started.elapsed());
        if let Err(error) = &ended
            && error.error.reason() == Reason::RateLimited
            // A call not sent has no answer of WhatsApp's.
            && error.outcome != Outcome::NotSent
        {
            let rest = way.lane.hold_back(error.error.retry_delay());
            if let Some(rests) = &self.options.rests {
                rests.keep(session, rest);
            }
        }
        ended
    }

    /// A read that shares a list with others takes as long as the list.
    fn timeout_of(&self, operation: OperationName, is_shared: bool) -> Duration {
        match operation {
            _ if is_shared => LIST_TIMEOUT.max(self.options.read_timeout),
            OperationName::FetchAll => LIST_TIMEOUT.max(self.options.read_timeout),
            operation if operation.is_read() => self.options.read_timeout,
            _ => self.options.write_timeout,
        }
    }

    fn too_late(&self, operation: OperationName) -> EngineError {
        if operation.is_read() {
            let error = Error::new(Reason::EngineUnavailable, "WhatsApp did not answer in time")
                .with("engine", self.engine.kind().as_str())
                .retry_after(Duration::from_secs(1));
            // Nothing can have changed by it.
            EngineError::not_sent(error)
        } else {
            EngineError::unknown("WhatsApp did not answer in time; read the group")
        }
    }

    fn unsupported(&self, operation: OperationName) -> Error {
        let (engine, operation) = (self.engine.kind().as_str(), operation.as_str());
        let message = format!("the engine {engine} cannot do {operation}");
        Error::new(Reason::UnsupportedByEngine, message)
            .with("engine", engine)
            .with("operation", operation)
    }

    /// Adds the session and the engine to the error, where the contract promises them.
    fn named(&self, failed: EngineError, session: &SessionName) -> EngineError {
        let EngineError { outcome, error } = failed;
        let error = match error.reason() {
            Reason::EngineUnavailable => error
                .with_context("session", session)
                .with_context("engine", self.engine.kind().as_str()),
            Reason::RateLimited => error.with_context("session", session),
            _ => error,
        };
        EngineError { outcome, error }
    }
}

/// What a session's call passes through.
struct CallPath {
    lane: Arc<SessionLimiter>,
    upstream: Arc<Upstream>,
    fetches_all: bool,
}

impl CallPath {
    /// Whether the engine itself lets reads wait for each other, so that they are out together as one.
    fn is_shared(&self, operation: OperationName) -> bool {
        let is_fetch = matches!(operation, OperationName::FetchGroup | OperationName::FetchAll);
        self.fetches_all && is_fetch
    }

    async fn enter(
        &self,
        operation: OperationName,
    ) -> Result<(session_limiter::Permit, Option<upstream::Permit>)> {
        let is_shared = self.is_shared(operation);
        let in_lane = self.lane.enter(operation, is_shared).await?;
        let is_out = match is_shared {
            true => None,
            false => Some(self.upstream.enter(operation).await?),
        };
        Ok((in_lane, is_out))
    }
}

/// Whether the next try of a read, a moment later, may well succeed.
fn is_passing(error: &EngineError) -> bool {
    let is_soon = error.error.retry_delay().is_none_or(|delay| delay <= LONGEST_AWAITED);
    let is_away = error.error.reason() == Reason::EngineUnavailable;
    error.outcome == Outcome::Unknown || (is_away && is_soon)
}

fn outcome<T>(ended: &Result<T>) -> &'static str {
    match ended {
        Ok(_) => "ok",
        Err(error) => match error.outcome {
            Outcome::NotSent => "not_sent",
            Outcome::Rejected | Outcome::Supposed => "rejected",
            Outcome::Unknown => "unknown",
        },
    }
}
