//! The reducer decides what is an event: `(state, report) → (state, events)`.
//!
//! Engines repeat, reorder and lose their notifications. A fact (a field, one member's place, our
//! own membership) is therefore a register: within one source the report with the greater stamp
//! wins, whatever order they arrive in, and an event is born only where the value really changed.
//! Reports without a stamp (most answers of an engine) and of different sources count as they
//! arrive; where that could be wrong, [`Reduction::reread`] asks for a look at the group itself.

use std::sync::Arc;

use super::clock::Timestamp;
use super::event::{
    EventBody, Field, FieldChange, FieldValue, JoinRequestAction, JoinRequestChanged, MemberAction,
    ParticipantsChanged, PictureChanged,
};
use super::facts::{Facts, RequestFact, Stamp};
use super::group::Group;
use super::id::{GroupId, ParticipantId};
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
    JoinRequest(JoinRequestChanged),
}

/// What we hold of one group: its state, and how we know.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupState {
    /// `None` while we are not in the group.
    pub group: Option<Arc<Group>>,
    pub facts: Facts,
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
        Change::Full(snapshot) => reduce_full(state, snapshot, stamp),
        Change::Left => reduce_gone(state, EventBody::Left, stamp),
        Change::Deleted => reduce_gone(state, EventBody::Deleted, stamp),
        Change::Members { action: MemberAction::Leave, members }
            if me.is_some_and(|me| members.iter().any(|m| m.account.is_same(me))) =>
        {
            reduce_gone(state, EventBody::Left, stamp)
        }
        change => reduce_part(state, &observation.group_id, change, stamp),
    };
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

fn reduce_full(state: &mut GroupState, snapshot: &Group, stamp: Option<&Stamp>) -> Reduction {
    if !state.facts.is_news(stamp, None) {
        // Older than what we know as a whole. It may still teach who is who.
        return learn_aliases(state, snapshot.participants());
    }
    let mut reduction = Reduction::default();
    let Some(held) = state.group.clone() else {
        // Nothing newer can be known of a group that we are not in, so it is taken as it is.
        let mut group = snapshot.clone();
        group.partial = false;
        teach(&mut state.facts, snapshot.participants());
        with_known_names(&state.facts, &mut group);
        set_full(&mut state.facts, stamp);
        let group = Arc::new(group);
        state.group = Some(group.clone());
        reduction.events.push(EventBody::Joined(group));
        return reduction;
    };
    teach(&mut state.facts, snapshot.participants());
    let mut merged = snapshot.clone();
    merged.partial = false;
    with_known_names(&state.facts, &mut merged);
    // Whom we hold under each of two names, and now learn to be one, is one member.
    let mut united = (*held).clone();
    for participant in merged.participants() {
        let Some(phone) = participant.account.phone().map(ParticipantId::Phone) else { continue };
        let is_held = united.participants().binary_search_by_key(&phone, Participant::id).is_ok();
        if is_held || state.facts.members.contains_key(&phone) {
            unite(&mut united, &mut state.facts, participant.account);
        }
    }

    // What is newer than the description stands, the rest is as described.
    for field in Field::VALUED {
        let (Some(held_value), Some(described)) =
            (FieldValue::of(&held, field), FieldValue::of(snapshot, field))
        else {
            continue;
        };
        if !state.facts.is_field_news(stamp, field) || held_value.says_same(&described) {
            held_value.set_on(&mut merged);
        }
    }
    if !state.facts.is_field_news(stamp, Field::Picture) {
        merged.picture_id = held.picture_id.clone();
    }
    let newer: Vec<(ParticipantId, Option<Participant>)> = state
        .facts
        .members
        .iter()
        .filter(|(_, own)| !state.facts.is_news(stamp, Some(own)))
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
    set_full(&mut state.facts, stamp);
    let merged = Arc::new(merged);
    if held.partial {
        reduction.events.push(EventBody::Updated(vec![FieldChange::Completed(merged.clone())]));
    } else {
        reduction.events = differences(&held, &merged);
    }
    state.group = Some(merged);
    reduction
}

fn set_full(facts: &mut Facts, stamp: Option<&Stamp>) {
    let Some(stamp) = stamp else { return };
    facts.full = Some(stamp.clone());
    // The description settles every older fact of its source, so their stamps say nothing more.
    let settled = |own: &Stamp| own.source == stamp.source && !own.is_after(stamp);
    facts.fields.retain(|_, own| !settled(own));
    facts.members.retain(|_, own| !settled(own));
}

/// The events that lead from one state of a group to another.
fn differences(held: &Group, now: &Group) -> Vec<EventBody> {
    let mut events = Vec::new();
    let mut changes = Vec::new();
    for field in Field::VALUED {
        if let (Some(old), Some(new)) = (FieldValue::of(held, field), FieldValue::of(now, field))
            && !old.says_same(&new)
        {
            changes.push(FieldChange::Value { old, new });
        }
    }
    let mut moves = Moves::default();
    for participant in now.participants() {
        match held.participant(&participant.account) {
            None => moves.note(MemberAction::Join, *participant),
            Some(old) => {
                if let Some(action) = rank_change(old.role, participant.role) {
                    moves.note(action, *participant);
                } else if old.account != participant.account {
                    changes.push(FieldChange::Alias(*participant));
                }
            }
        }
    }
    for participant in held.participants() {
        if now.participant(&participant.account).is_none() {
            moves.note(MemberAction::Leave, *participant);
        }
    }
    if !changes.is_empty() {
        events.push(EventBody::Updated(changes));
    }
    events.extend(moves.into_events());
    if held.picture_id != now.picture_id {
        events
            .push(EventBody::PictureChanged(PictureChanged { picture_id: now.picture_id.clone() }));
    }
    events
}

fn rank_change(old: Role, new: Role) -> Option<MemberAction> {
    match new.cmp(&old) {
        std::cmp::Ordering::Greater => Some(MemberAction::Promote),
        std::cmp::Ordering::Less => Some(MemberAction::Demote),
        std::cmp::Ordering::Equal => None,
    }
}

fn reduce_gone(state: &mut GroupState, body: EventBody, stamp: Option<&Stamp>) -> Reduction {
    let mut reduction = Reduction::default();
    if !state.facts.is_news(stamp, None) {
        return reduction;
    }
    // Facts that are newer than our leaving are of a later stay whose beginning has yet to arrive.
    let newer_stay = stamp.is_some_and(|stamp| {
        let is_newer = |own: &&Stamp| own.source == stamp.source && own.is_after(stamp);
        state.facts.fields.values().any(|own| is_newer(&own))
            || state.facts.members.values().any(|own| is_newer(&own))
            || state
                .facts
                .requests
                .values()
                .filter_map(|fact| fact.stamp.as_ref())
                .any(|own| is_newer(&own))
    });
    let aliases = std::mem::take(&mut state.facts.aliases);
    if newer_stay {
        let stamp = stamp.cloned();
        let held = state.group.take();
        let mut facts = Facts { gone: stamp.clone(), aliases, ..Facts::default() };
        let before = std::mem::take(&mut state.facts);
        let mut partial = None;
        if let Some(held) = &held {
            let mut group = Group::partial(held.id.clone());
            for (field, own) in before.fields {
                if facts.is_news(Some(&own), None) {
                    if let Some(value) = FieldValue::of(held, field) {
                        value.set_on(&mut group);
                    } else if field == Field::Picture {
                        group.picture_id = held.picture_id.clone();
                    }
                    facts.fields.insert(field, own);
                }
            }
            for (id, own) in before.members {
                if facts.is_news(Some(&own), None) {
                    if let Some(participant) = held.participant(&Account::new(id)) {
                        group.put_participant(*participant);
                    }
                    facts.members.insert(id, own);
                }
            }
            for (id, fact) in before.requests {
                if fact.stamp.as_ref().is_some_and(|own| facts.is_news(Some(own), None)) {
                    facts.requests.insert(id, fact);
                }
            }
            partial = Some(Arc::new(group));
        }
        state.facts = facts;
        if let (Some(held), Some(partial)) = (held, partial) {
            if !held.partial {
                reduction.events.push(body);
                reduction.events.push(EventBody::Joined(partial.clone()));
            } else if *held != *partial {
                reduction.events.push(EventBody::Joined(partial.clone()));
            }
            state.group = Some(partial);
        }
        reduction.reread = true;
        return reduction;
    }
    let gone = stamp.cloned().or_else(|| state.facts.gone.clone());
    state.facts = Facts { gone, aliases, ..Facts::default() };
    if state.group.take().is_some() {
        reduction.events.push(body);
    }
    reduction
}

/// Reports of single facts.
fn reduce_part(
    state: &mut GroupState,
    group_id: &GroupId,
    change: &Change,
    stamp: Option<&Stamp>,
) -> Reduction {
    let mut reduction = Reduction::default();
    if state.group.is_none() {
        match (stamp, &state.facts.gone) {
            // Without a date it may be of the time before we left.
            (None, Some(_)) => return Reduction { reread: true, ..reduction },
            (Some(stamp), Some(gone)) if !stamp.is_after(gone) => {
                // It changes nothing any more, but who is who holds for good.
                if let Change::Members { members, .. } = change {
                    teach(&mut state.facts, members);
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
        Change::Fields(values) => {
            let mut changes = Vec::new();
            for value in values {
                let field = value.field();
                if !state.facts.is_field_news(stamp, field) {
                    continue;
                }
                state.facts.stamp_field(field, stamp);
                let Some(old) = FieldValue::of(&group, field) else { continue };
                if !old.says_same(value) {
                    value.set_on(&mut group);
                    changes.push(FieldChange::Value { old, new: value.clone() });
                }
            }
            if !changes.is_empty() {
                reduction.events.push(EventBody::Updated(changes));
            }
        }
        Change::Picture(picture) => {
            if state.facts.is_field_news(stamp, Field::Picture) {
                state.facts.stamp_field(Field::Picture, stamp);
                if group.picture_id != picture.picture_id {
                    group.picture_id.clone_from(&picture.picture_id);
                    reduction.events.push(EventBody::PictureChanged(picture.clone()));
                }
            }
        }
        Change::InviteRevoked => {
            if state.facts.is_field_news(stamp, Field::Invite) {
                state.facts.stamp_field(Field::Invite, stamp);
                reduction.events.push(EventBody::InviteRevoked);
            }
        }
        Change::JoinRequest(request) => {
            reduce_join_request(&mut state.facts, request, stamp, &mut reduction);
        }
        // Handled by `reduce`; they concern the group as a whole.
        Change::Full(_) | Change::Left | Change::Deleted => return reduction,
    }
    if born {
        // One event says that the group is known now, with all that the report told of it.
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

fn reduce_members(
    group: &mut Group,
    facts: &mut Facts,
    action: MemberAction,
    members: &[Participant],
    stamp: Option<&Stamp>,
    reduction: &mut Reduction,
) {
    let mut moves = Moves::default();
    let mut aliases = Vec::new();
    for reported in members {
        if let Some((lid, phone)) = reported.account.both_names() {
            facts.aliases.insert(phone, lid);
        }
        let account = known_account(facts, reported.account);
        let outcome = unite(group, facts, account);
        let held = group.participant(&account).copied();
        if !facts.is_news(stamp, facts.members.get(&account.id())) {
            match outcome {
                United::Nothing => {}
                United::Renamed => aliases.extend(held),
                United::Gone(participant) => moves.note(MemberAction::Leave, participant),
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
                moves.note(MemberAction::Leave, before);
            }
            (None, Some(role)) => {
                let participant = Participant::new(account, role);
                group.put_participant(participant);
                moves.note(MemberAction::Join, participant);
            }
            (Some(before), Some(role)) => {
                let participant = Participant::new(before.account.merged_with(&account), role);
                group.put_participant(participant);
                match rank_change(before.role, role) {
                    Some(action) => moves.note(action, participant),
                    None if matches!(outcome, United::Renamed)
                        || before.account != participant.account =>
                    {
                        aliases.push(participant);
                    }
                    None => {}
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

/// The account under all names that we know of it.
fn known_account(facts: &Facts, account: Account) -> Account {
    let lid = account
        .lid()
        .or_else(|| account.phone().and_then(|phone| facts.aliases.get(&phone).copied()));
    let phone = account.phone().or_else(|| {
        account
            .lid()
            .and_then(|lid| facts.aliases.iter().find(|(_, l)| **l == lid).map(|(phone, _)| *phone))
    });
    Account::from_names(lid, phone).unwrap_or(account)
}

enum United {
    Nothing,
    /// The member is there and goes by a name that it did not have before.
    Renamed,
    /// What was known under the other name says that the member is gone.
    Gone(Participant),
}

/// Makes one of what was kept under an account's two names; the newer report of the two stands.
fn unite(group: &mut Group, facts: &mut Facts, account: Account) -> United {
    let Some((lid, phone)) = account.both_names() else { return United::Nothing };
    let (by_lid, by_phone) = (ParticipantId::Lid(lid), ParticipantId::Phone(phone));
    let find = |id: ParticipantId| group.participants().iter().find(|p| p.id() == id).copied();
    let (member_lid, member_phone) = (find(by_lid), find(by_phone));
    let stamp_phone = facts.members.remove(&by_phone);
    let stamp_lid = facts.members.get(&by_lid).cloned();
    let phone_is_newer = match (&stamp_phone, &stamp_lid) {
        (Some(phone), Some(lid)) => phone.is_after(lid),
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => member_lid.is_none(),
    };
    if phone_is_newer && let Some(stamp) = stamp_phone.clone() {
        facts.members.insert(by_lid, stamp);
    }
    let knows_phone = stamp_phone.is_some() || member_phone.is_some();
    let winner = if phone_is_newer && knows_phone { member_phone } else { member_lid };
    let loser = member_lid.or(member_phone);
    match (winner, loser) {
        (Some(winner), _) => {
            let united = Participant::new(account, winner.role);
            let renamed = winner.account != account || member_phone.is_some();
            group.put_participant(united);
            if renamed { United::Renamed } else { United::Nothing }
        }
        (None, Some(loser)) => {
            group.remove_participant(&account);
            United::Gone(loser)
        }
        (None, None) => United::Nothing,
    }
}

fn teach(facts: &mut Facts, participants: &[Participant]) {
    for participant in participants {
        if let Some((lid, phone)) = participant.account.both_names() {
            facts.aliases.insert(phone, lid);
        }
    }
}

fn with_known_names(facts: &Facts, group: &mut Group) {
    let renamed: Vec<Participant> = group
        .participants()
        .iter()
        .map(|p| Participant::new(known_account(facts, p.account), p.role))
        .filter(|p| group.participant(&p.account).is_some_and(|held| held.account != p.account))
        .collect();
    for participant in renamed {
        group.put_participant(participant);
    }
}

/// What an outdated description still teaches: the second names of those who are in the group.
fn learn_aliases(state: &mut GroupState, participants: &[Participant]) -> Reduction {
    let mut reduction = Reduction::default();
    let Some(held) = &state.group else {
        teach(&mut state.facts, participants);
        return reduction;
    };
    let mut group = (**held).clone();
    let mut aliases = Vec::new();
    let mut moves = Moves::default();
    for participant in participants {
        let Some((lid, phone)) = participant.account.both_names() else { continue };
        state.facts.aliases.insert(phone, lid);
        match unite(&mut group, &mut state.facts, participant.account) {
            United::Nothing => {}
            United::Renamed => aliases.extend(group.participant(&participant.account).copied()),
            United::Gone(gone) => moves.note(MemberAction::Leave, gone),
        }
    }
    if !aliases.is_empty() {
        reduction
            .events
            .push(EventBody::Updated(aliases.into_iter().map(FieldChange::Alias).collect()));
    }
    reduction.events.extend(moves.into_events());
    if !reduction.events.is_empty() {
        state.group = Some(Arc::new(group));
    }
    reduction
}

fn reduce_join_request(
    facts: &mut Facts,
    request: &JoinRequestChanged,
    stamp: Option<&Stamp>,
    reduction: &mut Reduction,
) {
    let id = request.requester.id();
    let held = facts.requests.get(&id);
    if !facts.is_news(stamp, held.and_then(|fact| fact.stamp.as_ref())) {
        return;
    }
    let was_open = held.is_some_and(|fact| fact.open);
    let open = request.action == JoinRequestAction::Created;
    let stamp = stamp.cloned().or_else(|| held.and_then(|fact| fact.stamp.clone()));
    if open || stamp.is_some() {
        facts.requests.insert(id, RequestFact { open, stamp });
    } else {
        facts.requests.remove(&id);
    }
    if open != was_open {
        reduction.events.push(EventBody::JoinRequest(request.clone()));
    }
}

/// Gathers members by what happened to them: one event for each kind.
#[derive(Default)]
struct Moves(Vec<(MemberAction, Vec<Participant>)>);

impl Moves {
    fn note(&mut self, action: MemberAction, participant: Participant) {
        match self.0.iter_mut().find(|(kind, _)| *kind == action) {
            Some((_, participants)) => participants.push(participant),
            None => self.0.push((action, vec![participant])),
        }
    }

    fn into_events(self) -> impl Iterator<Item = EventBody> {
        self.0.into_iter().map(|(action, participants)| {
            EventBody::ParticipantsChanged(ParticipantsChanged { action, participants })
        })
    }
}

#[cfg(test)]
mod tests;
