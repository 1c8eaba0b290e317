//! Engines repeat and reorder. Whatever they do to the reports of one source, the group ends the same,
//! no report counts twice, and the events lead exactly to that state.

mod changes;
mod names;
mod requests;
mod whole;

use std::sync::Arc;

use proptest::prelude::*;

use super::{Change, GroupState, Observation, reduce};
use crate::domain::clock::Timestamp;
use crate::domain::event::{
    EventBody, Field, FieldChange, FieldValue, JoinRequestAction, JoinRequestChanged, MemberAction,
    PictureChanged,
};
use crate::domain::fold::fold;
use crate::domain::group::{AddressingMode, Description, Group, Subject};
use crate::domain::id::{GroupId, Lid, ParticipantId, PhoneNumber};
use crate::domain::join_request::JoinRequest;
use crate::domain::lww_state::Stamp;
use crate::domain::participant::{Account, Participant, Role};

fn group_id() -> GroupId {
    "120363000000000001@g.us".parse().unwrap()
}

/// Which of an account's names a report uses.
#[derive(Debug, Clone, Copy)]
enum Naming {
    Both,
    LidOnly,
    PhoneOnly,
}

fn account(person: u64, naming: Naming) -> Account {
    let lid = Lid::new(1_000 + person);
    let phone = PhoneNumber::new(4_915_100_000_000 + person);
    match naming {
        Naming::Both => Account::from_names(lid, phone),
        Naming::LidOnly => Account::from_names(lid, None),
        Naming::PhoneOnly => Account::from_names(None, phone),
    }
    .unwrap()
}

fn me() -> Account {
    account(0, Naming::Both)
}

fn naming() -> impl Strategy<Value = Naming> {
    prop_oneof![3 => Just(Naming::Both), 1 => Just(Naming::LidOnly), 1 => Just(Naming::PhoneOnly)]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Participant), Just(Role::Admin), Just(Role::Superadmin)]
}

/// Members other than ourselves, each person once.
fn members() -> impl Strategy<Value = Vec<Participant>> {
    prop::collection::btree_map(1_u64..4, (naming(), role()), 1..4).prop_map(|people| {
        people
            .into_iter()
            .map(|(p, (naming, role))| Participant::new(account(p, naming), role))
            .collect()
    })
}

fn subject() -> impl Strategy<Value = Subject> {
    (0_u8..3).prop_map(|n| Subject { text: format!("subject {n}"), time: None, owner: None })
}

fn field_values() -> impl Strategy<Value = Vec<FieldValue>> {
    prop_oneof![
        subject().prop_map(|subject| vec![FieldValue::Subject(subject)]),
        (0_u8..3).prop_map(|n| {
            let text = if n == 0 { String::new() } else { format!("description {n}") };
            vec![FieldValue::Description(Description { text, ..Description::default() })]
        }),
        (any::<bool>(), any::<bool>()).prop_map(|(info, messages)| {
            vec![FieldValue::InfoAdminOnly(info), FieldValue::MessagesAdminOnly(messages)]
        }),
        (0_u64..3).prop_map(|p| {
            vec![FieldValue::Owner(Some(ParticipantId::Lid(Lid::new(1_000 + p).unwrap())))]
        }),
    ]
}

fn full() -> impl Strategy<Value = Change> {
    (subject(), prop::option::of(members()), any::<bool>(), prop::option::of(0_u8..2)).prop_map(
        |(subject, members, announce, picture)| {
            let mut group = Group::partial(group_id());
            group.partial = false;
            // Engines leave it out now and then; those that report it agree.
            group.create_time = announce.then(|| Timestamp::from_seconds(1));
            group.subject = subject;
            group.settings.messages_admin_only = announce;
            group.picture_id = picture.map(|n| format!("picture {n}"));
            let mut participants = members.unwrap_or_default();
            participants.push(Participant::new(me(), Role::Participant));
            group.set_participants(participants);
            Change::Full(Box::new(group))
        },
    )
}

/// The fields that a description may leave out, from a source that never reports them.
const UNREPORTED: [Field; 3] = [Field::MemberAddMode, Field::MembershipApproval, Field::Parent];

fn full_except() -> impl Strategy<Value = Change> {
    (full(), 0_usize..=UNREPORTED.len()).prop_map(|(full, count)| match full {
        Change::Full(group) => {
            Change::FullExcept { group, unreported: UNREPORTED[..count].to_vec() }
        }
        other => other,
    })
}

fn aliases() -> impl Strategy<Value = Change> {
    prop::collection::vec(1_u64..4, 1..3).prop_map(|people| {
        let pairs = people.into_iter().filter_map(|p| account(p, Naming::Both).both_names());
        Change::Aliases(pairs.collect())
    })
}

fn change() -> impl Strategy<Value = Change> {
    let action = prop_oneof![
        Just(MemberAction::Join),
        Just(MemberAction::Leave),
        Just(MemberAction::Promote),
        Just(MemberAction::Demote)
    ];
    let request = prop_oneof![
        Just(JoinRequestAction::Created),
        Just(JoinRequestAction::Rejected),
        Just(JoinRequestAction::Revoked),
        Just(JoinRequestAction::Approved)
    ];
    prop_oneof![
        3 => full(),
        1 => full_except(),
        1 => aliases(),
        2 => Just(Change::Left),
        1 => Just(Change::Deleted),
        6 => (action, members()).prop_map(|(action, members)| Change::Members { action, members }),
        4 => field_values().prop_map(Change::Fields),
        1 => prop::option::of(0_u8..2).prop_map(|n| Change::Picture(PictureChanged {
            picture_id: n.map(|n| format!("picture {n}"))
        })),
        1 => Just(Change::InviteRevoked),
        1 => (request, 1_u64..4).prop_map(|(action, person)| Change::JoinRequest(JoinRequestChanged {
            action,
            request: JoinRequest::of(account(person, Naming::Both)),
        })),
    ]
}

/// What one source reports, in the order in which it happened, two in each second.
fn reports() -> impl Strategy<Value = Vec<Observation>> {
    prop::collection::vec(change(), 1..9).prop_map(|changes| {
        changes
            .into_iter()
            .zip(0_i64..)
            .map(|(change, number)| {
                let time = Timestamp::from_seconds(100 + number / 2);
                let id = format!("{number:020}").into();
                let stamp = Some(Stamp { source: "test".into(), time, id });
                Observation { group_id: group_id(), change, actor: None, occur_time: time, stamp }
            })
            .collect()
    })
}

fn stamped(change: Change, second: i64) -> Observation {
    let time = Timestamp::from_seconds(second);
    let stamp = Some(Stamp { source: "test".into(), time, id: "1".into() });
    Observation { group_id: group_id(), change, actor: None, occur_time: time, stamp }
}

/// The same by a source that shows a part of the members, as WhatsApp does of communities.
fn in_part(reports: Vec<Observation>) -> Vec<Observation> {
    let in_part = |mut report: Observation| {
        if let Change::Full(group) | Change::FullExcept { group, .. } = &mut report.change {
            group.set_counted(Some(100));
        }
        report
    };
    reports.into_iter().map(in_part).collect()
}

/// The reports of a source that shows all members or a part of them.
fn either(part: bool, reports: Vec<Observation>) -> Vec<Observation> {
    if part { in_part(reports) } else { reports }
}

/// The reports, and an order with repetitions in which they arrive.
fn arrivals() -> impl Strategy<Value = (Vec<Observation>, Vec<usize>)> {
    reports().prop_flat_map(|reports| {
        let count = reports.len();
        let order = prop::collection::vec(0..count, 0..4)
            .prop_map(move |repeated| (0..count).chain(repeated).collect::<Vec<_>>())
            .prop_shuffle();
        (Just(reports), order)
    })
}

/// Feeds one report and checks that the events lead to the new state.
fn feed(state: &mut GroupState, report: &Observation) -> Result<usize, TestCaseError> {
    let mut folded = state.group.clone();
    let reduction = reduce(state, report, Some(&me()));
    for event in &reduction.events {
        fold(&mut folded, &group_id(), event);
    }
    prop_assert_eq!(
        &folded,
        &state.group,
        "the events do not say what happened: {:?}",
        reduction.events
    );
    Ok(reduction.events.len())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn order_and_repetition_do_not_matter((reports, order) in arrivals()) {
        let mut in_order = GroupState::default();
        for report in &reports {
            feed(&mut in_order, report)?;
        }
        let mut as_arrived = GroupState::default();
        for index in &order {
            feed(&mut as_arrived, &reports[*index])?;
        }
        prop_assert_eq!(&as_arrived.group, &in_order.group);

        for report in &reports {
            prop_assert_eq!(feed(&mut as_arrived, report)?, 0, "{:?} counted again", report);
        }
        prop_assert_eq!(&as_arrived.group, &in_order.group);
    }

    #[test]
    fn the_same_report_again_is_no_event((reports, order) in arrivals(), part in any::<bool>()) {
        let reports = either(part, reports);
        let mut state = GroupState::default();
        for index in &order {
            feed(&mut state, &reports[*index])?;
            let before = state.clone();
            prop_assert_eq!(feed(&mut state, &reports[*index])?, 0);
            prop_assert_eq!(&state, &before);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Members that a partial list leaves out have not left, ourselves included.
    #[test]
    fn a_list_in_part_is_nobodys_leaving(
        lists in prop::collection::vec((members(), any::<bool>(), prop::option::of(4_u32..90), any::<bool>()), 1..6),
    ) {
        let mut state = GroupState::default();
        let mut seen: Vec<Account> = Vec::new();
        for (listed, lists_us, counted, has_name) in lists {
            let mut group = Group::partial(group_id());
            if has_name {
                group.subject.text = "Team".to_owned();
            }
            // Partial because the engine reports a count, or because it lists nobody at all.
            if let Some(counted) = counted {
                let us = lists_us.then(|| Participant::new(me(), Role::Participant));
                group.set_participants(listed.into_iter().chain(us).collect());
                group.set_counted(Some(counted));
                seen.extend(group.participants().iter().map(|participant| participant.account));
            }
            group.partial = group.is_half_known();
            let unreported = if counted.is_some() { Vec::new() } else { vec![Field::Counted] };
            let report = Observation {
                group_id: group_id(),
                change: Change::whole(group, unreported),
                actor: None,
                occur_time: Timestamp::from_seconds(1),
                stamp: None,
            };
            let mut folded = state.group.clone();
            let reduction = reduce(&mut state, &report, Some(&me()));
            for event in &reduction.events {
                let is_going = match event {
                    EventBody::ParticipantsChanged(changed) => changed.action == MemberAction::Leave,
                    EventBody::Left(_) | EventBody::Deleted(_) => true,
                    _ => false,
                };
                prop_assert!(!is_going, "{event:?}");
                fold(&mut folded, &group_id(), event);
            }
            prop_assert_eq!(&folded, &state.group);
            let held = state.group.as_ref().expect("a group");
            for account in &seen {
                prop_assert!(held.participant(account).is_some(), "{account:?} is gone");
            }
            prop_assert!(usize::try_from(held.member_count()).unwrap() >= held.participants().len());
            prop_assert!(!has_name || held.subject.text == "Team");
        }
    }
}

/// A member joins while another one, held under two names, turns out to be one and an admin: none is counted twice.
#[test]
fn the_count_of_a_list_in_part_is_what_its_events_lead_to() {
    let list = |people: &[(u64, Naming, Role)], counted| {
        let mut group = Group::partial(group_id());
        group.subject.text = "Team".to_owned();
        let people = people.iter();
        let people =
            people.map(|(number, naming, role)| Participant::new(account(*number, *naming), *role));
        group.set_participants(people.collect());
        group.set_counted(Some(counted));
        group.partial = group.is_half_known();
        Observation {
            group_id: group_id(),
            change: Change::whole(group, Vec::new()),
            actor: None,
            occur_time: Timestamp::from_seconds(1),
            stamp: None,
        }
    };
    let (member, admin) = (Role::Participant, Role::Admin);
    let mut state = GroupState::default();
    let first =
        [(1, Naming::LidOnly, member), (1, Naming::PhoneOnly, member), (2, Naming::Both, member)];
    reduce(&mut state, &list(&first, 3), None);
    for (people, counted) in [
        (&[(1, Naming::Both, admin), (3, Naming::Both, member)][..], 3),
        (&[(1, Naming::Both, admin), (3, Naming::Both, member)][..], 4),
        (&[(4, Naming::Both, member)][..], 4),
    ] {
        let mut folded = state.group.clone();
        for event in &reduce(&mut state, &list(people, counted), None).events {
            fold(&mut folded, &group_id(), event);
        }
        assert_eq!(folded, state.group);
    }
}

/// A partial list does not show who left before it was made, so a leaving that is reported later counts.
#[test]
fn a_leaving_that_arrives_after_a_later_list_in_part_counts() {
    let person = |number| Participant::new(account(number, Naming::Both), Role::Participant);
    let list = |people: &[u64]| {
        let mut group = Group::partial(group_id());
        group.subject.text = "House".to_owned();
        group.partial = false;
        group.set_participants(people.iter().map(|number| person(*number)).collect());
        group.set_counted(Some(100));
        Change::Full(Box::new(group))
    };
    let leave =
        |number| Change::Members { action: MemberAction::Leave, members: vec![person(number)] };
    let mut state = GroupState::default();
    reduce(&mut state, &stamped(list(&[1, 2]), 10), Some(&me()));
    reduce(&mut state, &stamped(list(&[1]), 30), Some(&me()));
    let held =
        |state: &GroupState| state.group.as_ref().map_or(0, |group| group.participants().len());
    assert_eq!(held(&state), 2);
    let late = reduce(&mut state, &stamped(leave(2), 20), Some(&me()));
    assert!(matches!(&late.events[..], [EventBody::ParticipantsChanged(_)]), "{:?}", late.events);
    // A member that the later list has came back.
    let late = reduce(&mut state, &stamped(leave(1), 20), Some(&me()));
    assert_eq!((late.events.len(), held(&state)), (0, 1));
    let left = reduce(&mut state, &stamped(Change::Left, 25), Some(&me()));
    assert!(left.events.is_empty(), "we were in it later");
}

#[test]
fn leaving_and_coming_back_in_the_wrong_order_ends_inside() {
    let mut group = Group::partial(group_id());
    group.partial = false;
    group.set_participants(vec![Participant::new(me(), Role::Participant)]);
    let mut state = GroupState::default();
    reduce(&mut state, &stamped(Change::Full(Box::new(group.clone())), 20), Some(&me()));
    let left = reduce(&mut state, &stamped(Change::Left, 10), Some(&me()));
    assert!(left.events.is_empty());
    assert_eq!(state.group, Some(Arc::new(group)));
}

#[test]
fn a_move_to_hidden_ids_that_nobody_can_match_is_not_everyone_leaving() {
    let phones = [4_915_100_000_001, 4_915_100_000_002];
    let lids = [111, 222];
    let group = |mode, members: Vec<Account>| {
        let mut group = Group::partial(group_id());
        group.partial = false;
        group.addressing_mode = mode;
        group.set_participants(
            members
                .into_iter()
                .map(|account| Participant::new(account, Role::Participant))
                .collect(),
        );
        group
    };
    let by_phone = |phone| Account::new(ParticipantId::Phone(PhoneNumber::new(phone).unwrap()));
    let by_lid = |lid| Account::new(ParticipantId::Lid(Lid::new(lid).unwrap()));
    let described = |group: &Group| Observation {
        group_id: group_id(),
        change: Change::Full(Box::new(group.clone())),
        actor: None,
        occur_time: Timestamp::from_seconds(1),
        stamp: None,
    };
    let before = group(AddressingMode::PhoneNumber, phones.map(by_phone).to_vec());
    let after = group(AddressingMode::Lid, lids.map(by_lid).to_vec());
    let mut state = GroupState::default();
    reduce(&mut state, &described(&before), None);
    let moved = reduce(&mut state, &described(&after), None);
    let [EventBody::Updated(changes)] = &moved.events[..] else { panic!("{:?}", moved.events) };
    assert!(matches!(changes.last(), Some(FieldChange::Completed(all)) if **all == after));
    // Once the ids are hidden, a member that is missing has left.
    let fewer = group(AddressingMode::Lid, vec![by_lid(111)]);
    let left = reduce(&mut state, &described(&fewer), None);
    assert!(matches!(&left.events[..], [EventBody::ParticipantsChanged(_)]), "{:?}", left.events);

    // Where the pairs are known, the members are the same as before.
    let mut state = GroupState::default();
    reduce(&mut state, &described(&before), None);
    let pairs: Vec<_> = lids
        .into_iter()
        .zip(phones)
        .map(|(lid, phone)| (Lid::new(lid).unwrap(), PhoneNumber::new(phone).unwrap()))
        .collect();
    let aliases = Observation { change: Change::Aliases(pairs), ..described(&before) };
    let learned = reduce(&mut state, &aliases, None);
    assert!(matches!(&learned.events[..], [EventBody::Updated(changes)] if changes.len() == 2));
    let moved = reduce(&mut state, &described(&after), None);
    let [EventBody::Updated(changes)] = &moved.events[..] else { panic!("{:?}", moved.events) };
    assert!(matches!(&changes[..], [FieldChange::Value { .. }]), "{changes:?}");
}
