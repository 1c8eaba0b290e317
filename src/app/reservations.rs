//! Request ids: a mutation that carries one reaches WhatsApp at most once.

use std::time::Duration;

use super::Inner;
use crate::domain::answer::{Answer, Settled};
use crate::domain::error::{Error, Result};
use crate::domain::id::GroupId;
use crate::domain::port::repository::{
    ExistingReservation, Reservation, ReservationKey, Reserved, StoreError,
};
use crate::domain::reason::Reason;
use crate::telemetry;

/// How long a request id stands for its answer.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What to do about a call with a request id.
pub(super) enum Turn {
    /// It is the first: make the call.
    Ours,
    /// It was made before, with this answer.
    Answered(Answer),
}

/// Takes the request id, or finds what became of the call that had it before.
pub(super) async fn reserve(
    inner: &Inner,
    key: &ReservationKey,
    body_sha256: [u8; 32],
    group_id: Option<GroupId>,
) -> Result<Turn> {
    match take(inner, key, body_sha256, group_id).await? {
        Reserved::New => {
            telemetry::reservation("new");
            Ok(Turn::Ours)
        }
        Reserved::Existing(existing) => settled(inner, key, body_sha256, &existing),
    }
}

async fn take(
    inner: &Inner,
    key: &ReservationKey,
    body_sha256: [u8; 32],
    group_id: Option<GroupId>,
) -> Result<Reserved> {
    let now = inner.clock.now();
    let reservation = Reservation {
        key: key.clone(),
        body_sha256,
        group_id,
        incarnation: inner.epoch,
        // The engine's own deadline, and time to commit what it answers.
        deadline: now + inner.options.engine_write_timeout + Duration::from_secs(30),
        now,
        expire_time: now + LIFETIME,
    };
    Ok(inner.repository.reserve(&reservation).await.map_err(|error| match error {
        // Whatever became of the id, nothing went to WhatsApp: the same call may come again.
        StoreError::CommitUnknown(cause) => StoreError::Unavailable(cause),
        error => error,
    })?)
}

fn settled(
    inner: &Inner,
    key: &ReservationKey,
    body_sha256: [u8; 32],
    existing: &ExistingReservation,
) -> Result<Turn> {
    if existing.body_sha256 != body_sha256 {
        telemetry::reservation("reused");
        return Err(reused(key));
    }
    if let Some(answer) = &existing.answer {
        telemetry::reservation("replayed");
        return match serde_json::from_slice(answer).map_err(Error::internal)? {
            Settled::Answered(answer) => Ok(Turn::Answered(answer)),
            Settled::Refused(error) => Err(error),
        };
    }
    let remaining = existing.deadline.since(inner.clock.now());
    // This process knows its own running calls; an earlier one is dead, for it was fenced out.
    if existing.incarnation > inner.epoch && !remaining.is_zero() {
        telemetry::reservation("in_progress");
        return Err(Error::new(
            Reason::RequestInProgress,
            "the first call with this request_id still runs in another process; repeat the call later",
        )
        .with("request_id", key.request_id)
        .retry_after(remaining.min(Duration::from_secs(5))));
    }
    telemetry::reservation("outcome_unknown");
    Err(outcome_unknown().with("request_id", key.request_id))
}

/// What stands under the request id of a call that may be taken up again.
pub(super) enum Resumed {
    New,
    /// It was made before; it may still run, or have died.
    Unanswered,
    Answered(Answer),
}

/// Takes the request id of a call whose repetition goes on where the first one was.
pub(super) async fn resume(
    inner: &Inner,
    key: &ReservationKey,
    body_sha256: [u8; 32],
    group_id: &GroupId,
) -> Result<Resumed> {
    let existing = match take(inner, key, body_sha256, Some(group_id.clone())).await? {
        Reserved::New => return Ok(Resumed::New),
        Reserved::Existing(existing) => existing,
    };
    if existing.answer.is_none() && existing.body_sha256 == body_sha256 {
        return Ok(Resumed::Unanswered);
    }
    match settled(inner, key, body_sha256, &existing)? {
        Turn::Ours => Ok(Resumed::New),
        Turn::Answered(answer) => Ok(Resumed::Answered(answer)),
    }
}

/// Keeps the answer of a call whose events were committed before.
pub(super) async fn answer(inner: &Inner, key: &ReservationKey, answer: &Answer) {
    let Ok(answer) = serde_json::to_vec(&Settled::Answered(answer.clone())) else { return };
    if let Err(error) = inner.repository.settle(key, answer.into()).await {
        tracing::warn!(%error, "the answer of a request id could not be kept");
    }
}

pub(super) fn reused(key: &ReservationKey) -> Error {
    Error::new(
        Reason::RequestIdReused,
        "request_id was used before for a call with other arguments; take a fresh UUID for each new intent",
    )
    .blaming("request_id", "must be new, or come with the arguments of its first call")
    .with("request_id", key.request_id)
}

/// The call reached WhatsApp or may have, and no answer came back.
pub(super) fn outcome_unknown() -> Error {
    Error::outcome_unknown(
        "the call may or may not have taken effect at WhatsApp; look at the group before you decide to repeat \
         it under a new request_id",
    )
}

/// Keeps a refusal as the answer of the id, or forgets the id where the caller is to try again.
pub(super) async fn refuse(inner: &Inner, key: &ReservationKey, error: &Error) {
    let kept = if error.reason().invites_retry() || error.retry_delay().is_some() {
        inner.repository.release(key).await
    } else {
        match serde_json::to_vec(&Settled::Refused(error.clone())) {
            Ok(answer) => inner.repository.settle(key, answer.into()).await,
            Err(_) => Ok(()),
        }
    };
    // The id then stays unanswered, and a repetition gets OUTCOME_UNKNOWN: too careful, never wrong.
    if let Err(error) = kept {
        tracing::warn!(%error, "the answer of a request id could not be kept");
    }
}

/// Forgets the id of a call that never left the process.
pub(super) async fn release(inner: &Inner, key: &ReservationKey) {
    if let Err(error) = inner.repository.release(key).await {
        tracing::warn!(%error, "a request id could not be released");
    }
}
