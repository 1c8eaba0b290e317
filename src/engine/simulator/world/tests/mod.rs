mod convergence;
mod durability;
mod rules;

use super::{Done, Operation, Refusal, World};
use crate::domain::clock::Timestamp;
use crate::domain::group::{AddressingMode, GroupSettings};
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber, SessionName};
use crate::domain::port::engine::RequestedAccount;

pub(super) fn phone(number: u64) -> PhoneNumber {
    PhoneNumber::new(number).unwrap()
}

pub(super) fn id(number: u64) -> ParticipantId {
    ParticipantId::Phone(phone(number))
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + second)
}

pub(super) fn session(name: &str) -> SessionName {
    name.parse().unwrap()
}

pub(super) const ALICE: u64 = 4_915_100_000_001;
pub(super) const BOB: u64 = 4_915_100_000_002;
pub(super) const CAROL: u64 = 4_915_100_000_003;
pub(super) const DAVE: u64 = 4_915_100_000_005;

/// A world in which Alice and Bob are sessions' accounts.
pub(super) fn world() -> World {
    let mut world = World::new(7);
    for (name, number) in [("alice", ALICE), ("bob", BOB)] {
        let wish = RequestedAccount { phone_number: Some(phone(number)), push_name: None };
        world.log_in(&session(name), &wish).unwrap();
    }
    world
}

pub(super) fn act(
    world: &mut World,
    second: i64,
    actor: u64,
    operation: Operation,
) -> Result<Done, Refusal> {
    world.perform(at(second), phone(actor), &operation, false)
}

pub(super) fn describe(group_id: GroupId, text: impl Into<String>) -> Operation {
    Operation::SetDescription { group_id, text: text.into(), expected_id: None }
}

/// A group of Alice's with these members.
pub(super) fn group_of(world: &mut World, members: &[u64]) -> GroupId {
    let operation = Operation::Create {
        subject: "Team".to_owned(),
        description: String::new(),
        participants: members.iter().map(|number| id(*number)).collect(),
        settings: GroupSettings::default(),
        addressing_mode: AddressingMode::Lid,
    };
    act(world, 0, ALICE, operation).unwrap().group_id.unwrap()
}
