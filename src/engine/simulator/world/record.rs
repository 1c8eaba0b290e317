//! The record of the calls that sessions made, and what came of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::World;
use super::rows::{CallSlot, TallyKey, TheOne};
use crate::domain::clock::Timestamp;
use crate::domain::id::{GroupId, RequestId, SessionName};
use crate::domain::operation::OperationName;

/// How many calls are remembered.
pub const REMEMBERED_CALLS: u64 = 100_000;
/// The most request ids that acted twice which are named.
const MAX_REPEATED: usize = 100;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// It still runs, or hangs.
    Open,
    Ok,
    Refused,
    /// The answer was lost.
    Lost,
}

/// One call of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// 1, 2, 3, … over all sessions.
    pub number: u64,
    pub session: SessionName,
    pub operation: OperationName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    /// The caller's request id, where there was one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub call_key: String,
    pub time: Timestamp,
    /// Whether it changed the world, or would have if that had not been so already.
    pub applied: bool,
    pub outcome: CallOutcome,
    /// WhatsApp's, where it refused; else 0.
    pub code: u32,
}

impl CallRecord {
    pub fn request_id(&self) -> Option<RequestId> {
        self.call_key.parse().ok()
    }
}

/// Counts of one operation of one session, or of its notifications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub received: u64,
    pub applied: u64,
    pub refused: u64,
    pub lost: u64,
}

/// Which calls to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CallFilter {
    pub session: Option<SessionName>,
    pub request_id: Option<RequestId>,
    pub operation: Option<OperationName>,
    pub applied_only: bool,
}

impl CallFilter {
    fn lets_pass(&self, call: &CallRecord) -> bool {
        self.session.as_ref().is_none_or(|session| call.session == *session)
            && self.request_id.is_none_or(|id| call.request_id() == Some(id))
            && self.operation.is_none_or(|operation| call.operation == operation)
            && (call.applied || !self.applied_only)
    }
}

/// What was counted since the world was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    pub operations: BTreeMap<(SessionName, OperationName), Tally>,
    /// Notifications that changes made.
    pub notifications: u64,
    /// Notifications delivered, repeats included.
    pub delivered: u64,
    /// Request ids that acted more than once.
    pub repeated: Vec<RequestId>,
}

impl World {
    /// Writes a call down; its number is given here. The oldest are forgotten.
    pub(in crate::engine::simulator) fn note_call(&mut self, call: CallRecord) -> u64 {
        let mut meta = self.meta();
        let slot = CallSlot(meta.calls % REMEMBERED_CALLS);
        meta.calls += 1;
        let number = meta.calls;
        self.meta.put(TheOne, meta);
        if let Some(forgotten) = self.calls.get(&slot).cloned()
            && forgotten.applied
        {
            self.index.forget_applied(&forgotten);
        }
        let call = CallRecord { number, ..call };
        if call.applied {
            self.index.note_applied(&call);
        }
        let mut tally = self.tally(&call.session, Some(call.operation));
        tally.received += 1;
        tally.applied += u64::from(call.applied);
        tally.refused += u64::from(call.outcome == CallOutcome::Refused);
        tally.lost += u64::from(call.outcome == CallOutcome::Lost);
        self.put_tally(&call.session, Some(call.operation), tally);
        self.calls.put(slot, call);
        number
    }

    /// How a call that was noted while it ran has ended.
    pub(in crate::engine::simulator) fn end_call(&mut self, number: u64, outcome: CallOutcome) {
        let slot = CallSlot(number.saturating_sub(1) % REMEMBERED_CALLS);
        let Some(call) = self.calls.get(&slot).filter(|call| call.number == number) else { return };
        let call = CallRecord { outcome, ..(**call).clone() };
        let mut tally = self.tally(&call.session, Some(call.operation));
        tally.refused += u64::from(outcome == CallOutcome::Refused);
        tally.lost += u64::from(outcome == CallOutcome::Lost);
        self.put_tally(&call.session, Some(call.operation), tally);
        self.calls.put(slot, call);
    }

    /// How often a call with this key was carried out: at most once, if all is well.
    pub fn applied(&self, session: &SessionName, call_key: &str) -> u32 {
        let key = (session.clone(), call_key.to_owned());
        self.index.applied.get(&key).copied().unwrap_or(0)
    }

    /// Calls after a number, oldest first.
    pub fn calls(&self, filter: &CallFilter, after: u64, limit: usize) -> Vec<CallRecord> {
        let last = self.meta().calls;
        let first = (after + 1).max(last.saturating_sub(REMEMBERED_CALLS) + 1);
        (first..=last)
            .filter_map(|number| self.calls.get(&CallSlot((number - 1) % REMEMBERED_CALLS)))
            .filter(|call| filter.lets_pass(call))
            .take(limit)
            .map(|call| (**call).clone())
            .collect()
    }

    pub fn statistics(&self, session: Option<&SessionName>) -> Statistics {
        let mut statistics = Statistics::default();
        let is_meant = |name: &SessionName| session.is_none_or(|session| session == name);
        for (key, tally) in self.tallies.iter().filter(|(key, _)| is_meant(&key.session)) {
            match key.operation {
                Some(operation) => {
                    statistics.operations.insert((key.session.clone(), operation), **tally);
                }
                None => {
                    statistics.notifications += tally.received;
                    statistics.delivered += tally.applied;
                }
            }
        }
        let repeated =
            self.index.applied.iter().filter(|(key, count)| **count > 1 && is_meant(&key.0));
        let mut repeated: Vec<RequestId> =
            repeated.filter_map(|(key, _)| key.1.parse().ok()).take(MAX_REPEATED).collect();
        repeated.sort_by_key(ToString::to_string);
        statistics.repeated = repeated;
        statistics
    }

    /// Notifications were made for a session.
    pub(super) fn note_notified(&mut self, session: &SessionName) {
        let mut tally = self.tally(session, None);
        tally.received += 1;
        self.put_tally(session, None, tally);
    }

    /// Notifications were delivered to a session, repeats included.
    pub(in crate::engine::simulator) fn note_delivered(
        &mut self,
        session: &SessionName,
        count: u64,
    ) {
        let mut tally = self.tally(session, None);
        tally.applied += count;
        self.put_tally(session, None, tally);
    }

    fn tally(&self, session: &SessionName, operation: Option<OperationName>) -> Tally {
        let key = TallyKey { session: session.clone(), operation };
        self.tallies.get(&key).map(|tally| **tally).unwrap_or_default()
    }

    fn put_tally(&mut self, session: &SessionName, operation: Option<OperationName>, tally: Tally) {
        self.tallies.put(TallyKey { session: session.clone(), operation }, tally);
    }
}
