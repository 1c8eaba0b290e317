//! Reading groups as WhatsApp has them now: one, or all.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Operation, OperationName};
use crate::domain::clock::Timestamp;
use crate::domain::event::Field;
use crate::domain::group::Group;
use crate::domain::id::GroupId;
use crate::domain::lww_state::Stamp;
use crate::domain::reducer::Change;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchGroup {
    pub group_id: GroupId,
}

impl Operation for FetchGroup {
    type Answer = FetchedGroup;

    fn name(&self) -> OperationName {
        OperationName::FetchGroup
    }
}

/// One group as WhatsApp has it now.
#[derive(Debug, Clone)]
pub struct FetchedGroup {
    /// `None` where we are not in it.
    pub group: Option<Group>,
    /// What the engine does not report, or knows from a cache only.
    pub unreported: Vec<Field>,
    /// Where the engine can order what it reads among its notifications.
    pub stamp: Option<Stamp>,
}

impl FetchedGroup {
    /// The read as a report of the group.
    pub fn into_change(self) -> Change {
        match self.group {
            Some(group) => Change::whole(group, self.unreported),
            None => Change::Left,
        }
    }
}

/// All groups that the session is in, with their members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchAll {}

impl Operation for FetchAll {
    type Answer = Snapshot;

    fn name(&self) -> OperationName {
        OperationName::FetchAll
    }
}

/// All groups of a session, as an engine lists them. Lists lie: they lack groups and members, hold blank
/// groups, and come from caches.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub groups: Vec<Group>,
    /// What the list does not report, of some group at least.
    pub unreported: Vec<Field>,
    /// Where the engine can order what it reads among its notifications.
    pub stamp: Option<Stamp>,
    /// When the engine answered, this service's clock.
    pub fetch_time: Timestamp,
    /// How old the list may have been by then; zero where it is live.
    pub max_age: Duration,
    /// Whether it may have groups in it that we have left: of these it proves nothing.
    pub has_left_groups: bool,
}
