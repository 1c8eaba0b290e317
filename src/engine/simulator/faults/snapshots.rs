//! Lists of all groups that are not true.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::Faults;
use crate::domain::group::Group;
use crate::domain::id::SessionName;
use crate::domain::operation::Snapshot;

/// In what way a list is not true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Defect {
    MissingGroups,
    MissingMembers,
    /// A blank subject and no members.
    BlankGroups,
    Empty,
    /// The list as it was when the fault was injected, reported as up to `age` old.
    Stale {
        groups: Vec<Group>,
        age: Duration,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFault {
    pub defect: Defect,
    /// Of how many of the groups; not for `Empty` and `Stale`.
    pub percent: u32,
}

impl Faults {
    /// The list as the session gets it.
    pub(in crate::engine::simulator) fn spoil(
        &self,
        session: &SessionName,
        snapshot: Snapshot,
    ) -> Snapshot {
        let mut book = self.book();
        let struck = book.snapshots.iter_mut().find(|fault| fault.concerns(session)).map(|fault| {
            fault.uses.take(1);
            (fault.kind.clone(), fault.id)
        });
        book.snapshots.retain(|fault| !fault.uses.is_used_up());
        drop(book);
        match struck {
            Some((fault, id)) => spoilt(snapshot, fault, id),
            None => snapshot,
        }
    }
}

/// An untrue list has no stamp to order it among the notifications.
fn spoilt(snapshot: Snapshot, fault: SnapshotFault, seed: u64) -> Snapshot {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut is_hit = || chance.next_u64() % 100 < u64::from(fault.percent);
    let mut max_age = snapshot.max_age;
    let groups = match fault.defect {
        Defect::Empty => Vec::new(),
        Defect::Stale { groups, age } => {
            max_age = age;
            groups
        }
        Defect::MissingGroups => snapshot.groups.into_iter().filter(|_| !is_hit()).collect(),
        Defect::MissingMembers => {
            let mut groups = snapshot.groups;
            groups.iter_mut().filter(|_| is_hit()).for_each(|group| {
                group.set_participants(Vec::new());
            });
            groups
        }
        Defect::BlankGroups => {
            let blank = |group: Group| if is_hit() { Group::partial(group.id) } else { group };
            snapshot.groups.into_iter().map(blank).collect()
        }
    };
    Snapshot { groups, stamp: None, max_age, ..snapshot }
}
