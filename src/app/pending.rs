//! Calls that are out at WhatsApp, so that its echo is recognised as ours.
//!
//! WhatsApp tells us of our own change too, and perhaps before the call's answer has committed.
//! An echo inside this window is written as what it is: origin API, with the call's request id;
//! the call then finds its change in the log and answers that event's sequence.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::own_changes::{Echo, OwnChanges};
use crate::domain::counter::Sequence;
use crate::domain::event::{JoinRequestAction, MemberAction};
use crate::domain::id::{GroupId, RequestId, SessionName};
use crate::domain::matching::Asked;
use crate::domain::participant::Account;
use crate::domain::reducer::{Change, Observation};

/// Names one call towards the engine; engines that can hand it back with the echo.
pub(super) type CallKey = Arc<str>;

#[derive(Debug, Default)]
pub(super) struct PendingCalls {
    /// What calls changed that were answered a moment ago.
    pub own_changes: OwnChanges,
    calls: Mutex<HashMap<SessionName, Vec<PendingCall>>>,
}

#[derive(Debug)]
struct PendingCall {
    key: CallKey,
    request_id: Option<RequestId>,
    group_id: Option<GroupId>,
    expected: Vec<Change>,
    /// Sequence of the event that the echo became.
    logged: Option<Sequence>,
}

/// An echo's call.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub key: CallKey,
    pub request_id: Option<RequestId>,
}

/// Keeps the window open; dropped when the call has ended.
pub(super) struct PendingWindow {
    calls: Arc<PendingCalls>,
    session: SessionName,
    key: CallKey,
}

impl PendingCalls {
    pub fn open(
        self: &Arc<Self>,
        session: &SessionName,
        key: &CallKey,
        request_id: Option<RequestId>,
        group_id: Option<GroupId>,
        expected: Vec<Change>,
    ) -> PendingWindow {
        let call = PendingCall { key: key.clone(), request_id, group_id, expected, logged: None };
        self.lock().entry(session.clone()).or_default().push(call);
        PendingWindow { calls: self.clone(), session: session.clone(), key: key.clone() }
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
        let calls = self.lock();
        let call = calls.get(session)?.iter().find(|call| match call_key {
            Some(key) => *call.key == *key,
            None => {
                call.group_id.as_ref() == Some(&seen.group_id)
                    && call.expected.iter().any(|expected| is_echo(expected, &seen.change))
            }
        })?;
        Some(Claim { key: call.key.clone(), request_id: call.request_id })
    }

    /// What a report is beside what calls of ours did that were answered a moment ago.
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

    /// Remembers under which sequence a call's echo was logged.
    pub fn logged(&self, session: &SessionName, key: &CallKey, sequence: Sequence) {
        if let Some(call) = self
            .lock()
            .get_mut(session)
            .and_then(|calls| calls.iter_mut().find(|call| call.key == *key))
        {
            call.logged = Some(sequence);
        }
    }

    pub fn sequence_of(&self, session: &SessionName, key: &CallKey) -> Option<Sequence> {
        self.lock().get(session)?.iter().find(|call| call.key == *key)?.logged
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionName, Vec<PendingCall>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PendingWindow {
    fn drop(&mut self) {
        let mut calls = self.calls.lock();
        if let Some(open) = calls.get_mut(&self.session) {
            open.retain(|call| call.key != self.key);
            if open.is_empty() {
                calls.remove(&self.session);
            }
        }
    }
}

/// What somebody else did is not ours, however much it looks like it.
fn is_of_others(me: Option<&Account>, seen: &Observation) -> bool {
    seen.actor.is_some_and(|actor| me.is_some_and(|me| !me.goes_by(actor)))
}

/// Whether a report says what a call was about to do.
pub(super) fn is_echo(expected: &Change, seen: &Change) -> bool {
    match (expected, seen) {
        (Change::Fields(expected), Change::Fields(seen)) => {
            seen.iter().any(|value| expected.iter().any(|wanted| wanted.says_same(value)))
        }
        (
            Change::Members { action, members },
            Change::Members { action: seen_action, members: seen_members },
        ) => {
            action == seen_action
                && seen_members.iter().any(|seen| {
                    members
                        .iter()
                        .any(|m| Asked::known_as(m.id(), m.account).goes_by(&seen.account))
                })
        }
        (Change::JoinRequest(expected), Change::JoinRequest(seen)) => {
            expected.action == seen.action
                && expected.request.requester.is_same(&seen.request.requester)
        }
        (
            Change::JoinRequest(expected),
            Change::Members { action: MemberAction::Join, members },
        ) => {
            expected.action == JoinRequestAction::Approved
                && members.iter().any(|m| m.account.is_same(&expected.request.requester))
        }
        (Change::Left, Change::Left) | (Change::Deleted, Change::Deleted) => true,
        (Change::Picture(_), Change::Picture(_))
        | (Change::InviteRevoked, Change::InviteRevoked) => true,
        _ => false,
    }
}
