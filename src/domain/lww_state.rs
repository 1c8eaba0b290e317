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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::participant::Account;

    fn stamp_of(source: &str, seconds: i64, id: &str) -> Stamp {
        Stamp { source: source.into(), time: Timestamp::from_seconds(seconds), id: id.into() }
    }

    fn stamp(seconds: i64) -> Stamp {
        stamp_of("one", seconds, "a")
    }

    fn lid(number: u64) -> Lid {
        Lid::new(number).expect("a lid")
    }

    fn phone(number: u64) -> PhoneNumber {
        PhoneNumber::new(4_915_100_000_000 + number).expect("a number")
    }

    #[test]
    fn stamps_are_ordered_by_time_and_within_a_second_by_id() {
        let earlier = stamp_of("one", 5, "b");
        for (later, is_after) in [
            (stamp_of("one", 6, "a"), true),
            (stamp_of("one", 5, "c"), true),
            (stamp_of("one", 5, "b"), false),
            (stamp_of("one", 5, "a"), false),
            (stamp_of("one", 4, "c"), false),
        ] {
            assert_eq!(later.is_after(&earlier), is_after, "{later:?}");
        }
    }

    #[test]
    fn a_report_counts_unless_the_fact_is_known_from_its_source_as_new() {
        let facts = LwwState::default();
        let own = stamp(10);
        for (report, counts) in [
            (stamp(11), true),
            (stamp(10), false),
            (stamp(9), false),
            (stamp_of("other", 9, "a"), true),
        ] {
            assert_eq!(facts.counts(Some(&report), Some(&own)), counts, "{report:?}");
            assert_eq!(facts.counts_for_member(Some(&report), Some(&own)), counts);
        }
        assert!(facts.counts(None, Some(&own)) && facts.counts_for_member(None, Some(&own)));
        assert!(facts.counts(Some(&stamp(1)), None));
    }

    #[test]
    fn what_is_older_than_our_leaving_or_a_full_description_counts_for_nothing() {
        for facts in [
            LwwState { gone: Some(stamp(10)), ..LwwState::default() },
            LwwState { full: Some(stamp(10)), ..LwwState::default() },
        ] {
            for (seconds, counts) in [(9, false), (10, false), (11, true)] {
                assert_eq!(facts.counts(Some(&stamp(seconds)), None), counts);
                assert_eq!(facts.counts_for_member(Some(&stamp(seconds)), None), counts);
                assert_eq!(facts.counts_for_field(Some(&stamp(seconds)), Field::Owner), counts);
            }
        }
        let in_part = LwwState { full: Some(stamp(10)), full_in_part: true, ..LwwState::default() };
        assert!(!in_part.counts(Some(&stamp(9)), None));
        assert!(in_part.counts_for_member(Some(&stamp(9)), None), "the list may lack them");
    }

    #[test]
    fn a_field_is_as_new_as_its_last_dated_report() {
        let mut facts = LwwState::default();
        facts.stamp_field(Field::Subject, Some(&stamp(10)));
        facts.stamp_field(Field::Subject, None);
        assert!(!facts.counts_for_field(Some(&stamp(10)), Field::Subject));
        assert!(facts.counts_for_field(Some(&stamp(11)), Field::Subject));
        assert!(facts.counts_for_field(Some(&stamp(10)), Field::Owner));
        let member = ParticipantId::Lid(lid(1));
        facts.stamp_member(member, Some(&stamp(10)));
        facts.stamp_member(member, None);
        assert_eq!(facts.members.get(&member), Some(&stamp(10)));
    }

    #[test]
    fn an_account_that_changes_its_number_keeps_its_hidden_id() {
        let mut facts = LwwState::default();
        let numbers = |facts: &LwwState| -> Vec<PhoneNumber> {
            facts.aliases.iter().filter(|(_, of)| **of == lid(1)).map(|(phone, _)| *phone).collect()
        };
        assert!(facts.learn_alias(lid(1), phone(1), Some(&stamp(5))));
        assert!(facts.learn_alias(lid(2), phone(2), Some(&stamp(5))), "another account");
        facts.stamp_member(ParticipantId::Lid(lid(1)), Some(&stamp(10)));
        // The same again teaches nothing and is not wrong, however old it is.
        assert!(facts.learn_alias(lid(1), phone(1), Some(&stamp(1))));
        assert!(!facts.learn_alias(lid(1), phone(3), Some(&stamp(9))), "older than what is known");
        assert_eq!(numbers(&facts), [phone(1)]);
        assert!(facts.learn_alias(lid(1), phone(3), Some(&stamp(11))));
        assert_eq!(numbers(&facts), [phone(3)]);
        assert_eq!(facts.aliases.get(&phone(2)), Some(&lid(2)));
    }

    fn request(number: u64, seconds: Option<i64>) -> JoinRequest {
        let requester = Account::new(ParticipantId::Lid(lid(number)));
        JoinRequest {
            request_time: seconds.map(Timestamp::from_seconds),
            ..JoinRequest::of(requester)
        }
    }

    fn note(facts: &mut LwwState, number: u64, open: Option<JoinRequest>, stamp: Option<Stamp>) {
        facts.requests.insert(ParticipantId::Lid(lid(number)), RequestFact { open, stamp });
    }

    #[test]
    fn open_requests_are_listed_oldest_first() {
        let mut facts = LwwState::default();
        for (number, seconds) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
            note(&mut facts, number, Some(request(number, Some(seconds))), None);
        }
        note(&mut facts, 5, None, Some(stamp(1)));
        let listed: Vec<ParticipantId> =
            facts.open_requests().into_iter().map(|open| open.requester.id()).collect();
        assert_eq!(listed, [2, 4, 3, 1].map(|number| ParticipantId::Lid(lid(number))));
    }

    #[test]
    fn stamps_older_than_the_log_are_forgotten_and_open_requests_are_not() {
        let mut facts = LwwState::default();
        for (field, seconds) in [(Field::Subject, 9), (Field::Owner, 10)] {
            facts.stamp_field(field, Some(&stamp(seconds)));
        }
        for (number, seconds) in [(1, 9), (2, 10)] {
            facts.stamp_member(ParticipantId::Lid(lid(number)), Some(&stamp(seconds)));
        }
        note(&mut facts, 1, Some(request(1, None)), Some(stamp(1)));
        note(&mut facts, 2, None, Some(stamp(9)));
        note(&mut facts, 3, None, Some(stamp(10)));
        facts.prune(Timestamp::from_seconds(10));
        assert_eq!(facts.fields.keys().copied().collect::<Vec<_>>(), [Field::Owner]);
        let kept = |number| ParticipantId::Lid(lid(number));
        assert_eq!(facts.members.keys().copied().collect::<Vec<_>>(), [kept(2)]);
        assert_eq!(facts.requests.keys().copied().collect::<Vec<_>>(), [kept(1), kept(3)]);
    }
}
