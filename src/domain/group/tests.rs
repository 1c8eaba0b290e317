use super::*;
use crate::domain::id::{Lid, PhoneNumber};

fn group() -> Group {
    Group::partial("120363000000000001@g.us".parse().expect("an id"))
}

/// By hidden id, by number, or by both; 0 = not known.
fn account(lid: u64, phone: u64) -> Account {
    Account::from_names(Lid::new(lid), PhoneNumber::new(phone)).expect("a name")
}

const PHONE: u64 = 4_915_100_000_001;

fn member(account: Account) -> Participant {
    Participant::new(account, Role::Participant)
}

fn ids(group: &Group) -> Vec<ParticipantId> {
    group.participants().iter().map(Participant::id).collect()
}

#[test]
fn members_are_sorted_and_each_stands_there_once_with_their_higher_role() {
    let mut group = group();
    group.set_participants(vec![
        member(account(3, 0)),
        member(account(1, 0)),
        Participant::new(account(2, 0), Role::Superadmin),
        Participant::new(account(1, 0), Role::Admin),
    ]);
    let roles: Vec<_> = group.participants().iter().map(|p| (p.id(), p.role)).collect();
    let expected = [
        (account(1, 0).id(), Role::Admin),
        (account(2, 0).id(), Role::Superadmin),
        (account(3, 0).id(), Role::Participant),
    ];
    assert_eq!(roles, expected);
}

#[test]
fn a_member_is_found_under_either_name() {
    let mut group = group();
    for number in [5, 1, 3] {
        group.put_participant(member(account(number, PHONE + number)));
    }
    assert_eq!(ids(&group), [1, 3, 5].map(|number| account(number, 0).id()));
    group.put_participant(Participant::new(account(3, PHONE + 3), Role::Admin));
    for name in [account(3, 0), account(0, PHONE + 3), account(3, PHONE + 3)] {
        assert_eq!(group.role_of(&name), Some(Role::Admin), "{name:?}");
        assert_eq!(group.participant(&name).map(Participant::id), Some(account(3, 0).id()));
    }
    for name in [account(4, 0), account(0, PHONE + 4)] {
        assert_eq!((group.role_of(&name), group.participant(&name)), (None, None));
    }
}

#[test]
fn an_account_that_was_held_under_two_names_is_one_member() {
    let two = vec![member(account(1, 0)), member(account(0, PHONE)), member(account(2, 0))];
    let mut put = group();
    put.set_participants(two.clone());
    put.put_participant(Participant::new(account(1, PHONE), Role::Admin));
    assert_eq!(ids(&put), [account(1, 0).id(), account(2, 0).id()]);
    assert_eq!(put.role_of(&account(1, 0)), Some(Role::Admin));

    let mut removed = group();
    removed.set_participants(two);
    assert!(removed.remove_participant(&account(1, PHONE)).is_some());
    assert_eq!(ids(&removed), [account(2, 0).id()]);
    assert_eq!(removed.remove_participant(&account(1, PHONE)), None);
}

#[test]
fn a_group_counts_what_it_shows_unless_whatsapp_counts_more() {
    let mut group = group();
    assert_eq!((group.member_count(), group.counted()), (0, None));
    group.put_participant(member(account(1, 0)));
    group.put_participant(member(account(2, 0)));
    assert_eq!(group.member_count(), 2);
    group.set_counted(Some(3));
    assert_eq!((group.member_count(), group.counted()), (3, Some(3)));
    group.set_counted(Some(1));
    assert_eq!(group.counted(), Some(2), "as many as are shown");
    group.put_participant(member(account(3, 0)));
    assert_eq!(group.member_count(), 3);
    group.set_participants((1..=5).map(|number| member(account(number, 0))).collect());
    assert_eq!(group.member_count(), 5);
    group.set_counted(None);
    group.remove_participant(&account(5, 0));
    assert_eq!((group.member_count(), group.counted()), (4, None));
}

#[test]
fn no_group_is_without_a_name_and_members() {
    let mut group = group();
    assert!(group.is_half_known());
    group.subject.text = "Team".to_owned();
    assert!(group.is_half_known());
    group.put_participant(member(account(1, 0)));
    assert!(!group.is_half_known());
    group.subject.text.clear();
    assert!(group.is_half_known());
}

#[test]
fn texts_have_whatsapp_s_limits_in_characters() {
    let subject = |length| "ä".repeat(length).parse::<SubjectText>();
    assert_eq!(subject(100).expect("a subject").as_str().chars().count(), 100);
    let error = subject(101).expect_err("too long");
    assert!(error.to_string().contains("it has 101"), "{error}");
    for text in ["", "   ", "a\u{7}b", "a\nb"] {
        assert!(text.parse::<SubjectText>().is_err(), "{text:?}");
        assert!(SubjectText::try_from(text.to_owned()).is_err(), "{text:?}");
    }
    let description = |length| "ä".repeat(length).parse::<DescriptionText>();
    assert_eq!(description(2048).expect("a description").as_str().chars().count(), 2048);
    let error = description(2049).expect_err("too long");
    assert!(error.to_string().contains("it has 2049"), "{error}");
    assert_eq!("".parse(), Ok(DescriptionText::default()));
    assert_eq!("a\nb".parse::<DescriptionText>().expect("lines").as_str(), "a\nb");
    assert!(DescriptionText::try_from("a\u{7}b".to_owned()).is_err());
}

#[test]
fn messages_disappear_after_a_year_at_the_latest() {
    assert_eq!(MAX_TIMER_SECONDS, 31_536_000);
}
