//! Reports of requests to join.

use super::{GroupState, Reduction};
use crate::domain::clock::Timestamp;
use crate::domain::event::{EventBody, JoinRequestAction, JoinRequestChanged};
use crate::domain::join_request::JoinRequest;
use crate::domain::lww_state::{LwwState, RequestFact, Stamp};
use crate::domain::participant::Account;

/// Someone asked, or their request was answered or withdrawn.
pub(super) fn reduce_one(
    facts: &mut LwwState,
    reported: &JoinRequestChanged,
    stamp: Option<&Stamp>,
    reduction: &mut Reduction,
) {
    let id = reported.request.requester.id();
    let held = facts.requests.get(&id);
    if !facts.counts(stamp, held.and_then(|fact| fact.stamp.as_ref())) {
        return;
    }
    let was_open = held.and_then(|fact| fact.open.clone());
    let is_open = reported.action == JoinRequestAction::Created;
    let stamp = stamp.cloned().or_else(|| held.and_then(|fact| fact.stamp.clone()));
    // The report of an answer has less of the request than was kept when it was made.
    let known = match (&was_open, is_open) {
        (Some(known), false) => known.clone(),
        _ => reported.request.clone(),
    };
    let open = is_open.then(|| known.clone());
    if open.is_some() || stamp.is_some() {
        facts.requests.insert(id, RequestFact { open, stamp });
    } else {
        facts.requests.remove(&id);
    }
    if is_open != was_open.is_some() {
        let changed = JoinRequestChanged { action: reported.action, request: known };
        reduction.events.push(EventBody::JoinRequest(changed));
    }
}

/// All open requests as WhatsApp has them. One that is not among them was withdrawn or answered without
/// a notification; which of the two cannot be known, and REVOKED claims the least.
pub(super) fn reduce_all(
    state: &mut GroupState,
    open: &[JoinRequest],
    time: Timestamp,
    stamp: Option<&Stamp>,
) -> Reduction {
    let mut reduction = Reduction::default();
    if state.group.is_none() {
        return reduction;
    }
    let facts = &mut state.facts;
    let listed = |request: &JoinRequest| {
        open.iter().any(|other| other.requester.is_same(&request.requester))
    };
    let gone: Vec<JoinRequest> =
        facts.open_requests().into_iter().filter(|held| !listed(held)).cloned().collect();
    for request in gone {
        let changed = JoinRequestChanged { action: JoinRequestAction::Revoked, request };
        reduce_one(facts, &changed, stamp, &mut reduction);
    }
    for request in open {
        let changed =
            JoinRequestChanged { action: JoinRequestAction::Created, request: request.clone() };
        reduce_one(facts, &changed, stamp, &mut reduction);
    }
    facts.requests_time = Some(time);
    reduction
}

/// A member has no open request any more: WhatsApp reports an approval only as the newcomer's join.
pub(super) fn settle_joined(
    facts: &mut LwwState,
    member: &Account,
    stamp: Option<&Stamp>,
    reduction: &mut Reduction,
) {
    let mut open = facts.requests.values().filter_map(|fact| fact.open.as_ref());
    let Some(request) = open.find(|open| open.requester.is_same(member)).cloned() else {
        return;
    };
    let approved = JoinRequestChanged { action: JoinRequestAction::Approved, request };
    reduce_one(facts, &approved, stamp, reduction);
}
