//! Calls that are out at WhatsApp, so that its echo is recognised as ours.
//!
//! WhatsApp reports our own changes too, perhaps before the call's answer has committed.
//! An echo inside this window is written as what it is: origin API, with the call's request id;
//! the call then finds its change in the log and answers that event's sequence. Whom it names is known to the call at
//! once, where WhatsApp's answer leaves that open.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::echo::{Echo, is_echo};
use super::own_changes::OwnChanges;
use crate::domain::counter::Sequence;
use crate::domain::event::{FieldValue, Initiator};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::operation;
use crate::domain::participant::Account;
use crate::domain::reducer::{Change, Observation};

/// People of reports that are remembered for one call: as many as it may name.
const MAX_REPORTED: usize = 1024;

/// Names one call towards the engine; engines that can return it with the echo.
pub(in crate::app) type CallKey = Arc<str>;

#[derive(Debug, Default)]
pub(super) struct EchoWindows {
    /// What calls changed that were answered a moment ago.
    pub own_changes: OwnChanges,
    calls: Mutex<HashMap<SessionName, Vec<PendingCall>>>,
}

#[derive(Debug)]
struct PendingCall {
    key: CallKey,
    initiator: Initiator,
    group_id: Option<GroupId>,
    expected: Vec<Change>,
    /// Sequence of the event that the echo became.
    logged: Option<Sequence>,
    /// The people of reports that may be its echo.
    reported: watch::Sender<Vec<Account>>,
}

impl PendingCall {
    fn claim(&self) -> Claim {
        Claim { key: self.key.clone(), initiator: self.initiator.clone() }
    }

    /// The people of a report that changes them as the call does. Whether they are those of the call is seen by who
    /// knows their other names.
    fn note_members(&self, seen: &Observation) {
        let Change::Members { action, members } = &seen.change else { return };
        let expects = |expected: &Change| matches!(expected, Change::Members { action: expected, .. } if expected == action);
        if self.group_id.as_ref() != Some(&seen.group_id) || !self.expected.iter().any(expects) {
            return;
        }
        self.reported.send_if_modified(|reported| {
            let before = reported.len();
            for account in members.iter().map(|member| member.account) {
                if reported.len() < MAX_REPORTED && !reported.contains(&account) {
                    reported.push(account);
                }
            }
            reported.len() > before
        });
    }
}

/// An echo's call.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub key: CallKey,
    pub initiator: Initiator,
}

/// Keeps the window open; dropped when the call has ended.
pub(in crate::app) struct EchoWindow {
    calls: Arc<EchoWindows>,
    session: SessionName,
    key: CallKey,
    /// What reports tell meanwhile.
    pub echo: Arc<dyn operation::CallEcho>,
}

#[derive(Debug)]
struct Reported(watch::Receiver<Vec<Account>>);

#[async_trait]
impl operation::CallEcho for Reported {
    async fn members(&self, more_than: usize) -> Vec<Account> {
        let mut reported = self.0.clone();
        let more = reported.wait_for(|reported| reported.len() > more_than).await;
        let more = more.map(|reported| reported.clone());
        match more {
            Ok(more) => more,
            // The call has ended.
            Err(_) => std::future::pending().await,
        }
    }

    fn count(&self) -> usize {
        self.0.borrow().len()
    }
}

impl EchoWindows {
    pub fn open(
        self: &Arc<Self>,
        session: &SessionName,
        key: &CallKey,
        initiator: Initiator,
        group_id: Option<GroupId>,
        expected: Vec<Change>,
    ) -> EchoWindow {
        let (reported, seen) = watch::channel(Vec::new());
        let key = key.clone();
        let call =
            PendingCall { key: key.clone(), initiator, group_id, expected, logged: None, reported };
        self.calls.lock().entry(session.clone()).or_default().push(call);
        let echo = Arc::new(Reported(seen));
        EchoWindow { calls: self.clone(), session: session.clone(), key, echo }
    }

    /// Has the calls that are out know whom a report names.
    pub fn note_members(&self, session: &SessionName, me: Option<&Account>, seen: &Observation) {
        if is_of_others(me, seen) {
            return;
        }
        for call in self.calls.lock().get(session).into_iter().flatten() {
            call.note_members(seen);
        }
    }

    /// The call whose echo this report is.
    pub fn claim(
        &self,
        session: &SessionName,
        me: Option<&Account>,
        call_key: Option<&str>,
        seen: &Observation,
    ) -> Option<Claim> {
        if is_of_others(me, seen) {
            return None;
        }
        let calls = self.calls.lock();
        let call = calls.get(session)?.iter().find(|call| match call_key {
            Some(key) => *call.key == *key,
            None => {
                call.group_id.as_ref() == Some(&seen.group_id)
                    && call.expected.iter().any(|expected| is_echo(expected, &seen.change))
            }
        })?;
        Some(call.claim())
    }

    /// The call that makes a group like this one, of which nothing was known before; none where several may be meant.
    pub fn claim_creation(
        &self,
        session: &SessionName,
        me: Option<&Account>,
        seen: &Observation,
    ) -> Option<Claim> {
        let group = seen.change.described()?;
        let is_of_another =
            group.owner.is_none_or(|owner| me.is_none_or(|me| me.cannot_go_by(owner)));
        if is_of_others(me, seen) || is_of_another {
            return None;
        }
        let subject = Change::Fields(vec![FieldValue::Subject(group.subject.clone())]);
        let calls = self.calls.lock();
        let mut making = calls.get(session)?.iter().filter(|call| {
            call.group_id.is_none()
                && call.logged.is_none()
                && call.expected.iter().any(|expected| is_echo(expected, &subject))
        });
        let call = making.next().filter(|_| making.next().is_none())?;
        Some(call.claim())
    }

    /// How a report compares with the changes of our calls that were answered a moment ago.
    pub fn late_echo(
        &self,
        session: &SessionName,
        me: Option<&Account>,
        seen: &Observation,
    ) -> Echo {
        if is_of_others(me, seen) {
            return Echo::No;
        }
        self.own_changes.compare(session, &seen.group_id, &seen.change)
    }

    /// The report without what calls of ours changed.
    pub fn rest_of(&self, session: &SessionName, seen: &Observation) -> Observation {
        let change = self.own_changes.rest_of(session, &seen.group_id, &seen.change);
        Observation { change, ..seen.clone() }
    }

    /// Remembers under which sequence a call's echo was logged.
    pub fn logged(&self, session: &SessionName, key: &CallKey, sequence: Sequence) {
        if let Some(call) = self
            .calls
            .lock()
            .get_mut(session)
            .and_then(|calls| calls.iter_mut().find(|call| call.key == *key))
        {
            call.logged = Some(sequence);
        }
    }

    pub fn sequence_of(&self, session: &SessionName, key: &CallKey) -> Option<Sequence> {
        self.calls.lock().get(session)?.iter().find(|call| call.key == *key)?.logged
    }
}

impl Drop for EchoWindow {
    fn drop(&mut self) {
        let mut calls = self.calls.calls.lock();
        if let Some(open) = calls.get_mut(&self.session) {
            open.retain(|call| call.key != self.key);
            if open.is_empty() {
                calls.remove(&self.session);
            }
        }
    }
}

/// Another account's change is not ours, even where it equals one of ours. Who acts under a hidden id may be us, as long
/// as ours is not known (seen on WEBJS: the report of our own change is what tells it).
fn is_of_others(me: Option<&Account>, seen: &Observation) -> bool {
    seen.actor.is_some_and(|actor| me.is_some_and(|me| me.cannot_go_by(actor)))
}
