//! Reports of single facts.

use std::sync::Arc;

use super::moves::Moves;
use super::names::{United, known_account, teach, unite};
use super::{Change, GroupState, Reduction, requests};
use crate::domain::event::{EventBody, Field, FieldChange, FieldValue, MemberAction};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ParticipantId};
use crate::domain::lww_state::{LwwState, Stamp};
use crate::domain::participant::{Account, Participant, Role};

pub(super) fn reduce(
    state: &mut GroupState,
    group_id: &GroupId,
    change: &Change,
    stamp: Option<&Stamp>,
) -> Reduction {
    let mut reduction = Reduction::default();
    // An update of the second in which we left may follow it (observed on WEBJS and WPP); that we are in again is
    // reported with members, or as a whole.
    let leaves = stamp.zip(state.facts.gone.as_ref());
    let is_of_leaving =
        leaves.is_some_and(|(stamp, gone)| stamp.source == gone.source && stamp.time == gone.time);
    if is_of_leaving && matches!(change, Change::Fields(_)) {
        return reduction;
    }
    if state.group.is_none() {
        match (stamp, &state.facts.gone) {
            // Without a date it may be of the time before we left.
            (None, Some(_)) => return Reduction { reread: true, ..reduction },
            (Some(stamp), Some(gone)) if !stamp.is_after(gone) => {
                // It changes nothing any more, but the second names in it stay true.
                if let Change::Members { members, .. } = change {
                    teach(&mut state.facts, members, Some(stamp));
                }
                return reduction;
            }
            _ => {}
        }
    }
    let born = state.group.is_none();
    let mut group = match &state.group {
        Some(group) => (**group).clone(),
        None => Group::partial(group_id.clone()),
    };
    match change {
        Change::Members { action, members } => {
            reduce_members(&mut group, &mut state.facts, *action, members, stamp, &mut reduction);
        }
        Change::Renumbered { before, now } => {
            renumber(&mut group, &mut state.facts, *before, *now, stamp, &mut reduction);
        }
        Change::Fields(values) => {
            let mut changes = Vec::new();
            for value in values {
                let field = value.field();
                if !state.facts.counts_for_field(stamp, field) {
                    continue;
                }
                state.facts.stamp_field(field, stamp);
                let Some(old) = FieldValue::of(&group, field) else { continue };
                if !old.says_same(value) {
                    value.set_on(&mut group);
                    changes.push(FieldChange::Value { previous: old, current: value.clone() });
                }
            }
            if !changes.is_empty() {
                reduction.events.push(EventBody::Updated(changes));
            }
        }
        Change::Picture(picture) => {
            if state.facts.counts_for_field(stamp, Field::Picture) {
                state.facts.stamp_field(Field::Picture, stamp);
                if group.picture_id != picture.picture_id {
                    group.picture_id.clone_from(&picture.picture_id);
                    reduction.events.push(EventBody::PictureChanged(picture.clone()));
                }
            }
        }
        Change::InviteRevoked => {
            if state.facts.counts_for_field(stamp, Field::Invite) {
                state.facts.stamp_field(Field::Invite, stamp);
                reduction.events.push(EventBody::InviteRevoked);
            }
        }
        Change::JoinRequest(request) => {
            requests::reduce_one(&mut state.facts, request, stamp, &mut reduction);
        }
        // Handled by `reduce`; they concern the group as a whole.
        Change::Full(_)
        | Change::FullExcept { .. }
        | Change::Left
        | Change::Deleted
        | Change::Unclear
        | Change::JoinRequests(_)
        | Change::Aliases(_) => {
            return reduction;
        }
    }
    if born {
        // One event reports that the group is known now, with all that the report has of it.
        let group = Arc::new(group);
        let extra = reduction
            .events
            .drain(..)
            .filter(|event| matches!(event, EventBody::InviteRevoked | EventBody::JoinRequest(_)));
        let mut events = vec![EventBody::Joined(group.clone())];
        events.extend(extra);
        state.group = Some(group);
        return Reduction { events, touched: true, reread: true };
    }
    if state.group.as_deref() != Some(&group) {
        state.group = Some(Arc::new(group));
    }
    reduction
}

/// The member under the name before goes by the account now, with the same role. Where there is none, which member was
/// renumbered is not known.
fn renumber(
    group: &mut Group,
    facts: &mut LwwState,
    before: ParticipantId,
    now: Account,
    stamp: Option<&Stamp>,
    reduction: &mut Reduction,
) {
    let before = known_account(facts, Account::new(before));
    let held = group.participant(&before).copied();
    if before.is_same(&known_account(facts, now)) || held.is_none() {
        reduction.reread = true;
        return;
    }
    let Some(held) = held else { return };
    let after = Participant::new(now, held.role);
    reduce_members(group, facts, MemberAction::Leave, &[held], stamp, reduction);
    reduce_members(group, facts, MemberAction::Join, &[after], stamp, reduction);
}

fn reduce_members(
    group: &mut Group,
    facts: &mut LwwState,
    action: MemberAction,
    members: &[Participant],
    stamp: Option<&Stamp>,
    reduction: &mut Reduction,
) {
    let mut moves = Moves::default();
    let mut aliases = Vec::new();
    for reported in members {
        let mut account = reported.account;
        if let Some((lid, phone)) = account.both_names()
            && !facts.learn_alias(lid, phone, stamp)
        {
            account = Account::new(ParticipantId::Lid(lid));
        }
        let account = known_account(facts, account);
        let outcome = unite(group, facts, account);
        let held = group.participant(&account).copied();
        if !facts.counts_for_member(stamp, facts.members.get(&account.id())) {
            match outcome {
                United::Nothing => {}
                United::Renamed => aliases.extend(held),
                United::Gone(participant) => moves.left(participant),
            }
            continue;
        }
        facts.stamp_member(account.id(), stamp);
        let role = match action {
            MemberAction::Leave => None,
            MemberAction::Join | MemberAction::Demote => Some(reported.role),
            MemberAction::Promote => Some(reported.role.max(Role::Admin)),
        };
        let before = match outcome {
            United::Gone(participant) => Some(participant),
            United::Nothing | United::Renamed => held,
        };
        match (before, role) {
            (Some(before), None) => {
                group.remove_participant(&account);
                moves.left(before);
            }
            (None, Some(role)) => {
                requests::settle_joined(facts, &account, stamp, reduction);
                let participant = Participant::new(account, role);
                group.put_participant(participant);
                moves.joined(participant);
            }
            (Some(before), Some(role)) => {
                let participant = Participant::new(before.account.merged_with(&account), role);
                group.put_participant(participant);
                let has_moved = moves.ranked(before.role, participant);
                let is_renamed =
                    matches!(outcome, United::Renamed) || before.account != participant.account;
                if is_renamed && !has_moved {
                    aliases.push(participant);
                }
            }
            (None, None) => {}
        }
    }
    if !aliases.is_empty() {
        reduction
            .events
            .push(EventBody::Updated(aliases.into_iter().map(FieldChange::Alias).collect()));
    }
    reduction.events.extend(moves.into_events());
}
