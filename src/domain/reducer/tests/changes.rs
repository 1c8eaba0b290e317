//! What a report says of itself, and what it does to the group as a whole.

use super::*;

fn number(person: u64) -> ParticipantId {
    account(person, Naming::PhoneOnly).id()
}

fn plain(person: u64, naming: Naming) -> Participant {
    Participant::new(account(person, naming), Role::Participant)
}

fn group_of(members: &[Participant]) -> Group {
    let mut group = Group::partial(group_id());
    group.partial = false;
    group.subject.text = "Team".to_owned();
    group.set_participants(members.to_vec());
    group
}

fn request(person: u64) -> JoinRequest {
    JoinRequest::of(account(person, Naming::PhoneOnly))
}

fn answered(person: u64) -> Change {
    let action = JoinRequestAction::Created;
    Change::JoinRequest(JoinRequestChanged { action, request: request(person) })
}

/// Each report with the people whom it names; none of them by both names.
fn reports_and_people() -> Vec<(Change, Vec<Account>)> {
    let people = |numbers: &[u64]| -> Vec<Account> {
        numbers.iter().map(|person| account(*person, Naming::PhoneOnly)).collect()
    };
    let group = group_of(&[plain(1, Naming::PhoneOnly), plain(2, Naming::PhoneOnly)]);
    let members = vec![plain(3, Naming::PhoneOnly)];
    vec![
        (Change::whole(group.clone(), Vec::new()), people(&[1, 2])),
        (Change::whole(group, vec![Field::Parent]), people(&[1, 2])),
        (Change::Members { action: MemberAction::Join, members }, people(&[3])),
        (answered(4), people(&[4])),
        (Change::JoinRequests(vec![request(5), request(6)]), people(&[5, 6])),
        (Change::Left, Vec::new()),
        (Change::Deleted, Vec::new()),
        (Change::Fields(vec![FieldValue::Suspended(true)]), Vec::new()),
        (Change::Picture(PictureChanged { picture_id: None }), Vec::new()),
        (Change::InviteRevoked, Vec::new()),
        (Change::Unclear, Vec::new()),
    ]
}

#[test]
fn a_report_names_its_people_and_they_can_be_given_all_their_names() {
    let both = |one: Account| {
        let known = (1..9).map(|person| account(person, Naming::Both));
        known.into_iter().find(|known| known.is_same(&one)).expect("somebody we know")
    };
    for (mut change, people) in reports_and_people() {
        assert_eq!(change.accounts(), people, "{change:?}");
        let before = change.clone();
        change.name_accounts(both);
        let named: Vec<Account> = people.iter().map(|one| both(*one)).collect();
        assert_eq!(change.accounts(), named, "{change:?}");
        assert_eq!(change == before, people.is_empty());
    }
    let now = account(2, Naming::PhoneOnly);
    let mut renumbered = Change::Renumbered { before: number(1), now };
    assert_eq!(renumbered.accounts(), [account(1, Naming::PhoneOnly), now]);
    renumbered.name_accounts(both);
    assert_eq!(renumbered, Change::Renumbered { before: number(1), now: both(now) });
    let pairs = vec![account(1, Naming::Both).both_names().expect("both")];
    assert_eq!(Change::Aliases(pairs).accounts(), [account(1, Naming::Both)]);
}

#[test]
fn a_report_counts_the_accounts_that_it_lists() {
    for (change, people) in reports_and_people() {
        // A request alone is no list.
        let listed = if matches!(change, Change::JoinRequest(_)) { 0 } else { people.len() };
        assert_eq!(change.member_count(), listed, "{change:?}");
        let is_whole = matches!(change, Change::Full(_) | Change::FullExcept { .. });
        assert_eq!((change.is_whole(), change.described().is_some()), (is_whole, is_whole));
    }
    let pairs = vec![account(1, Naming::Both).both_names().expect("both"); 2];
    assert_eq!(Change::Aliases(pairs).member_count(), 2);
    let group = group_of(&[plain(1, Naming::Both)]);
    assert_eq!(Change::whole(group.clone(), Vec::new()).described(), Some(&group));
    assert_eq!(Change::whole(group.clone(), Vec::new()), Change::Full(Box::new(group)));
}

fn held() -> GroupState {
    let mut state = GroupState::default();
    let group = group_of(&[Participant::new(me(), Role::Admin), plain(1, Naming::Both)]);
    reduce(&mut state, &stamped(Change::Full(Box::new(group)), 10), Some(&me()));
    state
}

#[test]
fn what_a_source_cannot_say_is_looked_at_where_we_are_in_the_group() {
    let mut state = held();
    let reduction = reduce(&mut state, &stamped(Change::Unclear, 20), Some(&me()));
    assert!(reduction.reread && reduction.events.is_empty() && !reduction.touched);
    let mut none = GroupState::default();
    assert!(!reduce(&mut none, &stamped(Change::Unclear, 20), Some(&me())).reread);
}

#[test]
fn that_we_are_among_those_who_left_is_our_leaving() {
    let leave = |person, naming| {
        let members = vec![plain(person, naming)];
        stamped(Change::Members { action: MemberAction::Leave, members }, 20)
    };
    for naming in [Naming::Both, Naming::LidOnly, Naming::PhoneOnly] {
        let mut state = held();
        let before = state.group.clone();
        let reduction = reduce(&mut state, &leave(0, naming), Some(&me()));
        assert_eq!(reduction.events, [EventBody::Left(before)]);
        assert!(reduction.touched && state.group.is_none());
    }
    let mut state = held();
    let reduction = reduce(&mut state, &leave(1, Naming::Both), Some(&me()));
    assert!(matches!(&reduction.events[..], [EventBody::ParticipantsChanged(_)]));
    assert!(state.group.is_some_and(|group| group.participants().len() == 1));
}

#[test]
fn a_report_that_changes_nothing_need_not_be_stored() {
    let mut state = held();
    let suspended = |is| Change::Fields(vec![FieldValue::Suspended(is)]);
    let undated = |change| Observation { stamp: None, ..stamped(change, 20) };
    assert!(!reduce(&mut state, &undated(suspended(false)), Some(&me())).touched);
    assert!(reduce(&mut state, &undated(suspended(true)), Some(&me())).touched);
    // No event, but a stamp that keeps older reports out.
    let later = reduce(&mut state, &stamped(suspended(true), 30), Some(&me()));
    assert!(later.events.is_empty() && later.touched);
    let older = reduce(&mut state, &stamped(suspended(false), 25), Some(&me()));
    assert!(older.events.is_empty() && !older.touched);
}

#[test]
fn a_single_fact_of_a_group_that_we_do_not_hold_makes_it_known_in_part() {
    let mut state = GroupState::default();
    let picture = Change::Picture(PictureChanged { picture_id: Some("p1".to_owned()) });
    let reduction = reduce(&mut state, &stamped(picture.clone(), 20), Some(&me()));
    let group = state.group.clone().expect("a group");
    assert!(reduction.reread && group.partial && group.picture_id.as_deref() == Some("p1"));
    assert_eq!(reduction.events, [EventBody::Joined(group)]);

    // Once we have left, one without a date may be of before.
    let mut state = held();
    reduce(&mut state, &stamped(Change::Left, 20), Some(&me()));
    let undated = Observation { stamp: None, ..stamped(picture.clone(), 30) };
    let reduction = reduce(&mut state, &undated, Some(&me()));
    assert!(reduction.reread && reduction.events.is_empty() && state.group.is_none());
    let reduction = reduce(&mut state, &stamped(picture.clone(), 19), Some(&me()));
    assert!(!reduction.reread && reduction.events.is_empty() && state.group.is_none());
    let reduction = reduce(&mut state, &stamped(picture, 21), Some(&me()));
    assert!(matches!(&reduction.events[..], [EventBody::Joined(_)]));
}

#[test]
fn a_leaving_that_arrives_after_news_of_a_later_stay_ends_the_stay_before() {
    let suspended = stamped(Change::Fields(vec![FieldValue::Suspended(true)]), 30);
    let left = stamped(Change::Left, 20);
    let mut state = held();
    reduce(&mut state, &suspended, Some(&me()));
    let whole = state.group.clone();
    let reduction = reduce(&mut state, &left, Some(&me()));
    let group = state.group.clone().expect("we are in it again");
    assert!(group.partial && group.suspended && group.participants().is_empty());
    assert_eq!(reduction.events, [EventBody::Left(whole), EventBody::Joined(group)]);
    assert!(reduction.reread);

    // Of the stay before nothing was known, so that nothing ends.
    let mut state = GroupState::default();
    reduce(&mut state, &suspended, Some(&me()));
    let known = state.group.clone();
    let reduction = reduce(&mut state, &left, Some(&me()));
    assert!(reduction.reread && reduction.events.is_empty());
    assert_eq!(state.group, known);
}

#[test]
fn a_member_with_another_number_keeps_their_role() {
    let renumber = |before: u64, now: u64| {
        let now = account(now, Naming::PhoneOnly);
        stamped(Change::Renumbered { before: number(before), now }, 20)
    };
    let start = || {
        let mut state = GroupState::default();
        let admin = Participant::new(account(1, Naming::PhoneOnly), Role::Admin);
        let group = group_of(&[plain(0, Naming::Both), admin]);
        reduce(&mut state, &stamped(Change::Full(Box::new(group)), 10), Some(&me()));
        state
    };
    let mut state = start();
    let reduction = reduce(&mut state, &renumber(1, 2), Some(&me()));
    let group = state.group.clone().expect("a group");
    assert_eq!(group.role_of(&account(1, Naming::PhoneOnly)), None);
    assert_eq!(group.role_of(&account(2, Naming::PhoneOnly)), Some(Role::Admin));
    assert!(!reduction.reread && reduction.events.len() == 2, "{:?}", reduction.events);
    // Whom it was about is not known.
    for (before, now) in [(3, 2), (1, 1)] {
        let mut state = start();
        let unchanged = state.group.clone();
        let reduction = reduce(&mut state, &renumber(before, now), Some(&me()));
        assert!(reduction.reread && reduction.events.is_empty());
        assert_eq!(state.group, unchanged);
    }
}
