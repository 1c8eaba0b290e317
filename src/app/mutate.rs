//! How every mutation runs: reserve its id, call the engine, commit, answer.
//!
//! The work is a task of its own. A caller that hangs up or runs out of time leaves it running,
//! and a repetition under the same request id attaches to it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::groups::RequestKey;
use super::pending::CallKey;
use super::report::Report;
use super::reservations::{self, Taken, Turn, outcome_unknown};
use super::{App, Call, Inner, draining};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::error::{Error, Result};
use crate::domain::event::Origin;
use crate::domain::id::{GroupId, RequestId, SessionName};
use crate::domain::port::engine::{
    self, EngineAnswer, EngineError, EngineOperation, GroupEngine, Outcome,
};
use crate::domain::port::repository::ReservationKey;
use crate::domain::reason::{Code, Reason};
use crate::domain::reducer::{Change, Observation};
use crate::failpoint;
use crate::telemetry;

/// How long before the caller's deadline it gets an answer, so that it arrives in time.
const MARGIN: Duration = Duration::from_millis(100);

/// A call that changes something at WhatsApp.
pub(super) struct Mutation {
    pub operation: EngineOperation,
    pub session: SessionName,
    pub request_id: Option<RequestId>,
    /// Of the request without its id.
    pub body_sha256: [u8; 32],
    pub group_id: Option<GroupId>,
    /// What WhatsApp will report if it goes well.
    pub expected: Vec<Change>,
}

impl Mutation {
    pub fn new(
        operation: EngineOperation,
        session: &SessionName,
        key: RequestKey,
        group_id: Option<&GroupId>,
        expected: Vec<Change>,
    ) -> Self {
        Self {
            operation,
            session: session.clone(),
            request_id: key.request_id,
            body_sha256: key.body_sha256,
            group_id: group_id.cloned(),
            expected,
        }
    }
}

type Ended = Option<Result<Answer>>;

/// The mutations of this process that have a request id.
#[derive(Debug, Default)]
pub(super) struct CallsInFlight {
    calls: Mutex<HashMap<ReservationKey, InFlight>>,
}

#[derive(Debug, Clone)]
struct InFlight {
    body_sha256: [u8; 32],
    ended: watch::Receiver<Ended>,
    stage: Arc<Stage>,
}

/// Whether the engine has been called. Until then a call can be taken back.
#[derive(Debug, Default)]
struct Stage(AtomicU8);

const WAITING: u8 = 0;
const SENT: u8 = 1;
const TAKEN_BACK: u8 = 2;

impl Stage {
    /// `false` where the caller has taken the call back.
    fn send(&self) -> bool {
        self.0.compare_exchange(WAITING, SENT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// `false` where the call has left already.
    fn take_back(&self) -> bool {
        self.0.compare_exchange(WAITING, TAKEN_BACK, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl App {
    pub(super) async fn mutate<F, Fut>(
        &self,
        call: &Call,
        mutation: Mutation,
        operation: F,
    ) -> Result<Answer>
    where
        F: FnOnce(Arc<dyn GroupEngine>, CallKey) -> Fut + Send + 'static,
        Fut: Future<Output = engine::Result<EngineAnswer<Verdict>>> + Send,
    {
        let (session, group_id) = (mutation.session.clone(), mutation.group_id.clone());
        let request_id = mutation.request_id;
        self.mutate_at_most_once(call, mutation, operation).await.map_err(|error| {
            match error.reason() {
                Reason::OutcomeUnknown => {
                    let error = within(error, &session, group_id.as_ref());
                    match request_id {
                        Some(id) => error.with_context("request_id", id),
                        None => error,
                    }
                }
                Reason::RateLimited | Reason::EngineUnavailable => {
                    error.with_context("session", session)
                }
                reason if matches!(reason.code(), Code::FailedPrecondition | Code::NotFound) => {
                    within(error, &session, group_id.as_ref())
                }
                _ => error,
            }
        })
    }

    async fn mutate_at_most_once<F, Fut>(
        &self,
        call: &Call,
        mutation: Mutation,
        operation: F,
    ) -> Result<Answer>
    where
        F: FnOnce(Arc<dyn GroupEngine>, CallKey) -> Fut + Send + 'static,
        Fut: Future<Output = engine::Result<EngineAnswer<Verdict>>> + Send,
    {
        let inner = &self.inner;
        call.caller.authorize(&mutation.session)?;
        inner.directory.get(&mutation.session)?;
        inner.refuse_if_draining()?;
        let key = mutation.request_id.map(|request_id| ReservationKey {
            key_name: call.caller.key_name().to_owned(),
            session: mutation.session.clone(),
            rpc: mutation.operation.as_str(),
            request_id,
        });
        let (sender, ended) = watch::channel(None);
        let flight = InFlight { body_sha256: mutation.body_sha256, ended, stage: Arc::default() };
        let flight = match &key {
            Some(key) => match inner.calls.enter(key, flight) {
                Ok(flight) => flight,
                Err(running) if running.body_sha256 != mutation.body_sha256 => {
                    return Err(reservations::reused(key));
                }
                Err(running) => {
                    telemetry::reservation("attached");
                    return wait(inner, call, running).await;
                }
            },
            None => flight,
        };
        let (task_inner, stage) = (inner.clone(), flight.stage.clone());
        inner.tasks.spawn(async move {
            // Left also where the call panics, so that its id is not in flight for ever.
            let _leaving = key.clone().map(|key| Leaving { inner: task_inner.clone(), key });
            let ended = run(&task_inner, mutation, key.as_ref(), &stage, operation).await;
            let _ = sender.send(Some(ended));
        });
        wait(inner, call, flight).await
    }
}

/// Whether the call has brought us into the group, whoever told of it first. Of a group that was joined an engine may say
/// no more than that.
fn is_creation(operation: EngineOperation, observations: &[Observation]) -> bool {
    let says_nothing = |observation: &Observation| observation.change == Change::Fields(Vec::new());
    match operation {
        EngineOperation::CreateGroup => true,
        EngineOperation::JoinGroup => observations.first().is_some_and(says_nothing),
        _ => false,
    }
}

/// Says which session and group an error is about.
fn within(error: Error, session: &SessionName, group_id: Option<&GroupId>) -> Error {
    let error = error.with_context("session", session);
    match group_id {
        Some(group_id) => error.with_context("group_id", group_id),
        None => error,
    }
}

/// Takes a call out of those in flight when it ends, however it does.
struct Leaving {
    inner: Arc<Inner>,
    key: ReservationKey,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.inner.calls.leave(&self.key);
    }
}

impl CallsInFlight {
    fn enter(&self, key: &ReservationKey, flight: InFlight) -> Result<InFlight, InFlight> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.get(key) {
            Some(running) => Err(running.clone()),
            None => {
                calls.insert(key.clone(), flight.clone());
                Ok(flight)
            }
        }
    }

    fn leave(&self, key: &ReservationKey) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Waits for the end of the work, as long as it is of use to this caller.
async fn wait(inner: &Inner, call: &Call, mut flight: InFlight) -> Result<Answer> {
    let too_late = async {
        match call.deadline {
            Some(deadline) => {
                tokio::time::sleep_until(deadline.checked_sub(MARGIN).unwrap_or(deadline)).await;
            }
            // Who sets no limit has one all the same: while the database is away, what became of a
            // change cannot be found out.
            None => tokio::time::sleep(reservations::patience(inner)).await,
        }
    };
    tokio::select! {
        ended = flight.ended.wait_for(Option::is_some) => match ended {
            Ok(ended) => ended.clone().unwrap_or_else(|| Err(outcome_unknown())),
            // The task is gone without an answer: it panicked.
            Err(_) => Err(outcome_unknown().caused_by("the mutation's task has ended without an answer")),
        },
        () = too_late => {
            if flight.stage.take_back() {
                Err(Error::new(Reason::DeadlineExceeded, "the deadline passed before anything was sent"))
            } else {
                Err(outcome_unknown())
            }
        }
        () = inner.cut_off.cancelled() => {
            if flight.stage.take_back() { Err(draining()) } else { Err(outcome_unknown()) }
        }
    }
}

async fn run<F, Fut>(
    inner: &Arc<Inner>,
    mutation: Mutation,
    key: Option<&ReservationKey>,
    stage: &Stage,
    operation: F,
) -> Result<Answer>
where
    F: FnOnce(Arc<dyn GroupEngine>, CallKey) -> Fut + Send,
    Fut: Future<Output = engine::Result<EngineAnswer<Verdict>>> + Send,
{
    inner.writer.refuse_if_late()?;
    let taken = match key {
        None => None,
        Some(key) => {
            let group_id = mutation.group_id.clone();
            match reservations::reserve(inner, key, mutation.body_sha256, group_id).await? {
                Turn::Answered(answer) => return Ok(answer),
                Turn::Ours(taken) => Some(taken),
            }
        }
    };
    if taken.is_some() {
        failpoint::hit("after_reserve");
    }
    let taken = taken.as_ref();
    // Taking the id may have taken as long.
    let engine = inner
        .writer
        .refuse_if_late()
        .and_then(|()| inner.working_engine(&mutation.session, mutation.operation));
    let engine = match engine {
        Ok(engine) => engine,
        Err(error) => {
            release(inner, taken).await;
            return Err(error);
        }
    };
    if !stage.send() {
        release(inner, taken).await;
        return Err(Error::new(
            Reason::DeadlineExceeded,
            "the deadline passed before anything was sent",
        ));
    }
    let call_key: CallKey = match mutation.request_id {
        Some(request_id) => request_id.to_string().into(),
        None => format!("{:016x}{:016x}", inner.entropy.u64(), inner.entropy.u64()).into(),
    };
    send(inner, engine, mutation, call_key, taken, operation).await
}

/// A call of the service's own, which no request id guards.
pub(super) async fn perform<F, Fut>(
    inner: &Arc<Inner>,
    mutation: Mutation,
    call_key: CallKey,
    operation: F,
) -> Result<Answer>
where
    F: FnOnce(Arc<dyn GroupEngine>, CallKey) -> Fut + Send,
    Fut: Future<Output = engine::Result<EngineAnswer<Verdict>>> + Send,
{
    inner.writer.refuse_if_late()?;
    let engine = inner.working_engine(&mutation.session, mutation.operation)?;
    send(inner, engine, mutation, call_key, None, operation).await
}

/// Calls the engine, commits what it answers, and keeps what is to be answered under the request id.
async fn send<F, Fut>(
    inner: &Arc<Inner>,
    engine: Arc<dyn GroupEngine>,
    mutation: Mutation,
    call_key: CallKey,
    taken: Option<&Taken>,
    operation: F,
) -> Result<Answer>
where
    F: FnOnce(Arc<dyn GroupEngine>, CallKey) -> Fut + Send,
    Fut: Future<Output = engine::Result<EngineAnswer<Verdict>>> + Send,
{
    let window = inner.pending.open(
        &mutation.session,
        &call_key,
        mutation.request_id,
        mutation.group_id.clone(),
        mutation.expected,
    );
    let kind = engine.kind();
    let called = operation(engine, call_key.clone()).await;
    let called = match called {
        Err(failed) => {
            Err(inner.believed(&mutation.session, mutation.group_id.as_ref(), failed).await)
        }
        answered => answered,
    };
    let answered = match called {
        Ok(answered) => answered,
        Err(EngineError { outcome: Outcome::NotSent, error }) => {
            release(inner, taken).await;
            return Err(error);
        }
        Err(EngineError { outcome: Outcome::Rejected | Outcome::Supposed, error }) => {
            if let Some(taken) = taken {
                reservations::refuse(inner, taken, &error).await;
            }
            return Err(error);
        }
        Err(EngineError { outcome: Outcome::Unknown, error }) => {
            // Said in our own words: whatever the engine's error is, the caller must not retry it.
            let unknown = outcome_unknown().caused_by(error.cause().unwrap_or(error.message()));
            if let Some(taken) = taken {
                reservations::refuse(inner, taken, &unknown).await;
            }
            return Err(unknown);
        }
    };
    let verdict = answered.value;
    if let Some(group_id) = verdict.group_id.as_ref().or(mutation.group_id.as_ref()) {
        let changes = answered.observations.iter().map(|observation| &observation.change);
        inner.pending.own_changes.note(&mutation.session, group_id, changes);
    }
    let report = Report {
        is_creation: is_creation(mutation.operation, &answered.observations),
        observations: answered.observations,
        source_ids: answered.source_ids,
        call_key: Some(call_key),
        request_id: mutation.request_id,
        answer: taken.map(|taken| (taken.key.clone(), verdict.clone())),
        ..Report::new(mutation.session, kind, Origin::Api)
    };
    let written = inner.writer.write(report).await;
    drop(window);
    match written {
        Ok(committed) => Ok(Answer {
            verdict,
            changed: committed.changed,
            sequence: committed.sequence,
            repeated: false,
        }),
        // WhatsApp has done it; only our knowledge of it is missing until its echo or a resync.
        Err(error) => Err(outcome_unknown().caused_by(error.cause().unwrap_or(error.message()))),
    }
}

async fn release(inner: &Inner, taken: Option<&Taken>) {
    if let Some(taken) = taken {
        reservations::release(inner, taken).await;
    }
}
