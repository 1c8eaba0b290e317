use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::{CallOutcome, CallRecord, Operation, REMEMBERED_CALLS, World};
use super::{ALICE, BOB, CAROL, DAVE, act, at, describe, group_of, id, phone, session, world};
use crate::domain::operation::OperationName;
use crate::domain::setting::Setting;

fn applied(name: &str, call_key: &str) -> CallRecord {
    CallRecord {
        number: 0,
        session: session(name),
        operation: OperationName::SetGroupSubject,
        group_id: None,
        call_key: call_key.to_owned(),
        time: at(0),
        applied: true,
        outcome: CallOutcome::Ok,
        code: 0,
    }
}

/// Writes down what changed, as a store would.
fn save(world: &mut World, store: &mut BTreeMap<String, Bytes>) {
    for (key, value) in world.changes().unwrap() {
        assert!(key.len() <= 200, "{key}");
        match value {
            Some(bytes) => store.insert(key, bytes),
            None => store.remove(&key),
        };
    }
    world.settle();
}

fn restored(store: &BTreeMap<String, Bytes>) -> World {
    let rows: Vec<(String, Bytes)> = store.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    World::restore(&rows, 99).unwrap()
}

/// Some of everything, each step with its own time.
fn live(world: &mut World, mut after_each: impl FnMut(&mut World)) {
    let group = group_of(world, &[BOB, CAROL]);
    after_each(world);
    let code = world.group(&group).unwrap().invite_code.clone();
    let approval = vec![Setting::MembershipApproval(true), Setting::DisappearingTimer(86_400)];
    let steps = vec![
        (CAROL, Operation::Leave(group.clone())),
        (ALICE, describe(group.clone(), "words")),
        (ALICE, Operation::Promote(group.clone(), vec![id(BOB)])),
        (DAVE, Operation::JoinByInvite(code.clone())),
        (BOB, Operation::Remove(group.clone(), vec![id(DAVE)])),
        (BOB, Operation::Add(group.clone(), vec![id(4_915_100_010_403)])),
        (ALICE, Operation::ChangeSettings(group.clone(), approval)),
        (4_915_100_000_009, Operation::JoinByInvite(code)),
        (ALICE, Operation::Leave(group)),
    ];
    for (second, (actor, operation)) in (1..).zip(steps) {
        act(world, second, actor, operation).unwrap();
        world.note_call(applied("alice", &format!("request {second}")));
        after_each(world);
    }
    let first = world.queued(phone(ALICE), 1)[0].number;
    world.acknowledge(phone(ALICE), &[first]);
    after_each(world);
}

#[test]
fn a_restored_world_is_the_same_and_goes_on_the_same_way() {
    let mut store = BTreeMap::new();
    let mut first = world();
    save(&mut first, &mut store);
    live(&mut first, |world| {
        save(world, &mut store);
        assert!(restored(&store) == *world);
    });
    let mut second = restored(&store);
    let made = group_of(&mut first, &[CAROL]);
    assert_eq!(group_of(&mut second, &[CAROL]), made);
    assert!(first == second);
    assert_eq!(second.applied(&session("alice"), "request 3"), 1);
    assert_eq!(second.session_account(&session("bob")), Some(phone(BOB)));
    let code = second.group(&made).unwrap().invite_code.clone();
    act(&mut second, 50, DAVE, Operation::JoinByInvite(code)).unwrap();
}

#[test]
fn the_same_seed_and_operations_make_the_same_world() {
    let (mut first, mut second) = (world(), world());
    live(&mut first, |_| {});
    live(&mut second, |_| {});
    assert!(first == second);
    let mut other = World::new(8);
    group_of(&mut other, &[]);
    let (id_there, id_here) = (other.groups(None).next(), first.groups(None).next());
    assert_ne!(id_there.map(|g| &g.core.id), id_here.map(|g| &g.core.id));
}

#[test]
fn what_was_rolled_back_never_happened() {
    let mut world = world();
    live(&mut world, |_| {});
    world.settle();
    let before = world.clone();
    let group = group_of(&mut world, &[BOB]);
    let code = world.group(&group).unwrap().invite_code.clone();
    world.note_call(applied("alice", "lost"));
    world.log_out(&session("bob"));
    world.roll_back();
    assert!(world == before);
    assert!(world.changes().unwrap().is_empty());
    assert_eq!(world.applied(&session("alice"), "lost"), 0);
    assert_eq!(world.session_account(&session("bob")), Some(phone(BOB)));
    assert!(act(&mut world, 100, CAROL, Operation::JoinByInvite(code)).is_err());
}

#[test]
fn the_oldest_applied_requests_are_forgotten() {
    let mut world = world();
    world.note_call(applied("alice", "first"));
    world.note_call(applied("alice", "first"));
    for n in 0..REMEMBERED_CALLS - 1 {
        world.note_call(applied("bob", &n.to_string()));
    }
    assert_eq!(world.applied(&session("alice"), "first"), 1);
    assert_eq!(world.applied(&session("bob"), "first"), 0);
    world.note_call(applied("bob", "last"));
    assert_eq!(world.applied(&session("alice"), "first"), 0);
    assert_eq!(world.applied(&session("bob"), "last"), 1);
}

#[test]
fn time_never_stands_still() {
    let mut world = world();
    group_of(&mut world, &[BOB]);
    for back in [0, 0, -50, -50] {
        let group = world.groups(None).next().unwrap().core.id.clone();
        let subject = format!("subject {}", world.last_change_time());
        act(&mut world, back, ALICE, Operation::SetSubject(group, subject)).unwrap();
    }
    let queued = world.queued(phone(BOB), 100);
    assert_eq!(queued.len(), 5);
    for pair in queued.windows(2) {
        assert!(pair[0].time < pair[1].time && pair[0].number < pair[1].number);
        let stamps = pair.iter().map(|n| n.observation().stamp.unwrap()).collect::<Vec<_>>();
        assert!(stamps[1].is_after(&stamps[0]) && stamps[0].id < stamps[1].id);
    }
}
