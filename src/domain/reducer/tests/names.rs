//! One account that was held under two names.

use super::*;

fn change(action: MemberAction, naming: Naming, role: Role) -> Change {
    let members = vec![Participant::new(account(1, naming), role)];
    Change::Members { action, members }
}

/// What is held of the person and the last events, once both names turn out to be theirs.
fn united(first: (Change, i64), second: (Change, i64)) -> (Option<Role>, Vec<EventBody>) {
    let mut state = GroupState::default();
    let mut group = Group::partial(group_id());
    group.partial = false;
    group.set_participants(vec![Participant::new(me(), Role::Participant)]);
    for (change, second) in [(Change::Full(Box::new(group)), 1), first, second] {
        reduce(&mut state, &stamped(change, second), Some(&me()));
    }
    let pair = account(1, Naming::Both).both_names().expect("both");
    let aliases = Observation { stamp: None, ..stamped(Change::Aliases(vec![pair]), 99) };
    let mut folded = state.group.clone();
    let reduction = reduce(&mut state, &aliases, Some(&me()));
    for event in &reduction.events {
        fold(&mut folded, &group_id(), event);
    }
    assert_eq!(folded, state.group);
    let group = state.group.expect("a group");
    let role = group.role_of(&account(1, Naming::Both));
    assert_eq!(group.participants().len(), 1 + usize::from(role.is_some()));
    (role, reduction.events)
}

#[test]
fn of_two_reports_of_one_account_the_newer_one_stands() {
    let (member, admin) = (Role::Participant, Role::Admin);
    let join = MemberAction::Join;
    for (lid_time, phone_time, role) in [(20, 10, admin), (10, 20, member)] {
        let by_lid = (change(join, Naming::LidOnly, admin), lid_time);
        let by_phone = (change(join, Naming::PhoneOnly, member), phone_time);
        for (first, second) in
            [(by_lid.clone(), by_phone.clone()), (by_phone.clone(), by_lid.clone())]
        {
            let (held, events) = united(first, second);
            assert_eq!(held, Some(role), "{lid_time} {phone_time}");
            let [EventBody::Updated(changes)] = &events[..] else { panic!("{events:?}") };
            assert!(matches!(&changes[..], [FieldChange::Alias(_)]), "{changes:?}");
        }
    }
}

#[test]
fn who_left_under_one_name_is_gone_under_the_other() {
    let member = Role::Participant;
    for (joined_as, left_as) in
        [(Naming::PhoneOnly, Naming::LidOnly), (Naming::LidOnly, Naming::PhoneOnly)]
    {
        for (left_at, role) in [(20, None), (5, Some(member))] {
            let joined = (change(MemberAction::Join, joined_as, member), 10);
            let left = (change(MemberAction::Leave, left_as, member), left_at);
            let (held, events) = united(joined, left);
            assert_eq!(held, role, "{joined_as:?} {left_at}");
            assert_eq!(events.len(), 1, "{events:?}");
        }
    }
}

#[test]
fn a_late_report_does_not_bring_a_former_number_back() {
    let (former, now) = (account(1, Naming::PhoneOnly), account(2, Naming::PhoneOnly));
    let with_number = |number: Account| {
        Account::from_names(account(1, Naming::LidOnly).lid(), number.phone()).expect("names")
    };
    let reported = |number| {
        let members = vec![Participant::new(with_number(number), Role::Participant)];
        Change::Members { action: MemberAction::Join, members }
    };
    let mut state = GroupState::default();
    reduce(&mut state, &stamped(reported(former), 10), Some(&me()));
    let renamed = reduce(&mut state, &stamped(reported(now), 20), Some(&me()));
    assert!(matches!(&renamed.events[..], [EventBody::Updated(_)]), "{:?}", renamed.events);
    let late = reduce(&mut state, &stamped(reported(former), 15), Some(&me()));
    assert!(late.events.is_empty(), "{:?}", late.events);
    let group = state.group.expect("a group");
    let accounts: Vec<Account> = group.participants().iter().map(|p| p.account).collect();
    assert_eq!(accounts, [with_number(now)]);
}
