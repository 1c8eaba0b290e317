//! Calls that are out at WhatsApp, so that its echo is recognised as ours.
//!
//! WhatsApp reports our own changes too, perhaps before the call's answer has committed.
//! An echo inside this window is written as what it is: origin API, with the call's request id;
//! the call then finds its change in the log and answers that event's sequence.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::echo::{Echo, is_echo};
use super::own_changes::OwnChanges;
use crate::domain::counter::Sequence;
use crate::domain::event::Initiator;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::participant::Account;
use crate::domain::reducer::{Change, Observation};

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
        let call = PendingCall { key: key.clone(), initiator, group_id, expected, logged: None };
        self.calls.lock().entry(session.clone()).or_default().push(call);
        EchoWindow { calls: self.clone(), session: session.clone(), key: key.clone() }
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
        Some(Claim { key: call.key.clone(), initiator: call.initiator.clone() })
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
