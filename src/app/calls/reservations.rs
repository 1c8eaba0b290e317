//! Request ids: a mutation that carries one reaches WhatsApp at most once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::app::Inner;
use crate::app::log::{LAST_PAUSE, RETRY_PAUSES};
use crate::domain::answer::{Answer, StoredResponse};
use crate::domain::error::{Error, Result};
use crate::domain::id::GroupId;
use crate::domain::operation::Digest;
use crate::domain::port::repository::{
    ExistingReservation, Reservation, ReservationKey, Reserved, StoreError,
};
use crate::domain::reason::Reason;
use crate::telemetry;

/// How long a request id stands for its answer.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Attempts that are remembered because they may have left a row.
const MAX_ABANDONED: u64 = 10_000;

/// How many of one request id: a client may repeat a call for as long as the store fails.
const MAX_ABANDONED_OF_ONE: usize = 64;

/// A request id that is ours, and by what its row is known to be.
#[derive(Debug, Clone)]
pub(in crate::app) struct Taken {
    pub key: ReservationKey,
    pub nonce: u64,
}

/// Attempts of this process to take a request id that may have left a row behind, though nothing was
/// sent: the answer to the row's INSERT was lost, or it could not be removed. The next call under the
/// same id takes such a row over, instead of being answered that the outcome is unknown.
#[derive(Debug)]
pub(in crate::app) struct Abandoned(moka::sync::Cache<ReservationKey, Arc<Vec<u64>>>);

impl Default for Abandoned {
    fn default() -> Self {
        let attempts =
            moka::sync::Cache::builder().max_capacity(MAX_ABANDONED).time_to_live(LIFETIME).build();
        Self(attempts)
    }
}

impl Abandoned {
    fn note(&self, key: &ReservationKey, nonce: u64) {
        let mut nonces = self.of(key);
        nonces.push(nonce);
        // A row of one that is forgotten is merely taken for that of a call whose outcome is unknown.
        if nonces.len() > MAX_ABANDONED_OF_ONE {
            nonces.remove(0);
        }
        self.0.insert(key.clone(), Arc::new(nonces));
    }

    fn of(&self, key: &ReservationKey) -> Vec<u64> {
        self.0.get(key).map(|nonces| nonces.to_vec()).unwrap_or_default()
    }
}

/// What to do about a call with a request id.
pub(in crate::app) enum ReservationOutcome {
    /// It is the first: make the call.
    Ours(Taken),
    /// It was made before, with this answer.
    Answered(Answer),
}

/// Takes the request id, or finds what became of the call that had it before.
pub(in crate::app) async fn reserve(
    inner: &Inner,
    key: &ReservationKey,
    digest: Digest,
    group_id: Option<GroupId>,
) -> Result<ReservationOutcome> {
    let nonce = inner.entropy.u64();
    match take(inner, key, nonce, digest, group_id).await? {
        Reserved::New => {
            telemetry::reservation("new");
            Ok(ReservationOutcome::Ours(Taken { key: key.clone(), nonce }))
        }
        Reserved::Existing(existing) => {
            settled(inner, key, digest, &existing).map(ReservationOutcome::Answered)
        }
    }
}

/// How long a call may take: the engine's own deadline, and time to commit what it answers.
pub(in crate::app) fn patience(inner: &Inner) -> Duration {
    inner.options.engine_write_timeout + Duration::from_secs(30)
}

async fn take(
    inner: &Inner,
    key: &ReservationKey,
    nonce: u64,
    digest: Digest,
    group_id: Option<GroupId>,
) -> Result<Reserved> {
    let now = inner.clock.now();
    let reservation = Reservation {
        key: key.clone(),
        body_sha256: digest,
        group_id,
        incarnation: inner.epoch,
        nonce,
        abandoned: inner.calls.abandoned.of(key),
        deadline: now + patience(inner),
        now,
        expire_time: now + LIFETIME,
    };
    let reserved = inner.repository.reserve(&reservation).await;
    Ok(reserved.map_err(|error| {
        // Whatever became of the id, nothing went to WhatsApp: the same call may come again.
        inner.calls.abandoned.note(key, nonce);
        match error {
            StoreError::CommitUnknown(cause) => StoreError::Unavailable(cause),
            error => error,
        }
    })?)
}

fn settled(
    inner: &Inner,
    key: &ReservationKey,
    digest: Digest,
    existing: &ExistingReservation,
) -> Result<Answer> {
    if existing.body_sha256 != digest {
        telemetry::reservation("reused");
        return Err(reused(key));
    }
    if let Some(answer) = &existing.answer {
        telemetry::reservation("replayed");
        return match serde_json::from_slice(answer).map_err(Error::internal)? {
            StoredResponse::Answered(answer) => Ok(Answer { repeated: true, ..answer }),
            StoredResponse::Refused(error) => Err(error),
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
pub(in crate::app) enum Resumed {
    New(Taken),
    /// It was made before; it may still run, or have died.
    Unanswered(Taken),
    Answered(Answer),
}

/// Takes the request id of a call whose repetition goes on where the first one was.
pub(in crate::app) async fn resume(
    inner: &Inner,
    key: &ReservationKey,
    digest: Digest,
    group_id: &GroupId,
) -> Result<Resumed> {
    let nonce = inner.entropy.u64();
    let existing = match take(inner, key, nonce, digest, Some(group_id.clone())).await? {
        Reserved::New => return Ok(Resumed::New(Taken { key: key.clone(), nonce })),
        Reserved::Existing(existing) => existing,
    };
    if existing.answer.is_none() && existing.body_sha256 == digest {
        return Ok(Resumed::Unanswered(Taken { key: key.clone(), nonce: existing.nonce }));
    }
    settled(inner, key, digest, &existing).map(Resumed::Answered)
}

/// Keeps the answer of a call whose events were committed before. Returns whether it is kept: a caller that is
/// answered earlier may get another answer to a repetition.
pub(in crate::app) async fn answer(inner: &Inner, key: &ReservationKey, answer: &Answer) -> bool {
    keep(inner, key, &StoredResponse::Answered(answer.clone())).await
}

/// Stays at it until the answer is kept, or the service stops.
async fn keep(inner: &Inner, key: &ReservationKey, settled: &StoredResponse) -> bool {
    let Ok(answer) = serde_json::to_vec(settled) else { return false };
    let answer = bytes::Bytes::from(answer);
    let mut pauses = RETRY_PAUSES.iter();
    loop {
        let error = match inner.repository.settle(key, answer.clone()).await {
            Ok(()) => return true,
            Err(error) => error,
        };
        tracing::warn!(%error, "the answer of a request id could not be kept");
        if matches!(error, StoreError::Refused(_) | StoreError::Corrupt(_)) {
            return false;
        }
        tokio::select! {
            () = sleep(*pauses.next().unwrap_or(&LAST_PAUSE)) => {}
            () = inner.lifecycle.cut_off.cancelled() => return false,
        }
    }
}

pub(in crate::app) fn reused(key: &ReservationKey) -> Error {
    Error::new(
        Reason::RequestIdReused,
        "request_id was used before for a call with other arguments; take a fresh UUID for each new intent",
    )
    .blaming("request_id", "must be new, or come with the arguments of its first call")
    .with("request_id", key.request_id)
}

/// The call reached WhatsApp or may have, and no answer came back.
pub(in crate::app) fn outcome_unknown() -> Error {
    Error::outcome_unknown(
        "the call may or may not have taken effect at WhatsApp; look at the group before you decide to repeat \
         it under a new request_id",
    )
}

/// Keeps a refusal as the answer of the id, or forgets the id where the caller is to try again. Where it
/// cannot be kept, the id stays unanswered, and a repetition gets OUTCOME_UNKNOWN: too careful, never wrong.
pub(in crate::app) async fn refuse(inner: &Inner, taken: &Taken, error: &Error) {
    if invites_retry(error) {
        release(inner, taken).await;
    } else {
        keep(inner, &taken.key, &StoredResponse::Refused(error.clone())).await;
    }
}

/// The same for a job whose id an earlier process may have taken.
pub(in crate::app) async fn refuse_job(inner: &Inner, key: &ReservationKey, error: &Error) {
    if !invites_retry(error) {
        keep(inner, key, &StoredResponse::Refused(error.clone())).await;
        return;
    }
    let nonce = inner.entropy.u64();
    let nonce = match take(inner, key, nonce, [0; 32], None).await {
        Ok(Reserved::New) => nonce,
        Ok(Reserved::Existing(existing)) => existing.nonce,
        Err(error) => {
            tracing::warn!(%error, "a request id could not be released");
            return;
        }
    };
    release(inner, &Taken { key: key.clone(), nonce }).await;
}

fn invites_retry(error: &Error) -> bool {
    error.reason().invites_retry() || error.retry_delay().is_some()
}

/// Forgets the id of a call that never left the process.
pub(in crate::app) async fn release(inner: &Inner, taken: &Taken) {
    if let Err(error) = inner.repository.release(&taken.key, taken.nonce).await {
        tracing::warn!(%error, "a request id could not be released");
        inner.calls.abandoned.note(&taken.key, taken.nonce);
    }
}
