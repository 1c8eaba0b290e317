//! How every mutation runs: reserve its id, call the engine, commit, answer.
//!
//! The work is a task of its own. A caller that hangs up or runs out of time leaves it running,
//! and a repetition under the same request id attaches to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::context::MutationContext;
use super::prepared::Prepared;
use super::reservations::{self, ReservationOutcome, Taken, outcome_unknown};
use crate::app::log::{CallAnswer, CallKey, WriteContent, WriteRequest};
use crate::app::{App, Call, Inner, draining};
use crate::domain::answer::Answer;
use crate::domain::error::{Error, Result};
use crate::domain::event::Initiator;
use crate::domain::id::{GroupId, RequestId, SessionName};
use crate::domain::operation::{Command, Digest, EngineError, OperationName, Outcome};
use crate::domain::port::engine::GroupEngine;
use crate::domain::port::repository::ReservationKey;
use crate::domain::reason::{Code, Reason};
use crate::domain::reducer::{Change, Observation};
use crate::failpoint;
use crate::telemetry;

/// How long before the caller's deadline it gets an answer, so that it arrives in time.
const MARGIN: Duration = Duration::from_millis(100);

/// What a caller asks to be changed.
#[derive(Debug, Clone)]
pub struct Mutation {
    pub session: SessionName,
    pub request_id: Option<RequestId>,
    pub command: Command,
}

type Ended = Option<Result<Answer>>;

/// The mutations of this process that have a request id.
#[derive(Debug, Default)]
pub(in crate::app) struct CallsInFlight {
    calls: Mutex<HashMap<ReservationKey, InFlight>>,
}

#[derive(Debug, Clone)]
struct InFlight {
    digest: Digest,
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
    pub(in crate::app) async fn mutate(&self, call: &Call, mutation: Mutation) -> Result<Answer> {
        let session = mutation.session.clone();
        let group_id = mutation.command.group_id().cloned();
        let request_id = mutation.request_id;
        self.mutate_at_most_once(call, mutation).await.map_err(|error| match error.reason() {
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
        })
    }

    async fn mutate_at_most_once(&self, call: &Call, mutation: Mutation) -> Result<Answer> {
        let inner = &self.inner;
        call.caller.authorize(&mutation.session)?;
        inner.refuse_if_follower()?;
        inner.sessions.directory.get(&mutation.session)?;
        inner.refuse_if_draining()?;
        let key = mutation.request_id.map(|request_id| ReservationKey {
            key_name: call.caller.key_name().to_owned(),
            session: mutation.session.clone(),
            rpc: mutation.command.name().as_str(),
            request_id,
        });
        let (sender, ended) = watch::channel(None);
        let digest = match &key {
            Some(_) => mutation.command.digest()?,
            // Nothing is compared with it.
            None => Digest::default(),
        };
        let flight = InFlight { digest, ended, stage: Arc::default() };
        let flight = match &key {
            Some(key) => match inner.calls.in_flight.enter(key, flight) {
                Ok(flight) => flight,
                Err(running) if running.digest != digest => {
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
        let initiator = call.initiator(mutation.request_id);
        let work = async move {
            // Left also where the call panics, so that its id is not in flight for ever.
            let _leaving = key.clone().map(|key| Leaving { inner: task_inner.clone(), key });
            let id = key.as_ref().map(|key| (key, digest));
            let ended = run(&task_inner, initiator, mutation, id, &stage).await;
            let _ = sender.send(Some(ended));
        };
        inner.lifecycle.tasks.spawn(telemetry::carried(work));
        wait(inner, call, flight).await
    }
}

/// Whether the call has brought us into the group, even where an event reported it before the answer. Of a joined
/// group an engine may report no more than that.
fn is_creation(operation: OperationName, observations: &[Observation]) -> bool {
    let says_nothing = |observation: &Observation| observation.change == Change::Fields(Vec::new());
    match operation {
        OperationName::CreateGroup => true,
        OperationName::JoinGroup => observations.first().is_some_and(says_nothing),
        _ => false,
    }
}

/// Adds to an error which session and group it is about.
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
        self.inner.calls.in_flight.leave(&self.key);
    }
}

impl CallsInFlight {
    fn enter(&self, key: &ReservationKey, flight: InFlight) -> Result<InFlight, InFlight> {
        let mut calls = self.calls.lock();
        match calls.get(key) {
            Some(running) => Err(running.clone()),
            None => {
                calls.insert(key.clone(), flight.clone());
                Ok(flight)
            }
        }
    }

    fn leave(&self, key: &ReservationKey) {
        self.calls.lock().remove(key);
    }
}

/// Waits for the end of the work, as long as it is of use to this caller.
async fn wait(inner: &Inner, call: &Call, mut flight: InFlight) -> Result<Answer> {
    let too_late = async {
        match call.deadline {
            Some(deadline) => {
                tokio::time::sleep_until(deadline.checked_sub(MARGIN).unwrap_or(deadline)).await;
            }
            // A call without a deadline gets one all the same: while the database is away, what became of a
            // change cannot be found out.
            None => tokio::time::sleep(reservations::patience(inner)).await,
        }
    };
    tokio::select! {
        // An answer that is there counts, though the service stops at the same moment: it stops once all have ended.
        biased;
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
        () = inner.lifecycle.cut_off.cancelled() => {
            if flight.stage.take_back() { Err(draining()) } else { Err(outcome_unknown()) }
        }
    }
}

async fn run(
    inner: &Arc<Inner>,
    initiator: Initiator,
    mutation: Mutation,
    id: Option<(&ReservationKey, Digest)>,
    stage: &Stage,
) -> Result<Answer> {
    inner.log.refuse_if_late()?;
    let taken = match id {
        None => None,
        Some((key, digest)) => {
            let group_id = mutation.command.group_id().cloned();
            match reservations::reserve(inner, key, digest, group_id).await? {
                ReservationOutcome::Answered(answer) => return Ok(answer),
                ReservationOutcome::Ours(taken) => Some(taken),
            }
        }
    };
    if taken.is_some() {
        failpoint::hit("after_reserve");
    }
    let taken = taken.as_ref();
    let ready = async {
        let engine = inner.working_engine(&mutation.session, mutation.command.name())?;
        let prepared = Prepared::of(inner, &mutation.session, mutation.command).await?;
        // All this may have taken as long.
        inner.log.refuse_if_late()?;
        Ok((engine, prepared))
    };
    let (engine, prepared) = match ready.await {
        Ok(ready) => ready,
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
    let context = MutationContext { inner, session: &mutation.session, initiator, call_key };
    send(context, engine, prepared, taken).await
}

/// A step of a job, without a request id of its own. It names people by the group's own ids.
pub(in crate::app) async fn perform(
    inner: &Arc<Inner>,
    initiator: Initiator,
    session: &SessionName,
    command: Command,
    call_key: CallKey,
) -> Result<Answer> {
    inner.log.refuse_if_late()?;
    let engine = inner.working_engine(session, command.name())?;
    let prepared = Prepared::literally(command);
    let context = MutationContext { inner, session, initiator, call_key };
    send(context, engine, prepared, None).await
}

/// Calls the engine, commits what it answers, and keeps what is to be answered under the request id.
async fn send(
    context: MutationContext<'_>,
    engine: Arc<dyn GroupEngine>,
    prepared: Prepared,
    taken: Option<&Taken>,
) -> Result<Answer> {
    let MutationContext { inner, session, .. } = context;
    let command = prepared.command();
    let (name, group_id) = (command.name(), command.group_id().cloned());
    let window = inner.log.open_echo_window(
        session,
        &context.call_key,
        context.initiator.clone(),
        group_id.clone(),
        command.expected(),
    );
    let kind = engine.kind();
    let called = match prepared.perform(&context, engine, &window.echo).await {
        Err(failed) => Err(inner.believed(session, group_id.as_ref(), failed).await),
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
            // Not the engine's own error, which may invite a retry: the caller must not retry this one.
            let unknown = outcome_unknown().caused_by(error.cause().unwrap_or(error.message()));
            if let Some(taken) = taken {
                reservations::refuse(inner, taken, &unknown).await;
            }
            return Err(unknown);
        }
    };
    let outcome = answered.value;
    if let Some(group_id) = outcome.group_id.as_ref().or(group_id.as_ref()) {
        let changes = answered.observations.iter().map(|observation| &observation.change);
        inner.log.note_own_changes(session, group_id, changes);
    }
    let content = WriteContent::CallAnswer(CallAnswer {
        call_key: context.call_key,
        initiator: context.initiator,
        is_creation: is_creation(name, &answered.observations),
        observations: answered.observations,
        source_ids: answered.source_ids,
        stored: taken.map(|taken| (taken.key.clone(), outcome.clone())),
    });
    let request = WriteRequest { session: session.clone(), engine: kind, content };
    let written = inner.log.write(request).await;
    drop(window);
    match written {
        Ok(committed) => Ok(Answer {
            outcome,
            changed: committed.changed,
            sequence: committed.sequence,
            repeated: false,
        }),
        // WhatsApp has done it; only the log lacks it until its echo or a comparison.
        Err(error) => Err(outcome_unknown().caused_by(error.cause().unwrap_or(error.message()))),
    }
}

async fn release(inner: &Inner, taken: Option<&Taken>) {
    if let Some(taken) = taken {
        reservations::release(inner, taken).await;
    }
}
