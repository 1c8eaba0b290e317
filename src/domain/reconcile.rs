//! How far to believe an engine's list of all groups.
//!
//! Lists lie: they lack groups and members, hold blank ones, and come from caches. What a list adds or
//! has differently is believed. What it lacks makes a group doubtful, and a live read of that one group
//! decides. A list that lacks much is refused as a whole, since reading thousands of groups one by one
//! would earn a rate limit.

use super::clock::Timestamp;
use super::event::{Field, FieldValue};
use super::group::Group;
use super::operation::Snapshot;

/// So many doubtful groups are read one by one whatever their share of all is.
pub const FEW_DOUBTS: usize = 10;
/// Losses beyond one in so many are not believed.
const ONE_IN: usize = 10;

/// How a list compares with a group that we hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    Same,
    /// It differs, and loses nothing.
    Differs,
    /// It must be confirmed by a read of the group alone.
    Doubtful,
}

/// The comparison of a list with what we hold, and what it would lose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    pub groups_known: usize,
    pub groups_missing: usize,
    pub members_known: usize,
    pub members_missing: usize,
    /// Groups that would have to be read one by one.
    pub doubts: usize,
}

/// Of what a list lacks too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    Groups,
    Members,
}

impl Losses {
    /// Takes in a group that we hold and the list has, or has not.
    pub fn note(&mut self, held: &Group, listed: Option<&Group>, finding: Finding) {
        self.groups_known += 1;
        self.members_known += held.participants().len();
        self.doubts += usize::from(finding == Finding::Doubtful);
        match listed {
            Some(listed) if !is_blank(listed) => self.members_missing += missing(held, listed),
            Some(_) | None => self.groups_missing += 1,
        }
    }

    /// What the list loses more of than can be believed.
    pub fn beyond_belief(&self) -> Option<Lost> {
        if self.doubts <= FEW_DOUBTS {
            None
        } else if self.groups_missing * ONE_IN > self.groups_known {
            Some(Lost::Groups)
        } else if self.members_missing * ONE_IN > self.members_known {
            Some(Lost::Members)
        } else {
            None
        }
    }
}

/// Compares the list with a group that we hold, last reported at `heard`.
pub fn find(
    snapshot: &Snapshot,
    held: &Group,
    heard: Timestamp,
    listed: Option<&Group>,
) -> Finding {
    let Some(listed) = listed else { return Finding::Doubtful };
    let is_less = listed.partial && !held.partial;
    if is_blank(listed) || is_less || missing(held, listed) > 0 {
        return Finding::Doubtful;
    }
    if !differs(held, listed, &snapshot.unreported) {
        return Finding::Same;
    }
    // A cache may be older than the last report.
    let is_cached = !snapshot.max_age.is_zero();
    if is_cached && heard >= snapshot.fetch_time - snapshot.max_age {
        return Finding::Doubtful;
    }
    Finding::Differs
}

/// Whether the list has nothing of the group but its id.
pub fn is_blank(listed: &Group) -> bool {
    listed.subject.text.is_empty() && listed.participants().is_empty()
}

fn missing(held: &Group, listed: &Group) -> usize {
    // Members that are not shown may be there all the same.
    if listed.counted().is_some() {
        return 0;
    }
    held.participants().iter().filter(|held| listed.participant(&held.account).is_none()).count()
}

fn differs(held: &Group, listed: &Group, unreported: &[Field]) -> bool {
    let reported = Field::VALUED.into_iter().filter(|field| !unreported.contains(field));
    let fields = reported.into_iter().any(|field| {
        match (FieldValue::of(held, field), FieldValue::of(listed, field)) {
            (Some(held), Some(listed)) => !held.says_same(&listed),
            _ => false,
        }
    });
    fields
        || held.partial
        || (held.picture_id != listed.picture_id && !unreported.contains(&Field::Picture))
        || (listed.counted().is_none() && held.participants().len() != listed.participants().len())
        || listed.participants().iter().any(|listed| {
            held.participant(&listed.account).is_none_or(|held| {
                held.role != listed.role
                    || listed.account.names().any(|name| !held.account.goes_by(name))
            })
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::group::Subject;
    use crate::domain::id::{Lid, ParticipantId, PhoneNumber};
    use crate::domain::participant::{Account, Participant, Role};

    fn group(members: u64) -> Group {
        let mut group = Group::partial("120363000000000001@g.us".parse().unwrap());
        group.partial = false;
        group.subject = Subject { text: "Team".to_owned(), ..Subject::default() };
        let member = |number| {
            let phone = PhoneNumber::new(491_510_000_000 + number).unwrap();
            Participant::new(Account::new(ParticipantId::Phone(phone)), Role::Participant)
        };
        group.set_participants((0..members).map(member).collect());
        group
    }

    fn snapshot(max_age: Duration) -> Snapshot {
        let fetch_time = Timestamp::from_seconds(1_000_000);
        Snapshot {
            groups: Vec::new(),
            unreported: Vec::new(),
            stamp: None,
            fetch_time,
            max_age,
            has_left_groups: false,
        }
    }

    #[test]
    fn what_a_list_lacks_is_doubtful_and_what_it_adds_is_believed() {
        let live = snapshot(Duration::ZERO);
        let heard = Timestamp::from_seconds(999_999);
        let held = group(3);
        let blank = Group::partial(held.id.clone());
        let mut in_part = group(1);
        in_part.set_counted(Some(3));
        let mut nameless = group(3);
        nameless.subject.text.clear();
        nameless.partial = true;
        let mut renamed = group(3);
        renamed.subject.text = "Others".to_owned();
        let cases = [
            (Some(group(3)), Finding::Same),
            (Some(group(4)), Finding::Differs),
            (Some(renamed), Finding::Differs),
            (Some(group(2)), Finding::Doubtful),
            (Some(group(0)), Finding::Doubtful),
            (Some(blank), Finding::Doubtful),
            (Some(nameless), Finding::Doubtful),
            // Members that are not shown may be there all the same.
            (Some(in_part), Finding::Differs),
            (None, Finding::Doubtful),
        ];
        for (listed, wanted) in cases {
            assert_eq!(find(&live, &held, heard, listed.as_ref()), wanted, "{listed:?}");
        }
    }

    #[test]
    fn a_row_in_part_is_as_good_as_one_in_part_that_we_hold() {
        let live = snapshot(Duration::ZERO);
        let heard = Timestamp::from_seconds(999_999);
        let nameless = |members| {
            let mut group = group(members);
            group.subject.text.clear();
            group.partial = true;
            group
        };
        assert_eq!(find(&live, &nameless(2), heard, Some(&nameless(3))), Finding::Differs);
        assert_eq!(find(&live, &nameless(2), heard, Some(&group(2))), Finding::Differs);
        let mut in_part = group(3);
        in_part.set_counted(Some(100));
        let mut shorter = group(1);
        shorter.set_counted(Some(100));
        assert_eq!(find(&live, &in_part, heard, Some(&shorter)), Finding::Same);
    }

    #[test]
    fn a_cache_is_not_believed_over_what_was_heard_since() {
        let cached = snapshot(Duration::from_secs(3600));
        let listed = group(4);
        let before = Timestamp::from_seconds(1_000_000 - 3601);
        let since = Timestamp::from_seconds(1_000_000 - 3599);
        assert_eq!(find(&cached, &group(3), before, Some(&listed)), Finding::Differs);
        assert_eq!(find(&cached, &group(3), since, Some(&listed)), Finding::Doubtful);
        assert_eq!(find(&cached, &group(4), since, Some(&listed)), Finding::Same);
    }

    #[test]
    fn a_list_differs_by_a_field_a_role_a_name_or_a_picture_that_it_reports() {
        let heard = Timestamp::EPOCH;
        let found = |held: &Group, listed: &Group, unreported: &[Field]| {
            let list = Snapshot { unreported: unreported.to_vec(), ..snapshot(Duration::ZERO) };
            find(&list, held, heard, Some(listed))
        };
        let held = group(3);
        let mut with_picture = held.clone();
        with_picture.picture_id = Some("p1".to_owned());
        assert_eq!(found(&held, &with_picture, &[]), Finding::Differs);
        assert_eq!(found(&held, &with_picture, &[Field::Picture]), Finding::Same);
        let mut suspended = held.clone();
        suspended.suspended = true;
        assert_eq!(found(&held, &suspended, &[Field::Parent]), Finding::Differs);
        assert_eq!(found(&held, &suspended, &[Field::Suspended]), Finding::Same);

        let first = held.participants()[0];
        let with = |member| {
            let mut group = held.clone();
            group.put_participant(member);
            group
        };
        let admin = with(Participant::new(first.account, Role::Admin));
        assert_eq!(found(&held, &admin, &[]), Finding::Differs);
        let both = Account::from_names(Lid::new(7), first.account.phone());
        let named = with(Participant::new(both.expect("names"), first.role));
        assert_eq!(found(&held, &named, &[]), Finding::Differs);
        // It need not know every name.
        assert_eq!(found(&named, &held, &[]), Finding::Same);

        let mut in_part = group(3);
        in_part.set_counted(Some(3));
        assert_eq!(found(&held, &in_part, &[Field::Counted]), Finding::Same);
    }

    #[test]
    fn what_a_group_was_heard_of_when_the_cache_was_filled_is_as_new_as_the_cache() {
        let cached = snapshot(Duration::from_secs(3600));
        let then = Timestamp::from_seconds(1_000_000 - 3600);
        assert_eq!(find(&cached, &group(3), then, Some(&group(4))), Finding::Doubtful);
    }

    #[test]
    fn a_list_says_nothing_of_a_group_of_which_it_has_neither_name_nor_members() {
        let blank = Group::partial(group(0).id);
        let mut named = blank.clone();
        named.subject.text = "Team".to_owned();
        let mut with_members = group(2);
        with_members.subject.text.clear();
        assert!(is_blank(&blank) && !is_blank(&named) && !is_blank(&with_members));
    }

    #[test]
    fn losses_are_counted_by_group_and_by_member() {
        let mut losses = Losses::default();
        losses.note(&group(3), Some(&group(1)), Finding::Doubtful);
        losses.note(&group(4), Some(&group(5)), Finding::Differs);
        losses.note(&group(5), Some(&Group::partial(group(5).id)), Finding::Doubtful);
        losses.note(&group(6), None, Finding::Doubtful);
        let expected = Losses {
            groups_known: 4,
            groups_missing: 2,
            members_known: 18,
            members_missing: 2,
            doubts: 3,
        };
        assert_eq!(losses, expected);
    }

    #[test]
    fn one_member_in_ten_may_be_gone() {
        let losses = |members_missing, doubts| Losses {
            groups_known: 100,
            groups_missing: 0,
            members_known: 300,
            members_missing,
            doubts,
        };
        for (missing, doubts, lost) in
            [(30, 11, None), (31, 11, Some(Lost::Members)), (300, 10, None)]
        {
            assert_eq!(losses(missing, doubts).beyond_belief(), lost, "{missing} {doubts}");
        }
    }

    #[test]
    fn a_few_losses_are_looked_at_and_many_are_refused() {
        let losses = |known: usize, missing: usize, members: usize| {
            let mut losses = Losses::default();
            for index in 0..known {
                let (listed, finding) = if index < missing {
                    (None, Finding::Doubtful)
                } else if index < missing + members {
                    (Some(group(1)), Finding::Doubtful)
                } else {
                    (Some(group(3)), Finding::Same)
                };
                losses.note(&group(3), listed.as_ref(), finding);
            }
            losses.beyond_belief()
        };
        assert_eq!(losses(10, 10, 0), None);
        assert_eq!(losses(11, 11, 0), Some(Lost::Groups));
        assert_eq!(losses(110, 11, 0), None);
        assert_eq!(losses(109, 11, 0), Some(Lost::Groups));
        assert_eq!(losses(100, 0, 11), None);
        assert_eq!(losses(100, 0, 16), Some(Lost::Members));
    }
}
