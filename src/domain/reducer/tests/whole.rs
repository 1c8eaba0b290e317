//! Descriptions of the whole group, against what was held.

use super::*;

fn described(mode: AddressingMode, members: &[Account]) -> Group {
    let mut group = Group::partial(group_id());
    group.partial = false;
    group.addressing_mode = mode;
    let members = members.iter().map(|account| Participant::new(*account, Role::Participant));
    group.set_participants(members.collect());
    group
}

fn undated(group: &Group) -> Observation {
    Observation { stamp: None, ..stamped(Change::Full(Box::new(group.clone())), 1) }
}

/// The events that lead from one description to the next.
fn told(before: &Group, after: &Group) -> Vec<EventBody> {
    let mut state = GroupState::default();
    reduce(&mut state, &undated(before), None);
    reduce(&mut state, &undated(after), None).events
}

fn moved(events: &[EventBody]) -> Vec<(MemberAction, Vec<Account>)> {
    let of = |event: &EventBody| match event {
        EventBody::ParticipantsChanged(changed) => {
            let people = changed.participants.iter().map(|change| change.account);
            Some((changed.action, people.collect()))
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn a_move_to_hidden_ids_with_names_that_match_says_who_came_and_who_left() {
    use AddressingMode::{Lid as ByLid, PhoneNumber as ByPhone};
    let [one, two] = [1, 2].map(|person| account(person, Naming::PhoneOnly));
    let [both, stranger] = [account(1, Naming::Both), account(3, Naming::LidOnly)];
    let events = told(&described(ByPhone, &[one]), &described(ByLid, &[both, stranger]));
    assert_eq!(moved(&events), [(MemberAction::Join, vec![stranger])]);
    let events = told(&described(ByPhone, &[one, two]), &described(ByLid, &[both]));
    assert_eq!(moved(&events), [(MemberAction::Leave, vec![two])]);
    // Only where the ids become hidden may nobody be able to match them.
    let events = told(&described(ByPhone, &[one]), &described(ByPhone, &[stranger]));
    let [joined, left] = [(MemberAction::Join, vec![stranger]), (MemberAction::Leave, vec![one])];
    assert_eq!(moved(&events), [joined, left]);
}

#[test]
fn a_description_tells_of_each_change_once() {
    let before = described(AddressingMode::Lid, &[1, 2].map(|p| account(p, Naming::LidOnly)));
    let mut after = before.clone();
    after.suspended = true;
    after.picture_id = Some("p1".to_owned());
    after.put_participant(Participant::new(account(1, Naming::LidOnly), Role::Admin));
    after.put_participant(Participant::new(account(2, Naming::Both), Role::Participant));
    let events = told(&before, &after);
    let [
        EventBody::Updated(changes),
        EventBody::ParticipantsChanged(changed),
        EventBody::PictureChanged(_),
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    let [FieldChange::Value { current, .. }, FieldChange::Alias(member)] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!(current, &FieldValue::Suspended(true));
    assert_eq!(member.account, account(2, Naming::Both));
    assert_eq!(changed.action, MemberAction::Promote);
    assert!(told(&after, &after).is_empty());
}

#[test]
fn a_description_settles_what_its_own_source_reported_before_and_nothing_of_others() {
    let by = |source: &str, change, second| {
        let mut report = stamped(change, second);
        report.stamp.as_mut().expect("a stamp").source = source.into();
        report
    };
    let named = |text: &str| {
        let subject = Subject { text: text.to_owned(), ..Subject::default() };
        Change::Fields(vec![FieldValue::Subject(subject)])
    };
    let joined = |person, role| {
        let members = vec![Participant::new(account(person, Naming::Both), role)];
        Change::Members { action: MemberAction::Join, members }
    };
    let mut whole = described(AddressingMode::Lid, &[account(1, Naming::Both)]);
    whole.subject.text = "Described".to_owned();
    let whole = Change::Full(Box::new(whole));
    let mut state = GroupState::default();
    for report in [
        by("one", whole.clone(), 1),
        by("one", named("New"), 20),
        by("one", joined(1, Role::Admin), 20),
        by("two", whole.clone(), 30),
    ] {
        reduce(&mut state, &report, None);
    }
    for late in [named("Old"), joined(1, Role::Superadmin)] {
        let events = reduce(&mut state, &by("one", late, 10), None).events;
        assert!(events.is_empty(), "{events:?}");
    }
    assert_eq!(state.facts.fields.len(), 1);
    reduce(&mut state, &by("one", whole, 40), None);
    assert!(state.facts.fields.is_empty() && state.facts.members.is_empty());
}

#[test]
fn what_a_late_description_has_of_the_creation_completes_the_group() {
    let group = described(AddressingMode::Lid, &[account(1, Naming::LidOnly)]);
    let mut older = described(AddressingMode::Lid, &[account(1, Naming::Both)]);
    older.create_time = Some(Timestamp::from_seconds(5));
    older.suspended = true;
    let mut state = GroupState::default();
    reduce(&mut state, &stamped(Change::Full(Box::new(group)), 20), None);
    let late = stamped(Change::Full(Box::new(older)), 10);
    let events = reduce(&mut state, &late, None).events;
    let held = state.group.clone().expect("a group");
    assert_eq!(held.create_time, Some(Timestamp::from_seconds(5)));
    assert!(!held.suspended, "the rest of it is outdated");
    assert!(held.participant(&account(1, Naming::PhoneOnly)).is_some(), "second names are not");
    let [EventBody::Updated(alias), EventBody::Updated(completed)] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(matches!(&alias[..], [FieldChange::Alias(_)]));
    assert_eq!(completed[..], [FieldChange::Completed(held)]);
    assert!(reduce(&mut state, &late, None).events.is_empty());
}

#[test]
fn once_known_when_a_group_was_made_is_known_for_good() {
    let plain = described(AddressingMode::Lid, &[account(1, Naming::Both)]);
    let mut dated = plain.clone();
    dated.create_time = Some(Timestamp::from_seconds(5));
    let mut state = GroupState::default();
    reduce(&mut state, &undated(&dated), None);
    assert!(reduce(&mut state, &undated(&plain), None).events.is_empty());
    reduce(&mut state, &Observation { change: Change::Left, ..undated(&plain) }, None);
    reduce(&mut state, &undated(&plain), None);
    assert_eq!(state.group.expect("a group").create_time, dated.create_time);
}

/// A group in part: these members, and so many by WhatsApp's count.
fn counted(members: &[(Account, Role)], counted: u32) -> Group {
    let mut group = Group::partial(group_id());
    group.subject.text = "Team".to_owned();
    let members = members.iter().map(|(account, role)| Participant::new(*account, *role));
    group.set_participants(members.collect());
    group.set_counted(Some(counted));
    group.partial = group.is_half_known();
    group
}

#[test]
fn who_joins_before_two_turn_out_to_be_one_is_not_counted_twice() {
    let (member, admin) = (Role::Participant, Role::Admin);
    let two = [Naming::LidOnly, Naming::PhoneOnly].map(|naming| (account(2, naming), member));
    let other = (account(3, Naming::Both), member);
    let mut state = GroupState::default();
    reduce(&mut state, &undated(&counted(&[two[0], two[1], other], 3)), None);
    let mut folded = state.group.clone();
    let next = [(account(1, Naming::Both), member), (account(2, Naming::Both), admin)];
    for event in &reduce(&mut state, &undated(&counted(&next, 3)), None).events {
        fold(&mut folded, &group_id(), event);
    }
    assert_eq!(folded, state.group);
    assert_eq!(state.group.map(|group| group.member_count()), Some(3));
}

#[test]
fn a_count_without_members_says_only_that_there_are_more() {
    let held = described(AddressingMode::Unknown, &[1, 2].map(|p| account(p, Naming::Both)));
    for (count, more) in [(1, None), (2, None), (3, Some(3))] {
        let mut state = GroupState::default();
        reduce(&mut state, &undated(&held), None);
        reduce(&mut state, &undated(&counted(&[], count)), None);
        let group = state.group.expect("a group");
        assert_eq!((group.participants().len(), group.counted()), (2, more), "{count}");
    }
}
