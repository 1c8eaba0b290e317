//! Taking a group apart. WhatsApp has no deletion, so it is a job of many calls: void the invite, let
//! only admins add, remove everyone, leave.
//!
//! The job is written down before its first call and ends with its last; a process that starts goes on
//! with those it finds. Each step looks at the group as it is by then, so that repeating one is harmless.

mod job;

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use prost::Message;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use self::job::Job;
use super::Target;
use crate::app::calls::reservations::{self, Resumed, Taken};
use crate::app::keyed_lock::KeyedLock;
use crate::app::{App, Call, Inner};
use crate::domain::answer::{Answer, MutationOutcome};
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::operation::{Digest, OperationName};
use crate::domain::participant::Role;
use crate::domain::port::repository::{Deletion, ReservationKey, StoreError};
use crate::domain::reason::Reason;
use crate::pb;
use crate::telemetry;

/// Between tries to remove a deletion that is over.
const FORGET_PAUSE: Duration = Duration::from_secs(2);
/// Between tries to read those that an earlier process began.
const RESUME_PAUSE: Duration = Duration::from_secs(2);
/// The RPC's name, under which its request ids are kept.
const RPC: &str = "DeleteGroup";

/// How long a call waits for the job.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long before the caller's deadline it gets an answer, so that it arrives in time.
const MARGIN: Duration = Duration::from_millis(100);

/// How far a deletion is.
#[derive(Debug, Clone, Default)]
pub struct DeletionProgress {
    pub removed_count: u32,
    pub remaining_count: u32,
    /// Of the last event that it caused.
    pub sequence: Sequence,
    /// `None` while it runs.
    pub ended: Option<Result<()>>,
}

type Key = (SessionName, GroupId);

/// The deletions that run in this process.
#[derive(Debug, Default)]
pub(in crate::app) struct Deletions {
    running: Mutex<HashMap<Key, watch::Receiver<DeletionProgress>>>,
    /// One call at a time finds out whether there is a job of a group, and begins it.
    beginning: KeyedLock<Key>,
}

/// What a call has found or begun.
enum Found {
    Runs(watch::Receiver<DeletionProgress>),
    IsOver(DeletionProgress),
}

impl Deletions {
    fn running(&self, key: &Key) -> Option<watch::Receiver<DeletionProgress>> {
        self.running.lock().get(key).cloned()
    }
}

impl App {
    /// Begins the deletion, or joins the one that runs, and reports how far it is after a while.
    pub async fn delete_group(&self, call: &Call, target: Target) -> Result<DeletionProgress> {
        let Target { session, group_id, request_id } = target;
        self.admit_read(call, &session, Sequence::ZERO).await?;
        self.inner.refuse_if_draining()?;
        let reservation = request_id.map(|request_id| ReservationKey {
            key_name: call.caller.key_name().to_owned(),
            session: session.clone(),
            rpc: RPC,
            request_id,
        });
        let beginning = {
            let (app, call, reservation) = (self.clone(), call.clone(), reservation.clone());
            let job = (session, group_id.clone());
            async move {
                // Of two calls about one group, the second finds what the first has made of its id and of the job.
                let _turn = app.inner.groups.deletions.beginning.take(&job).await;
                app.begin_or_join(&call, &job, reservation.as_ref()).await
            }
        };
        let (found, taken) = self.undisturbed(beginning).await?;
        let reached = match found {
            Found::Runs(progress) => wait(call, progress).await,
            Found::IsOver(reached) if taken.is_none() => return Ok(reached),
            Found::IsOver(reached) => reached,
        };
        match &reached.ended {
            Some(Err(error)) => match &taken {
                Some(taken) => self.failed(call, taken, error, &reached).await,
                None => Err(error.clone()),
            },
            Some(Ok(())) => Ok(self.ended(call, &group_id, reservation, reached).await),
            None => Ok(reached),
        }
    }

    /// Takes the request id, and finds or begins the job that it is about. Where nothing is begun in the end, the id
    /// is released.
    async fn begin_or_join(
        &self,
        call: &Call,
        job: &Key,
        reservation: Option<&ReservationKey>,
    ) -> Result<(Found, Option<Taken>)> {
        let inner = &self.inner;
        let (was_begun, taken) = match reservation {
            None => (false, None),
            Some(key) => match reservations::resume(inner, key, digest(&job.1), &job.1).await? {
                Resumed::New(own) => (false, Some(own)),
                Resumed::Unanswered(earlier) => (true, Some(earlier)),
                Resumed::Answered(answer) => return Ok((Found::IsOver(completed(&answer)), None)),
            },
        };
        match self.find_or_begin(call, job, was_begun, reservation).await {
            Ok(found) => Ok((found, taken)),
            Err(error) => {
                // Where the store has failed there may be a job that waits to answer under an id taken earlier.
                let may_run = was_begun
                    && matches!(
                        error.reason(),
                        Reason::DatabaseUnavailable | Reason::OutcomeUnknown | Reason::Internal
                    );
                if let Some(taken) = taken.filter(|_| !may_run) {
                    reservations::release(inner, &taken).await;
                }
                Err(error)
            }
        }
    }

    async fn find_or_begin(
        &self,
        call: &Call,
        job: &Key,
        was_begun: bool,
        reservation: Option<&ReservationKey>,
    ) -> Result<Found> {
        let (session, group_id) = job;
        if let Some(running) = self.inner.groups.deletions.running(job) {
            return Ok(Found::Runs(running));
        }
        if let Some(running) = self.unfinished(session, group_id).await? {
            return Ok(Found::Runs(running));
        }
        if was_begun && self.current(session, group_id).await?.is_none() {
            // The job ended while no call waited under this id; unless the process died before it began one for a
            // group that we never were in.
            let sequence = self.inner.last_sequence_of_group(session, group_id).await?;
            let sequence = sequence.ok_or_else(|| Error::group_not_found(session, group_id))?;
            let ended = Some(Ok(()));
            return Ok(Found::IsOver(DeletionProgress { sequence, ended, ..Default::default() }));
        }
        let running = self.begin_deletion(call, session, group_id, reservation).await?;
        Ok(Found::Runs(running))
    }

    /// The failure of the job, once it is kept under the call's own id, which need not be the one that began it.
    async fn failed(
        &self,
        call: &Call,
        taken: &Taken,
        error: &Error,
        reached: &DeletionProgress,
    ) -> Result<DeletionProgress> {
        let kept = reservations::refuse(&self.inner, taken, error);
        match timeout_at(patience(call), kept).await {
            Ok(()) => Err(error.clone()),
            Err(_) => Ok(DeletionProgress { ended: None, ..reached.clone() }),
        }
    }

    /// The end of the job, once it is kept under the call's own id. Until then it is reported as running: a
    /// repetition must get the same final answer.
    async fn ended(
        &self,
        call: &Call,
        group_id: &GroupId,
        reservation: Option<ReservationKey>,
        reached: DeletionProgress,
    ) -> DeletionProgress {
        let until = patience(call);
        if let Some(reservation) = reservation {
            let answer = answer(group_id, &reached);
            let kept = reservations::answer(&self.inner, &reservation, &answer);
            if !matches!(timeout_at(until, kept).await, Ok(true)) {
                return DeletionProgress { ended: None, ..reached };
            }
        }
        DeletionProgress { ended: Some(Ok(())), ..reached }
    }

    /// Goes on with the deletion where an earlier process began it and this one has not come to it yet.
    async fn unfinished(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<watch::Receiver<DeletionProgress>>> {
        let deletions = self.inner.repository.deletions().await?;
        let of_group =
            |deletion: &Deletion| deletion.session == *session && deletion.group_id == *group_id;
        let unfinished = deletions.into_iter().find(of_group);
        Ok(unfinished.map(|deletion| self.spawn_deletion(deletion, 0)))
    }

    async fn begin_deletion(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
        reservation: Option<&ReservationKey>,
    ) -> Result<watch::Receiver<DeletionProgress>> {
        let inner = &self.inner;
        inner.working_engine(session, OperationName::RemoveParticipants)?;
        let (mut role, mut members) = self.standing(session, group_id).await?;
        if role != Some(Role::Superadmin) {
            // What we hold may be late; WhatsApp decides.
            self.refresh_group(call, session, group_id).await?;
            (role, members) = self.standing(session, group_id).await?;
        }
        if role != Some(Role::Superadmin) {
            let message = format!(
                "only the superadmin of group {group_id} can take it apart; LeaveGroup works for everyone"
            );
            let error = Error::new(Reason::NotGroupOwner, message).about("group", group_id);
            return Err(error.with("group_id", group_id));
        }
        let deletion = Deletion {
            session: session.clone(),
            group_id: group_id.clone(),
            key_name: call.caller.key_name().to_owned(),
            request_id: reservation.map(|key| key.request_id),
            trace: call.trace.clone(),
            removed_count: 0,
            start_time: inner.clock.now(),
        };
        if let Err(error) = inner.repository.put_deletion(&deletion).await {
            if matches!(error, StoreError::CommitUnknown(_)) {
                // It may be stored all the same, and the next start would take the group apart though its caller was
                // answered with an error.
                if forget(inner, &deletion).await {
                    return Err(StoreError::Unavailable(error.to_string()).into());
                }
            }
            return Err(error.into());
        }
        Ok(self.spawn_deletion(deletion, members.saturating_sub(1)))
    }

    /// Our role in the group, and how many members it has.
    async fn standing(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<(Option<Role>, u32)> {
        let view = self.current(session, group_id).await?;
        let view = view.ok_or_else(|| Error::group_not_found(session, group_id))?;
        let group = pb::Group::decode(view.basic()).map_err(Error::internal)?;
        Ok((group.my_role().to_domain(), view.member_count))
    }

    /// Goes on with what an earlier process began.
    pub async fn resume_deletions(&self) {
        let deletions = loop {
            match self.inner.repository.deletions().await {
                Ok(deletions) => break deletions,
                Err(error) => tracing::error!(%error, "deletions under way could not be read"),
            }
            tokio::select! {
                () = tokio::time::sleep(RESUME_PAUSE) => {}
                () = self.inner.lifecycle.draining.cancelled() => return,
            }
        };
        for deletion in deletions {
            tracing::info!(session = %deletion.session, group = %deletion.group_id, "going on with a deletion");
            self.spawn_deletion(deletion, 0);
        }
    }

    fn spawn_deletion(
        &self,
        deletion: Deletion,
        remaining_count: u32,
    ) -> watch::Receiver<DeletionProgress> {
        let key = (deletion.session.clone(), deletion.group_id.clone());
        let mut running = self.inner.groups.deletions.running.lock();
        // Two calls may have come this far at once.
        if let Some(running) = running.get(&key) {
            return running.clone();
        }
        let progress = DeletionProgress {
            removed_count: deletion.removed_count,
            remaining_count,
            sequence: self.inner.log.sequence(&deletion.session),
            ended: None,
        };
        let (sender, receiver) = watch::channel(progress);
        running.insert(key.clone(), receiver.clone());
        drop(running);
        let (inner, trace) = (self.inner.clone(), deletion.trace.clone());
        let work = async move {
            Job::new(inner.clone(), deletion, sender).run().await;
            inner.groups.deletions.running.lock().remove(&key);
        };
        tokio::spawn(telemetry::traced(trace, work));
        receiver
    }
}

impl Inner {
    /// Of the last event of a group, also of one that we are no longer in. `None` for one that we never were in, or
    /// that is gone for longer than the log is kept.
    async fn last_sequence_of_group(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<Sequence>> {
        let stored = self.repository.load_groups(&[(session.clone(), group_id.clone())]).await?;
        Ok(stored.first().map(|group| group.sequence))
    }
}

/// Until when an answer is of use to the caller.
fn patience(call: &Call) -> Instant {
    let until = Instant::now() + PATIENCE;
    match call.deadline {
        Some(deadline) => until.min(deadline.checked_sub(MARGIN).unwrap_or(deadline)),
        None => until,
    }
}

/// Waits for the end, as long as it is of use to the caller.
async fn wait(call: &Call, mut progress: watch::Receiver<DeletionProgress>) -> DeletionProgress {
    let until = patience(call);
    // The last state shows whether the job ended or the time did.
    let _ = timeout_at(until, progress.wait_for(|progress| progress.ended.is_some())).await;
    progress.borrow().clone()
}

/// Of the request, of which the group is all.
fn digest(group_id: &GroupId) -> Digest {
    Sha256::digest(group_id.as_str()).into()
}

fn answer(group_id: &GroupId, progress: &DeletionProgress) -> Answer {
    let outcome = MutationOutcome {
        removed_count: Some(progress.removed_count),
        ..MutationOutcome::about(group_id)
    };
    Answer { outcome, changed: true, sequence: progress.sequence, repeated: false }
}

fn completed(answer: &Answer) -> DeletionProgress {
    DeletionProgress {
        removed_count: answer.outcome.removed_count.unwrap_or_default(),
        remaining_count: 0,
        sequence: answer.sequence,
        ended: Some(Ok(())),
    }
}

/// Removes a deletion that has ended or never began, and stays at it until it is removed or the service stops;
/// returns whether it is removed.
async fn forget(inner: &Inner, deletion: &Deletion) -> bool {
    let Deletion { session, group_id, .. } = deletion;
    loop {
        let error = match inner.repository.remove_deletion(session, group_id).await {
            Ok(()) => return true,
            Err(error) => error,
        };
        tracing::warn!(%session, %error, "an ended deletion could not be removed");
        if matches!(error, StoreError::Refused(_) | StoreError::Corrupt(_)) {
            return false;
        }
        tokio::select! {
            () = tokio::time::sleep(FORGET_PAUSE) => {}
            () = inner.lifecycle.cut_off.cancelled() => return false,
        }
    }
}
