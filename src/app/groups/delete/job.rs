//! The job that takes one group apart.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::{DeletionProgress, RPC, answer};
use crate::app::calls;
use crate::app::calls::reservations;
use crate::app::{App, Call, Inner};
use crate::domain::answer::Answer;
use crate::domain::backoff::Backoff;
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::event::MemberAction;
use crate::domain::group::{Group, MemberAddMode};
use crate::domain::id::ParticipantId;
use crate::domain::operation::{
    ChangeParticipants, ChangeSetting, Command, LeaveGroup, RevokeInviteCode,
};
use crate::domain::participant::{Participant, ParticipantStatus};
use crate::domain::port::repository::{Deletion, ReservationKey};
use crate::domain::reason::Reason;
use crate::domain::setting::Setting;

/// Members removed by one call.
const CHUNK: usize = 64;
/// Between two tries of a step where WhatsApp named no time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

pub(super) struct Job {
    inner: Arc<Inner>,
    deletion: Deletion,
    progress: watch::Sender<DeletionProgress>,
    /// Numbers the calls of this process, so that each has a key of its own.
    step: u32,
}

/// Why a job ends before its time.
enum Halt {
    /// The service stops; the next process goes on.
    Paused,
    Failed(Error),
}

impl Job {
    pub fn new(
        inner: Arc<Inner>,
        deletion: Deletion,
        progress: watch::Sender<DeletionProgress>,
    ) -> Self {
        Self { inner, deletion, progress, step: 0 }
    }

    pub async fn run(mut self) {
        let ended = match self.take_apart().await {
            Ok(()) => Ok(()),
            Err(Halt::Failed(error)) => Err(error),
            Err(Halt::Paused) => return,
        };
        let Deletion { session, group_id, request_id, key_name, .. } = &self.deletion;
        if let Err(error) = &ended {
            tracing::warn!(%session, %group_id, %error, "a group could not be deleted");
        }
        if let Some(request_id) = *request_id {
            let (key_name, session) = (key_name.clone(), session.clone());
            let key = ReservationKey { key_name, session, rpc: RPC, request_id };
            let reached = self.progress.borrow().clone();
            match &ended {
                Ok(()) => {
                    reservations::answer(&self.inner, &key, &answer(group_id, &reached)).await;
                }
                Err(error) => reservations::refuse_job(&self.inner, &key, error).await,
            }
        }
        // One that has failed must not go on at the next start, when no caller expects it any more.
        super::forget(&self.inner, &self.deletion).await;
        self.progress.send_modify(|progress| progress.ended = Some(ended));
    }

    /// Tries again and again while nothing worse happens than that a step is put off or its outcome
    /// unknown: each try begins by looking at the group.
    async fn take_apart(&mut self) -> Result<(), Halt> {
        let mut pauses = Backoff::new(FIRST_PAUSE, LAST_PAUSE);
        loop {
            let Err(error) = self.take_apart_once().await else { return Ok(()) };
            match error.reason() {
                Reason::RateLimited
                | Reason::EngineUnavailable
                | Reason::SessionStarting
                | Reason::DatabaseUnavailable
                | Reason::NoOwner
                | Reason::ConcurrentUpdate
                | Reason::DeadlineExceeded
                | Reason::Overloaded
                | Reason::OutcomeUnknown => {
                    // A retry delay in the answer is used as it is: pacing puts off many steps of a large group, each
                    // for a moment.
                    let pause = match error.retry_delay() {
                        Some(asked) => asked,
                        None => pauses.pause(None, self.inner.entropy.as_ref()),
                    };
                    self.rest(pause).await?;
                }
                Reason::SessionNotWorking | Reason::LoggedOut | Reason::TemporarilyBanned => {
                    self.wait_for_session().await?;
                }
                Reason::Draining => return Err(Halt::Paused),
                _ => return Err(Halt::Failed(error)),
            }
        }
    }

    async fn take_apart_once(&mut self) -> Result<()> {
        let Some(group) = self.look().await? else { return Ok(()) };
        // The setting comes second, so that where it is set the invite is void too.
        if group.settings.member_add_mode != MemberAddMode::AdminsOnly {
            let group_id = self.deletion.group_id.clone();
            as_far_as_possible(self.act(RevokeInviteCode { group_id }).await)?;
            let group_id = self.deletion.group_id.clone();
            let setting = Setting::MemberAddMode(MemberAddMode::AdminsOnly);
            as_far_as_possible(self.act(ChangeSetting { group_id, setting }).await)?;
        }
        loop {
            let Some(group) = self.look().await? else { return Ok(()) };
            let me = self.inner.sessions.directory.get(&self.deletion.session)?.account;
            let others: Vec<ParticipantId> = group
                .participants()
                .iter()
                .filter(|member| me.is_none_or(|me| !me.is_same(&member.account)))
                .map(Participant::id)
                .collect();
            self.note(others.len(), Sequence::ZERO);
            if others.is_empty() {
                break;
            }
            self.remove(others.into_iter().take(CHUNK).collect()).await?;
        }
        let group_id = self.deletion.group_id.clone();
        self.act(LeaveGroup { group_id }).await.map(drop)
    }

    /// The group as WhatsApp has it; `None` once we are out of it, which is then in the log.
    async fn look(&self) -> Result<Option<Arc<Group>>> {
        let Deletion { session, group_id, .. } = &self.deletion;
        self.inner.refuse_if_draining()?;
        let app = App { inner: self.inner.clone() };
        app.refresh_group(&Call::internal(), session, group_id).await?;
        let held = match self.inner.held_group(session, group_id).await {
            Ok(held) => held.group,
            Err(error) if error.reason() == Reason::GroupNotFound => None,
            Err(error) => return Err(error),
        };
        if held.is_none() {
            // An earlier process may have seen us leave.
            let sequence = self.inner.last_sequence_of_group(session, group_id).await?;
            self.note(0, sequence.unwrap_or_else(|| self.inner.log.sequence(session)));
        }
        Ok(held)
    }

    async fn remove(&mut self, participants: Vec<ParticipantId>) -> Result<()> {
        let group_id = self.deletion.group_id.clone();
        let action = MemberAction::Leave;
        let answer = self.act(ChangeParticipants { group_id, action, participants }).await?;
        let results = &answer.outcome.results;
        let count = |status| results.iter().filter(|result| result.status == status).count();
        let removed = count(ParticipantStatus::Ok);
        if removed + count(ParticipantStatus::NotMember) == 0 {
            let code = results.first().map_or(0, |result| result.code);
            return Err(Error::new(
                Reason::RefusedByWhatsapp,
                "WhatsApp refuses to remove the members that are left; look at who they are",
            )
            .with("code", code)
            .with("group_id", &self.deletion.group_id));
        }
        self.deletion.removed_count += u32::try_from(removed).unwrap_or(u32::MAX);
        let remaining = usize::try_from(self.progress.borrow().remaining_count).unwrap_or(0);
        self.note(remaining.saturating_sub(removed), answer.sequence);
        self.inner.repository.put_deletion(&self.deletion).await?;
        Ok(())
    }

    /// One call, written to the log like any other mutation.
    async fn act(&mut self, command: impl Into<Command>) -> Result<Answer> {
        self.inner.refuse_if_draining()?;
        self.step += 1;
        let Deletion { session, start_time, .. } = &self.deletion;
        let epoch = self.inner.epoch;
        let call_key = format!("delete/{}/{epoch}/{}", start_time.as_micros(), self.step).into();
        let answer = calls::perform(
            &self.inner,
            self.deletion.initiator(),
            session,
            command.into(),
            call_key,
        )
        .await?;
        let remaining = usize::try_from(self.progress.borrow().remaining_count).unwrap_or(0);
        self.note(remaining, answer.sequence);
        Ok(answer)
    }

    fn note(&self, remaining: usize, sequence: Sequence) {
        self.progress.send_modify(|progress| {
            progress.removed_count = self.deletion.removed_count;
            progress.remaining_count = u32::try_from(remaining).unwrap_or(u32::MAX);
            progress.sequence = progress.sequence.max(sequence);
        });
    }

    async fn rest(&self, pause: Duration) -> Result<(), Halt> {
        tokio::select! {
            () = sleep(pause) => Ok(()),
            () = self.inner.lifecycle.draining.cancelled() => Err(Halt::Paused),
        }
    }

    /// Until the session may work again, however long that takes.
    async fn wait_for_session(&self) -> Result<(), Halt> {
        let gone = |error| Halt::Failed(error);
        let mut states =
            self.inner.sessions.directory.watch(&self.deletion.session).map_err(gone)?;
        tokio::select! {
            changed = states.changed() => {
                changed.map_err(|_| gone(Error::session_not_found(&self.deletion.session)))
            }
            // It may have changed just before the look.
            () = sleep(LAST_PAUSE) => Ok(()),
            () = self.inner.lifecycle.draining.cancelled() => Err(Halt::Paused),
        }
    }
}

/// Members who join meanwhile are removed with the others, so that an engine that cannot keep them out takes a group
/// apart all the same.
fn as_far_as_possible(done: Result<Answer>) -> Result<()> {
    match done {
        Err(error) if error.reason() == Reason::UnsupportedByEngine => {
            tracing::warn!(%error, "a group is taken apart while people can still join it");
            Ok(())
        }
        done => done.map(drop),
    }
}
