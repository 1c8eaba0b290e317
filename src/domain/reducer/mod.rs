//! The reducer decides what is an event: `(state, report) → (state, events)`.
//!
//! Engines repeat, reorder and lose their notifications. A fact (a field, one member's place, our
//! own membership) is therefore a register: within one source the report with the greater stamp
//! wins, whatever order they arrive in, and an event is born only where the value really changed.
//! Reports without a stamp (most answers of an engine) and of different sources count as they
//! arrive; where that could be wrong, [`Reduction::reread`] asks for a look at the group itself.

mod accounts;
mod gone;
mod moves;
mod names;
mod part;
mod requests;
#[cfg(test)]
mod tests;
mod whole;

use std::sync::Arc;

use super::clock::Timestamp;
use super::event::{
    EventBody, Field, FieldValue, JoinRequestChanged, MemberAction, PictureChanged,
};
use super::group::Group;
use super::id::{GroupId, Lid, ParticipantId, PhoneNumber};
use super::join_request::JoinRequest;
use super::lww_state::{LwwState, Stamp};
use super::participant::{Account, Participant, Role};

/// What a source reports of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub group_id: GroupId,
    pub change: Change,
    pub actor: Option<ParticipantId>,
    pub occur_time: Timestamp,
    /// `None` where the source does not date its reports.
    pub stamp: Option<Stamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The whole group as of the stamp, and we are in it.
    Full(Box<Group>),
    /// The same, by a source that never reports some fields: these stay as they are held.
    FullExcept {
        group: Box<Group>,
        unreported: Vec<Field>,
    },
    /// We are no longer in the group.
    Left,
    /// The group is gone for everyone.
    Deleted,
    /// Members came, went, or changed rank. For `Join` the role is the one they start with.
    Members {
        action: MemberAction,
        members: Vec<Participant>,
    },
    Fields(Vec<FieldValue>),
    Picture(PictureChanged),
    InviteRevoked,
    /// A member goes by another number: the name before, and the account now.
    Renumbered {
        before: ParticipantId,
        now: Account,
    },
    /// Something changed of which the source does not say what.
    Unclear,
    JoinRequest(JoinRequestChanged),
    /// All open requests to join, as WhatsApp answered them at the observation's time.
    JoinRequests(Vec<JoinRequest>),
    /// Accounts that go by both names, as was learned elsewhere; they need not be members.
    Aliases(Vec<(Lid, PhoneNumber)>),
}

impl Change {
    /// The whole group, by a source that does not report these fields.
    pub fn whole(group: Group, unreported: Vec<Field>) -> Self {
        let group = Box::new(group);
        if unreported.is_empty() {
            Self::Full(group)
        } else {
            Self::FullExcept { group, unreported }
        }
    }

    /// Whether it describes the group as a whole.
    pub fn is_whole(&self) -> bool {
        self.described().is_some()
    }

    /// The group, where it is described as a whole.
    pub fn described(&self) -> Option<&Group> {
        match self {
            Self::Full(group) | Self::FullExcept { group, .. } => Some(group),
            _ => None,
        }
    }

    /// How many accounts it lists.
    pub fn member_count(&self) -> usize {
        match self {
            Self::Full(group) | Self::FullExcept { group, .. } => group.participants().len(),
            Self::Members { members, .. } => members.len(),
            Self::JoinRequests(requests) => requests.len(),
            Self::Aliases(pairs) => pairs.len(),
            Self::Left
            | Self::Deleted
            | Self::Fields(_)
            | Self::Picture(_)
            | Self::InviteRevoked
            | Self::Renumbered { .. }
            | Self::Unclear
            | Self::JoinRequest(_) => 0,
        }
    }
}

/// What we hold of one group: its state, and how we know.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupState {
    /// `None` while we are not in the group.
    pub group: Option<Arc<Group>>,
    pub facts: LwwState,
}

#[derive(Debug, Default, PartialEq)]
pub struct Reduction {
    pub events: Vec<EventBody>,
    /// Whether the state or the stamps differ from before, so that they must be stored.
    pub touched: bool,
    /// Whether two reports could not be ordered, so that the group should be read anew.
    pub reread: bool,
}

/// Applies a report to the state. `me` is the account whose view of the group this is.
pub fn reduce(
    state: &mut GroupState,
    observation: &Observation,
    me: Option<&Account>,
) -> Reduction {
    let before = state.facts.clone();
    let group_before = state.group.clone();
    let stamp = observation.stamp.as_ref();
    let mut reduction = match &observation.change {
        Change::Full(snapshot) => whole::reduce(state, snapshot, &[], stamp),
        Change::FullExcept { group, unreported } => whole::reduce(state, group, unreported, stamp),
        Change::Aliases(pairs) => {
            let accounts = pairs.iter().map(|(lid, phone)| Account::with_both(*lid, *phone));
            names::learn(state, accounts, stamp)
        }
        // Of a group that we do not hold nothing can have changed for us.
        Change::Unclear => Reduction { reread: state.group.is_some(), ..Reduction::default() },
        Change::Left => gone::reduce(state, EventBody::Left, stamp),
        Change::Deleted => gone::reduce(state, EventBody::Deleted, stamp),
        Change::Members { action: MemberAction::Leave, members }
            if me.is_some_and(|me| members.iter().any(|m| m.account.is_same(me))) =>
        {
            gone::reduce(state, EventBody::Left, stamp)
        }
        Change::JoinRequests(open) => {
            requests::reduce_all(state, open, observation.occur_time, stamp)
        }
        change => part::reduce(state, &observation.group_id, change, stamp),
    };
    let is_admin = state
        .group
        .as_ref()
        .zip(me)
        .is_some_and(|(group, me)| group.role_of(me).is_some_and(Role::is_admin));
    if !is_admin {
        state.facts.requests_time = None;
    }
    reduction.touched = !reduction.events.is_empty()
        || state.facts != before
        || !same_group(&state.group, &group_before);
    reduction
}

fn same_group(a: &Option<Arc<Group>>, b: &Option<Arc<Group>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (None, None) => true,
        _ => false,
    }
}
