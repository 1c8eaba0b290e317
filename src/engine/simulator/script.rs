//! What a test has the other people do, and how it looks at the truth. Needs no session to be online.

use std::sync::{Arc, PoisonError};

use super::engine::SimulatorEngine;
use super::faults::{Faults, NotificationFault, Uses};
use super::world::{AccountRecord, AccountSettings, Operation, World};
use crate::domain::error::{Error, Result};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber, SessionName};
use crate::domain::participant::{Account, ParticipantResult};
use crate::domain::port::engine::EngineNotification;
use crate::domain::reason::Reason;

/// What came of something that another account did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    pub group_id: Option<GroupId>,
    pub changed: bool,
    /// One for each participant that the operation named, in its order.
    pub results: Vec<ParticipantResult>,
    /// Of the group, for who is to join it next.
    pub invite_code: Option<InviteCode>,
    pub pending_approval: bool,
    /// Notifications made for sessions, before any fault.
    pub notification_count: u32,
}

fn account_not_found(id: ParticipantId) -> Error {
    let message = format!("{id} belongs to no account; name it by its phone number");
    Error::new(Reason::AccountNotFound, message).about("account", id).with("id", id)
}

fn resolve(world: &World, id: ParticipantId) -> Result<PhoneNumber> {
    world.phone_of(id).ok_or_else(|| account_not_found(id))
}

impl SimulatorEngine {
    /// Does something as any account of the world. `force` leaves out who may do what.
    pub async fn act(
        &self,
        actor: ParticipantId,
        operation: Operation,
        force: bool,
    ) -> Result<Acted> {
        self.ledger
            .apply(move |world, now| {
                let phone = resolve(world, actor)?;
                let done = world.perform(now, phone, &operation, force)?;
                let invite_code = done
                    .group_id
                    .as_ref()
                    .and_then(|id| world.group(id))
                    .map(|group| group.invite_code.clone());
                Ok(Acted {
                    group_id: done.group_id,
                    changed: done.changed,
                    results: done.results,
                    invite_code,
                    pending_approval: done.pending_approval,
                    notification_count: done.notification_count,
                })
            })
            .await
            .map_err(|failed| failed.error)?
    }

    /// Sets what an account is like; all its settings are replaced.
    pub async fn set_account(
        &self,
        id: ParticipantId,
        settings: AccountSettings,
    ) -> Result<(Account, AccountRecord)> {
        self.ledger
            .apply(move |world, _| {
                let phone = resolve(world, id)?;
                world.set_account(phone, settings);
                Ok((world.names(phone), world.account(phone)))
            })
            .await
            .map_err(|failed| failed.error)?
    }

    pub async fn account(&self, id: ParticipantId) -> Result<(Account, AccountRecord)> {
        self.ledger
            .read(move |world| {
                let phone = resolve(world, id)?;
                Ok((world.names(phone), world.account(phone)))
            })
            .await
            .map_err(|failed| failed.error)?
    }

    /// The group as the world holds it: what every session's state must converge to.
    pub async fn world_group(&self, group_id: &GroupId) -> Result<Option<(Group, InviteCode)>> {
        let group_id = group_id.clone();
        self.ledger
            .read(move |world| {
                world.group(&group_id).map(|group| (group.core.view(), group.invite_code.clone()))
            })
            .await
            .map_err(|failed| failed.error)
    }

    /// All groups of the world by id, or those that an account is in; at most `limit` after `after`.
    pub async fn world_groups(
        &self,
        member: Option<ParticipantId>,
        after: Option<GroupId>,
        limit: usize,
    ) -> Result<Vec<Group>> {
        self.ledger
            .read(move |world| {
                let member = member.map(|id| resolve(world, id)).transpose()?;
                Ok(world
                    .groups(member)
                    .filter(|group| after.as_ref().is_none_or(|after| group.core.id > *after))
                    .take(limit)
                    .map(|group| group.core.view())
                    .collect())
            })
            .await
            .map_err(|failed| failed.error)?
    }

    /// How often a mutation of the session with this key (its request id) was carried out: at most once, if all
    /// is well. The last 10,000 of all sessions are remembered.
    pub async fn applied(&self, session: &SessionName, call_key: &str) -> Result<u32> {
        let (session, call_key) = (session.clone(), call_key.to_owned());
        self.ledger
            .read(move |world| world.applied(&session, &call_key))
            .await
            .map_err(|failed| failed.error)
    }

    /// How many notifications wait for the session.
    pub async fn waiting(&self, session: &SessionName) -> Result<usize> {
        let session = session.clone();
        self.ledger
            .read(move |world| {
                world
                    .session_account(&session)
                    .map_or(0, |phone| world.queued(phone, usize::MAX).len())
            })
            .await
            .map_err(|failed| failed.error)
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Delivers each of the session's next notifications so many times more.
    pub fn duplicate_next(
        &self,
        session: Option<SessionName>,
        notifications: u32,
        times: u32,
    ) -> u64 {
        let uses = Uses::Times(notifications);
        self.faults.inject_notifications(session, NotificationFault::Duplicate { times }, uses)
    }

    /// Mixes the session's next notifications within windows of this size, until cleared.
    pub fn reorder(&self, session: Option<SessionName>, window: usize) -> u64 {
        let fault = NotificationFault::Reorder { window };
        self.faults.inject_notifications(session, fault, Uses::UntilCleared)
    }

    /// Delivers the last notifications of the session once more, as far as this process remembers them.
    /// Answers how many there were.
    pub async fn replay(&self, session: &SessionName, last: usize, reverse: bool) -> Result<usize> {
        let delivered = {
            let all = self.delivered.read().unwrap_or_else(PoisonError::into_inner);
            all.get(session).cloned().unwrap_or_default()
        };
        let mut again: Vec<EngineNotification> = {
            let delivered = delivered.lock().unwrap_or_else(PoisonError::into_inner);
            let first = delivered.len().saturating_sub(last);
            delivered
                .iter()
                .skip(first)
                .map(|notification| notification.for_session(session))
                .collect()
        };
        if reverse {
            again.reverse();
        }
        let count = again.len();
        if count > 0 {
            let sink = Arc::clone(&self.sink);
            sink.deliver(again).await?;
        }
        Ok(count)
    }
}
