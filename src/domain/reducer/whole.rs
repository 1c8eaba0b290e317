//! Reports of a whole group.

use std::sync::Arc;

use super::moves::Moves;
use super::names::{known_account, learn, teach, unite, with_known_names};
use super::{GroupState, Reduction, requests};
use crate::domain::event::{EventBody, Field, FieldChange, FieldValue, PictureChanged};
use crate::domain::group::{AddressingMode, Group};
use crate::domain::id::ParticipantId;
use crate::domain::lww_state::{LwwState, Stamp};
use crate::domain::participant::{Account, Participant};

/// `unreported` are the fields that the source never reports.
pub(super) fn reduce(
    state: &mut GroupState,
    snapshot: &Group,
    unreported: &[Field],
    stamp: Option<&Stamp>,
) -> Reduction {
    if !state.facts.counts(stamp, None) {
        // Older than the last full description. It may still teach second names and the creation time.
        let accounts = snapshot.participants().iter().map(|participant| participant.account);
        let mut reduction = learn(state, accounts, stamp);
        state.facts.create_time = state.facts.create_time.or(snapshot.create_time);
        if let Some(held) = state.group.as_mut().filter(|held| !held.partial)
            && held.create_time.is_none()
            && state.facts.create_time.is_some()
        {
            Arc::make_mut(held).create_time = state.facts.create_time;
            let completed = FieldChange::Completed(held.clone());
            reduction.events.push(EventBody::Updated(vec![completed]));
        }
        return reduction;
    }
    state.facts.create_time = state.facts.create_time.or(snapshot.create_time);
    let mut reduction = Reduction::default();
    let Some(held) = state.group.clone() else {
        // Nothing newer can be known of a group that we are not in, so it is taken as it is.
        let mut group = snapshot.clone();
        group.create_time = snapshot.create_time.or(state.facts.create_time);
        teach(&mut state.facts, snapshot.participants(), stamp);
        with_known_names(&state.facts, &mut group);
        settle(&mut state.facts, &group, snapshot, stamp);
        let group = Arc::new(group);
        state.group = Some(group.clone());
        reduction.events.push(EventBody::Joined(group));
        return reduction;
    };
    teach(&mut state.facts, snapshot.participants(), stamp);
    let mut merged = snapshot.clone();
    merged.partial = held.partial && snapshot.partial;
    merged.create_time = snapshot.create_time.or(state.facts.create_time).or(held.create_time);
    with_known_names(&state.facts, &mut merged);
    // Two members that we hold, and now learn to be two names of one account, are one member.
    let mut united = (*held).clone();
    for participant in merged.participants() {
        let Some(phone) = participant.account.phone().map(ParticipantId::Phone) else { continue };
        let is_held = united.participants().binary_search_by_key(&phone, Participant::id).is_ok();
        if is_held || state.facts.members.contains_key(&phone) {
            unite(&mut united, &mut state.facts, participant.account);
        }
    }

    // What is newer than the description stands, the rest is as described. A partial description does
    // not report what it leaves at its default.
    let blank = snapshot.partial.then(|| Group::partial(snapshot.id.clone()));
    let is_silent = |field: Field, described: &FieldValue| {
        let default = blank.as_ref().and_then(|blank| FieldValue::of(blank, field));
        default.is_some_and(|default| default.says_same(described))
    };
    for field in Field::VALUED {
        let (Some(held_value), Some(described)) =
            (FieldValue::of(&held, field), FieldValue::of(snapshot, field))
        else {
            continue;
        };
        if unreported.contains(&field)
            || is_silent(field, &described)
            || (field == Field::Counted && counts_only(snapshot, &held))
            || !state.facts.counts_for_field(stamp, field)
            || held_value.says_same(&described)
        {
            held_value.set_on(&mut merged);
        }
    }
    if unreported.contains(&Field::Picture) || !state.facts.counts_for_field(stamp, Field::Picture)
    {
        merged.picture_id = held.picture_id.clone();
    }
    // A list of a part of the members reports nothing about those not in it, ourselves included.
    if !shows_all(&merged, snapshot) {
        for participant in united.participants() {
            if merged.participant(&participant.account).is_none() {
                merged.put_participant(*participant);
            }
        }
    }
    let newer: Vec<(ParticipantId, Option<Participant>)> = state
        .facts
        .members
        .iter()
        .filter(|(_, own)| !state.facts.counts(stamp, Some(own)))
        .map(|(id, _)| (*id, united.participant(&Account::new(*id)).copied()))
        .collect();
    for (id, participant) in newer {
        let account = Account::new(id);
        match participant {
            Some(participant) => merged.put_participant(participant),
            None => {
                merged.remove_participant(&account);
            }
        }
    }
    with_known_names(&state.facts, &mut merged);
    // Before the description settles all that is no newer than it: it would settle their requests' end too.
    for participant in merged.participants() {
        if held.participant(&participant.account).is_none() {
            requests::settle_joined(&mut state.facts, &participant.account, stamp, &mut reduction);
        }
    }
    settle(&mut state.facts, &merged, snapshot, stamp);
    let merged = Arc::new(merged);
    if held.partial && !merged.partial {
        reduction.events.push(EventBody::Updated(vec![FieldChange::Completed(merged.clone())]));
    } else {
        reduction.events.extend(differences(&held, &merged));
    }
    state.group = Some(merged);
    reduction
}

/// Whether an account that is not in the description's list is no member.
fn shows_all(merged: &Group, snapshot: &Group) -> bool {
    let lists_nobody = snapshot.partial && snapshot.participants().is_empty();
    merged.counted().is_none() && !lists_nobody
}

/// Whether a description without members counts no more of them than are known: that they are not all known, it does
/// not say.
fn counts_only(snapshot: &Group, held: &Group) -> bool {
    snapshot.participants().is_empty()
        && held.counted().is_none()
        && snapshot.member_count() <= held.member_count()
}

/// Notes how new what was described is.
fn settle(facts: &mut LwwState, merged: &Group, snapshot: &Group, stamp: Option<&Stamp>) {
    let Some(stamp) = stamp else { return };
    // The description settles every older fact of its source, so their stamps are not needed.
    let settled = |own: &Stamp| own.source == stamp.source && !own.is_after(stamp);
    facts.full_in_part = !shows_all(merged, snapshot);
    if facts.full_in_part {
        // Of the members it settles those that it lists.
        for participant in snapshot.participants() {
            let id = known_account(facts, participant.account).id();
            if facts.counts_for_member(Some(stamp), facts.members.get(&id)) {
                facts.stamp_member(id, Some(stamp));
            }
        }
    } else {
        facts.members.retain(|_, own| !settled(own));
    }
    facts.full = Some(stamp.clone());
    facts.fields.retain(|_, own| !settled(own));
}

/// Whether the group's members went by phone numbers and now go by hidden ids that nobody can match
/// with them. Who really left or came in the same moment cannot be known; that everybody left and
/// came back would be wrong for certain.
fn is_move_to_hidden_ids(held: &Group, now: &Group) -> bool {
    let is_stranger = |participant: &Participant, other: &Group| {
        participant.account.both_names().is_none()
            && other.participant(&participant.account).is_none()
    };
    now.addressing_mode == AddressingMode::Lid
        && held.addressing_mode != AddressingMode::Lid
        && held.participants().iter().any(|p| p.account.lid().is_none() && is_stranger(p, now))
        && now.participants().iter().any(|p| p.account.lid().is_some() && is_stranger(p, held))
}

/// The events that lead from one state of a group to another.
fn differences(held: &Group, now: &Arc<Group>) -> Vec<EventBody> {
    let mut events = Vec::new();
    let mut changes = Vec::new();
    for field in Field::VALUED {
        if let (Some(old), Some(new)) = (FieldValue::of(held, field), FieldValue::of(now, field))
            && !old.says_same(&new)
        {
            changes.push(FieldChange::Value { previous: old, current: new });
        }
    }
    let is_move = is_move_to_hidden_ids(held, now);
    if is_move || held.create_time != now.create_time {
        changes.push(FieldChange::Completed(now.clone()));
    }
    if is_move {
        events.push(EventBody::Updated(changes));
        return events;
    }
    let mut moves = Moves::default();
    let mut shown_meanwhile = held.participants().len();
    for participant in now.participants() {
        match held.participant(&participant.account) {
            None => {
                shown_meanwhile += 1;
                moves.joined(*participant);
            }
            Some(old) => {
                if !moves.ranked(old.role, *participant) && old.account != participant.account {
                    changes.push(FieldChange::Alias(*participant));
                }
            }
        }
    }
    for participant in held.participants() {
        if now.participant(&participant.account).is_none() {
            moves.left(*participant);
        }
    }
    if !changes.is_empty() {
        events.push(EventBody::Updated(changes));
    }
    events.extend(moves.into_events());
    // Who joins is there before two names turn out to be one person, and no group counts fewer than it shows.
    if let Some(counted) = now.counted()
        && let Ok(shown) = u32::try_from(shown_meanwhile)
        && shown > counted
    {
        let old = FieldValue::Counted(Some(shown));
        let new = FieldValue::Counted(Some(counted));
        events.push(EventBody::Updated(vec![FieldChange::Value { previous: old, current: new }]));
    }
    if held.picture_id != now.picture_id {
        events
            .push(EventBody::PictureChanged(PictureChanged { picture_id: now.picture_id.clone() }));
    }
    events
}
