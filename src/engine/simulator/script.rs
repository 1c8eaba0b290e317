//! What a test has the other people do, and how it looks at the truth. Needs no session to be online.

use std::time::Duration;

use super::delivery::hand_in;
use super::engine::SimulatorEngine;
use super::faults::Faults;
use super::world::{
    AccountChange, AccountRecord, CallFilter, CallRecord, Operation, Statistics, World, requests_of,
};
use crate::domain::error::{Error, Result};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber, SessionName};
use crate::domain::join_request::JoinRequest;
use crate::domain::participant::{Account, ParticipantResult};
use crate::domain::port::engine::{ConnectionEvent, EngineEvent};
use crate::domain::reason::Reason;

/// What came of something that another account did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    pub group_id: Option<GroupId>,
    pub changed: bool,
    /// One for each participant that the operation named, in its order.
    pub results: Vec<ParticipantResult>,
    /// The group's, for the next join.
    pub invite_code: Option<InviteCode>,
    pub pending_approval: bool,
    /// Notifications made for sessions, before any fault.
    pub notification_count: u32,
}

/// A group as the world holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrueGroup {
    pub group: Group,
    pub invite_code: InviteCode,
    /// Oldest first.
    pub join_requests: Vec<JoinRequest>,
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

    /// Makes an account, or changes what one is like.
    pub async fn change_account(
        &self,
        id: ParticipantId,
        change: AccountChange,
    ) -> Result<(Account, AccountRecord)> {
        self.ledger
            .apply(move |world, _| {
                let phone = resolve(world, id)?;
                let settings = world.account(phone).settings;
                world.set_account(phone, change.applied_to(settings));
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
    pub async fn world_group(&self, group_id: &GroupId) -> Result<Option<TrueGroup>> {
        let group_id = group_id.clone();
        self.ledger
            .read(move |world| {
                world.group(&group_id).map(|group| TrueGroup {
                    group: group.core.view(),
                    invite_code: group.invite_code.clone(),
                    join_requests: requests_of(group),
                })
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
    /// is well. The last 100,000 calls of all sessions are remembered.
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

    /// Breaks the session's connection for so long; it then comes back by itself.
    pub async fn disconnect(&self, session: &SessionName, duration: Duration) {
        self.break_connection(session, duration).await;
    }

    /// WhatsApp unlinks the session's device.
    pub async fn unlink(&self, session: &SessionName) -> Result<()> {
        self.be_unlinked(session).await.map_err(|failed| failed.error)
    }

    /// The account's holder scans the QR code, or types the pairing code. `false` where the session does
    /// not wait for that.
    pub async fn link_device(&self, session: &SessionName) -> Result<bool> {
        let Some(codes) = self.linking.take(session) else { return Ok(false) };
        let name = session.clone();
        let linked = self.ledger.apply(move |world, _| world.link(&name)).await;
        let linked = match linked {
            Ok(Ok(linked)) => linked,
            Ok(Err(refusal)) => {
                self.linking.put_back(session, codes);
                return Err(refusal.into());
            }
            Err(failed) => {
                self.linking.put_back(session, codes);
                return Err(failed.error);
            }
        };
        codes.cancel();
        if linked {
            self.sink.connection_changed(session, ConnectionEvent::Linked).await;
        }
        Ok(linked)
    }

    /// The sessions of the world.
    pub async fn sessions(&self) -> Result<Vec<SessionName>> {
        let sessions = self.ledger.read(|world| world.session_names()).await;
        sessions.map_err(|failed| failed.error)
    }

    /// The groups of a session as they are now: what a stale list will show later.
    pub async fn groups_of(&self, session: &SessionName) -> Result<Vec<Group>> {
        let session = session.clone();
        self.ledger
            .read(move |world| {
                let member = world.session_account(&session);
                let groups = member.map(|member| world.groups(Some(member)));
                groups.into_iter().flatten().map(|group| group.core.view()).collect()
            })
            .await
            .map_err(|failed| failed.error)
    }

    /// Calls after a number, oldest first.
    pub async fn calls(
        &self,
        filter: CallFilter,
        after: u64,
        limit: usize,
    ) -> Result<Vec<CallRecord>> {
        let calls = self.ledger.read(move |world| world.calls(&filter, after, limit)).await;
        calls.map_err(|failed| failed.error)
    }

    pub async fn statistics(&self, session: Option<SessionName>) -> Result<Statistics> {
        let counted = self.ledger.read(move |world| world.statistics(session.as_ref())).await;
        counted.map_err(|failed| failed.error)
    }

    /// Delivers the last notifications of the session once more, as far as this process remembers them.
    /// Answers how many there were.
    pub async fn replay(&self, session: &SessionName, last: usize, reverse: bool) -> Result<usize> {
        let delivered = {
            let all = self.delivered.read();
            all.get(session).cloned().unwrap_or_default()
        };
        let mut again: Vec<EngineEvent> = {
            let delivered = delivered.lock();
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
            hand_in(self.sink.as_ref(), again).await?;
        }
        Ok(count)
    }
}
