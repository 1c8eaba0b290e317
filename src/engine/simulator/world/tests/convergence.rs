//! Whatever order the notifications of an account arrive in, and however often, what our reducer makes
//! of them is what the world holds.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{Operation, World};
use super::{ALICE, BOB, CAROL, DAVE, act, describe, id, phone, world};
use crate::domain::group::{AddressingMode, Group, GroupSettings};
use crate::domain::id::GroupId;
use crate::domain::reducer::{GroupState, reduce};
use crate::domain::setting::Setting;

const PEOPLE: [u64; 5] = [ALICE, BOB, CAROL, DAVE, 4_915_100_000_009];

/// An operation on the n-th group that there is.
#[derive(Debug, Clone)]
enum Step {
    Create(Vec<usize>),
    Leave,
    SetSubject(u8),
    SetDescription(u8),
    Announce(bool),
    Add(usize),
    Remove(usize),
    Promote(usize),
    Demote(usize),
    Join,
}

fn step() -> impl Strategy<Value = (usize, usize, Step)> {
    let person = 0..PEOPLE.len();
    let step = prop_oneof![
        2 => prop::collection::vec(person.clone(), 0..4).prop_map(Step::Create),
        3 => Just(Step::Leave),
        2 => (0_u8..3).prop_map(Step::SetSubject),
        2 => (0_u8..3).prop_map(Step::SetDescription),
        1 => any::<bool>().prop_map(Step::Announce),
        4 => person.clone().prop_map(Step::Add),
        3 => person.clone().prop_map(Step::Remove),
        3 => person.clone().prop_map(Step::Promote),
        2 => person.clone().prop_map(Step::Demote),
        3 => Just(Step::Join),
    ];
    (person, 0_usize..2, step)
}

fn take(world: &mut World, second: i64, (actor, group, step): &(usize, usize, Step)) {
    let there: Vec<GroupId> = world.groups(None).map(|group| group.core.id.clone()).collect();
    let actor = PEOPLE[*actor];
    if let Step::Create(members) = step {
        let operation = Operation::Create {
            subject: "new".into(),
            description: String::new(),
            participants: members.iter().map(|person| id(PEOPLE[*person])).collect(),
            settings: GroupSettings::default(),
            addressing_mode: AddressingMode::Lid,
        };
        act(world, second, actor, operation).unwrap();
        return;
    }
    let Some(group) = there.get(*group % there.len().max(1)).cloned() else { return };
    let operation = match step {
        Step::Create(_) => return,
        Step::Leave => Operation::Leave(group),
        Step::SetSubject(n) => Operation::SetSubject(group, format!("subject {n}")),
        Step::SetDescription(0) => describe(group, String::new()),
        Step::SetDescription(n) => describe(group, format!("description {n}")),
        Step::Announce(on) => {
            Operation::ChangeSettings(group, vec![Setting::MessagesAdminOnly(*on)])
        }
        Step::Add(person) => Operation::Add(group, vec![id(PEOPLE[*person])]),
        Step::Remove(person) => Operation::Remove(group, vec![id(PEOPLE[*person])]),
        Step::Promote(person) => Operation::Promote(group, vec![id(PEOPLE[*person])]),
        Step::Demote(person) => Operation::Demote(group, vec![id(PEOPLE[*person])]),
        Step::Join => Operation::WalkIn(group),
    };
    // Refusals are part of the game.
    let _ = act(world, second, actor, operation);
}

/// What the reducer promises: who set a text, when, and under which id it does not follow where the
/// text is the same as before.
fn promised(group: &Group) -> Group {
    let mut group = group.clone();
    (group.subject.time, group.subject.owner) = (None, None);
    (group.description.time, group.description.owner) = (None, None);
    group.description.id.clear();
    group
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_order_of_notifications_leads_to_the_truth(
        steps in prop::collection::vec(step(), 1..25),
        keys in prop::collection::vec((any::<u32>(), 1_usize..3), 200),
    ) {
        let mut world = world();
        for (second, step) in (0..).zip(&steps) {
            take(&mut world, second, step);
        }
        for account in [phone(ALICE), phone(BOB)] {
            let me = world.names(account);
            let queued = world.queued(account, usize::MAX);
            let mut arriving: Vec<(u32, usize)> = Vec::new();
            for (index, _) in queued.iter().enumerate() {
                let (key, times) = keys[index % keys.len()];
                // Copies are far apart.
                arriving.extend((0..times).map(|copy| (key.rotate_left(u32::try_from(copy).unwrap() * 7), index)));
            }
            arriving.sort_unstable();
            let mut states: BTreeMap<GroupId, GroupState> = BTreeMap::new();
            for (_, index) in &arriving {
                let report = queued[*index].observation();
                reduce(states.entry(report.group_id.clone()).or_default(), &report, Some(&me));
            }
            let ours: Vec<Group> = states.values().filter_map(|state| state.group.as_deref().map(promised)).collect();
            let truth: Vec<Group> = world.groups(Some(account)).map(|group| promised(&group.core.view())).collect();
            prop_assert_eq!(ours, truth);
            for notification in &queued {
                let report = notification.observation();
                let state = states.entry(report.group_id.clone()).or_default();
                prop_assert!(reduce(state, &report, Some(&me)).events.is_empty());
            }
        }
    }
}
