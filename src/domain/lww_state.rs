//! When and from which source each fact was learned, so that late and repeated reports lose.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::event::Field;
use super::id::{Lid, ParticipantId, PhoneNumber};
use super::join_request::JoinRequest;

/// When something happened, by its source's clock.
///
/// Stamps of one source are totally ordered by time and id (an engine's clock often has whole
/// seconds only). Stamps of different sources cannot be compared; their reports count as they arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub source: Arc<str>,
    pub time: Timestamp,
    pub id: Arc<str>,
}

impl Stamp {
    fn order(&self) -> (Timestamp, &str) {
        (self.time, &self.id)
    }

    /// Whether `self` is at least as new as `other`, as far as that can be known.
    fn settles(&self, other: &Self) -> bool {
        self.source == other.source && self.order() >= other.order()
    }

    pub fn is_after(&self, other: &Self) -> bool {
        self.order() > other.order()
    }
}

/// The stamps behind a group's state. Empty for what was never reported with a stamp.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LwwState {
    /// When we were last out of the group; nothing older counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Stamp>,
    /// When the last full description was made; it counts for every fact, also for absent members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Stamp>,
    /// Whether that description listed a part of the members, so that it does not count for absent ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full_in_part: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Field, Stamp>,
    /// Members and former members, by the key they have or had.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<ParticipantId, Stamp>,
    /// Second names, also of former members.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<PhoneNumber, Lid>,
    /// When the group was created; like a second name, once known it holds for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<Timestamp>,
    /// Join requests by requester: the open ones, and who is known to have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<ParticipantId, RequestFact>,
    /// When all open requests were last known. `None` before the first time, and again once we are no
    /// admin, since WhatsApp notifies only admins of new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_time: Option<Timestamp>,
}

/// The last report of one person's request to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFact {
    /// The request, while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<JoinRequest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
}

impl LwwState {
    /// Whether a report with this stamp counts for a fact last stamped `own`.
    /// A report without a stamp counts as it arrives.
    pub fn counts(&self, stamp: Option<&Stamp>, own: Option<&Stamp>) -> bool {
        let Some(stamp) = stamp else { return true };
        [self.gone.as_ref(), self.full.as_ref(), own]
            .into_iter()
            .flatten()
            .all(|held| !held.settles(stamp))
    }

    /// The same of a member: a partial list settles nothing about members absent from it.
    pub fn counts_for_member(&self, stamp: Option<&Stamp>, own: Option<&Stamp>) -> bool {
        let Some(stamp) = stamp else { return true };
        let full = self.full.as_ref().filter(|_| !self.full_in_part);
        [self.gone.as_ref(), full, own].into_iter().flatten().all(|held| !held.settles(stamp))
    }

    /// Learns that an account goes by both names; `false` where that is older than what is known: an
    /// account that changes its number keeps the hidden id.
    pub fn learn_alias(&mut self, lid: Lid, phone: PhoneNumber, stamp: Option<&Stamp>) -> bool {
        let known = self.aliases.iter().find(|(_, known)| **known == lid).map(|(phone, _)| *phone);
        match known {
            Some(known) if known == phone => return true,
            Some(known) => {
                if !self.counts_for_member(stamp, self.members.get(&ParticipantId::Lid(lid))) {
                    return false;
                }
                self.aliases.remove(&known);
            }
            None => {}
        }
        self.aliases.insert(phone, lid);
        true
    }

    /// The open requests to join, oldest first.
    pub fn open_requests(&self) -> Vec<&JoinRequest> {
        let mut open: Vec<&JoinRequest> =
            self.requests.values().filter_map(|fact| fact.open.as_ref()).collect();
        open.sort_by_key(|request| (request.request_time, request.requester.id()));
        open
    }

    pub fn counts_for_field(&self, stamp: Option<&Stamp>, field: Field) -> bool {
        self.counts(stamp, self.fields.get(&field))
    }

    /// Remembers the stamp of a field; without one, the last one stays and keeps older reports out.
    pub fn stamp_field(&mut self, field: Field, stamp: Option<&Stamp>) {
        if let Some(stamp) = stamp {
            self.fields.insert(field, stamp.clone());
        }
    }

    pub fn stamp_member(&mut self, id: ParticipantId, stamp: Option<&Stamp>) {
        if let Some(stamp) = stamp {
            self.members.insert(id, stamp.clone());
        }
    }

    /// Forgets stamps from before `before` that only guard against reports older than the log keeps.
    pub fn prune(&mut self, before: Timestamp) {
        self.fields.retain(|_, stamp| stamp.time >= before);
        self.members.retain(|_, stamp| stamp.time >= before);
        self.requests.retain(|_, fact| {
            fact.open.is_some() || fact.stamp.as_ref().is_some_and(|s| s.time >= before)
        });
    }
}
