//! Requests to join: asked, answered, withdrawn, and found missing.

use super::*;

const MEMBER: Role = Role::Participant;

/// A group in which we have this role.
fn group_with_us(role: Role) -> GroupState {
    let mut state = GroupState::default();
    let mut group = Group::partial(group_id());
    group.partial = false;
    group.set_participants(vec![Participant::new(me(), role)]);
    reduce(&mut state, &stamped(Change::Full(Box::new(group)), 1), Some(&me()));
    state
}

fn asked_at(person: u64, seconds: i64) -> JoinRequest {
    JoinRequest {
        request_time: Some(Timestamp::from_seconds(seconds)),
        ..JoinRequest::of(account(person, Naming::LidOnly))
    }
}

fn changed(action: JoinRequestAction, request: JoinRequest) -> Change {
    Change::JoinRequest(JoinRequestChanged { action, request })
}

/// What the events say became of whose request, and when that was made.
fn told(events: &[EventBody]) -> Vec<(JoinRequestAction, Account, Option<Timestamp>)> {
    let of = |event: &EventBody| match event {
        EventBody::JoinRequest(JoinRequestChanged { action, request }) => {
            Some((*action, request.requester, request.request_time))
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

fn open(state: &GroupState) -> Vec<Account> {
    state.facts.open_requests().into_iter().map(|request| request.requester).collect()
}

fn undated(change: Change) -> Observation {
    Observation { stamp: None, ..stamped(change, 50) }
}

#[test]
fn an_answer_tells_of_the_request_as_it_was_made() {
    use JoinRequestAction::{Approved, Created, Rejected, Revoked};
    let person = account(1, Naming::LidOnly);
    let time = Some(Timestamp::from_seconds(5));
    for answer in [Approved, Rejected, Revoked] {
        for dated in [true, false] {
            let report =
                |change, seconds| if dated { stamped(change, seconds) } else { undated(change) };
            let mut state = group_with_us(Role::Admin);
            let created = report(changed(Created, asked_at(1, 5)), 10);
            let first = reduce(&mut state, &created, Some(&me()));
            assert_eq!(told(&first.events), [(Created, person, time)]);
            assert_eq!(open(&state), [person]);
            assert!(reduce(&mut state, &created, Some(&me())).events.is_empty());
            let answered = report(changed(answer, JoinRequest::of(person)), 20);
            let second = reduce(&mut state, &answered, Some(&me()));
            assert_eq!(told(&second.events), [(answer, person, time)]);
            assert!(open(&state).is_empty());
            assert!(reduce(&mut state, &answered, Some(&me())).events.is_empty());
            // Only what is dated can be told from a repetition.
            assert_eq!(state.facts.requests.is_empty(), !dated);
            let again = reduce(&mut state, &created, Some(&me()));
            assert_eq!(told(&again.events).is_empty(), dated);
        }
    }
}

#[test]
fn a_list_of_all_requests_opens_and_withdraws() {
    use JoinRequestAction::{Created, Revoked};
    let [one, two, three] = [1, 2, 3].map(|person| account(person, Naming::LidOnly));
    let mut state = group_with_us(Role::Admin);
    assert_eq!(state.facts.requests_time, None);
    let first = Change::JoinRequests(vec![asked_at(1, 5), asked_at(2, 6)]);
    let first = reduce(&mut state, &undated(first), Some(&me()));
    assert_eq!(told(&first.events).len(), 2);
    assert_eq!(open(&state), [one, two]);
    assert_eq!(state.facts.requests_time, Some(Timestamp::from_seconds(50)));
    let second = Change::JoinRequests(vec![asked_at(2, 6), asked_at(3, 7)]);
    let second = reduce(&mut state, &undated(second), Some(&me()));
    let time = |seconds| Some(Timestamp::from_seconds(seconds));
    assert_eq!(told(&second.events), [(Revoked, one, time(5)), (Created, three, time(7))]);
    assert_eq!(open(&state), [two, three]);
}

#[test]
fn requests_to_a_group_that_we_are_not_in_are_nobody_s() {
    let mut state = GroupState::default();
    let list = Change::JoinRequests(vec![asked_at(1, 5)]);
    let reduction = reduce(&mut state, &undated(list), Some(&me()));
    assert!(reduction.events.is_empty() && !reduction.touched);
    assert_eq!(state, GroupState::default());
}

/// WhatsApp notifies only admins of new ones, so that who is none cannot know them all.
#[test]
fn all_requests_are_known_only_while_we_are_an_admin() {
    let list = || undated(Change::JoinRequests(vec![asked_at(1, 5)]));
    let mut state = group_with_us(MEMBER);
    reduce(&mut state, &list(), Some(&me()));
    assert_eq!(state.facts.requests_time, None);

    for role in [Role::Admin, Role::Superadmin] {
        let mut state = group_with_us(role);
        reduce(&mut state, &list(), Some(&me()));
        assert!(state.facts.requests_time.is_some(), "{role:?}");
        let members = vec![Participant::new(me(), MEMBER)];
        let demoted = Change::Members { action: MemberAction::Demote, members };
        reduce(&mut state, &undated(demoted), Some(&me()));
        assert_eq!(state.facts.requests_time, None, "{role:?}");
    }
}

#[test]
fn who_joins_was_approved_under_whatever_name_they_asked() {
    use JoinRequestAction::{Approved, Created};
    let mut state = group_with_us(Role::Admin);
    for person in [1, 2] {
        let created = stamped(changed(Created, asked_at(person, 5)), 10);
        reduce(&mut state, &created, Some(&me()));
    }
    let members = vec![Participant::new(account(1, Naming::Both), MEMBER)];
    let join = Change::Members { action: MemberAction::Join, members };
    let joined = reduce(&mut state, &stamped(join, 20), Some(&me()));
    let [EventBody::JoinRequest(_), EventBody::ParticipantsChanged(_)] = &joined.events[..] else {
        panic!("{:?}", joined.events);
    };
    let person = account(1, Naming::LidOnly);
    let time = Some(Timestamp::from_seconds(5));
    assert_eq!(told(&joined.events), [(Approved, person, time)]);
    assert_eq!(open(&state), [account(2, Naming::LidOnly)]);

    let mut group = (*state.group.clone().expect("a group")).clone();
    group.put_participant(Participant::new(account(2, Naming::Both), MEMBER));
    let whole = stamped(Change::Full(Box::new(group)), 30);
    let whole = reduce(&mut state, &whole, Some(&me()));
    assert_eq!(told(&whole.events), [(Approved, account(2, Naming::LidOnly), time)]);
    assert!(open(&state).is_empty());
}
