//! What calls of ours changed a moment ago.
//!
//! A server reports a new group by describing it as a whole, and that description may arrive after a later
//! call was answered that changed it. No clock can order the two: the server's is not ours. So a whole
//! description is not applied so soon after a call; the group is read anew instead. The writer decides
//! it: until a description's turn comes, another call may be answered.
//!
//! The same holds for the report of a single change. WhatsApp reports our own changes, perhaps after a later call
//! that undid one was answered, or after the group was read in its later state; applied, such a report would turn the
//! group back. A report that repeats our call is not applied: where the group differs by then, its state is newer.
//!
//! The log has what the calls of an earlier process changed, or of the replica that acted before this one
//! ([`OwnChanges::recall`]).
//!
//! Nothing is removed here when its report has come: the writer may have to compare the same report again.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::echo::{Echo, is_echo};
use crate::domain::event::{Event, EventBody, FieldChange, FieldValue, MemberAction, Origin};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::participant::{Participant, Role};
use crate::domain::reducer::Change;

/// How long a server's events may be on their way.
pub(super) const MEMORY: Duration = Duration::from_secs(60);
/// How long a reported revoke is taken for our own: the report does not name the code.
const REVOKE: Duration = Duration::from_secs(10);
/// Fields and people that are remembered of each group, the latest ones: one call may name 1,024 people.
const MAX_CHANGES: usize = 2048;
/// The same of all groups together; beyond it groups are forgotten, the longest unused first.
const MAX: u64 = 500_000;

pub(super) struct OwnChanges(moka::sync::Cache<(SessionName, GroupId), Arc<Mutex<Changes>>>);

/// By age.
type Changes = VecDeque<OwnChange>;

/// One field, or one person, that a call changed.
#[derive(Debug)]
struct OwnChange {
    change: Change,
    at: Instant,
}

impl Default for OwnChanges {
    fn default() -> Self {
        let groups = moka::sync::Cache::builder()
            .weigher(|_, changes: &Arc<Mutex<Changes>>| {
                u32::try_from(changes.lock().len()).unwrap_or(u32::MAX).saturating_add(1)
            })
            .max_capacity(MAX)
            .time_to_live(MEMORY);
        Self(groups.build())
    }
}

impl fmt::Debug for OwnChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnChanges")
    }
}

impl OwnChanges {
    /// A call that changed the group has been answered.
    pub fn note<'a>(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        changes: impl IntoIterator<Item = &'a Change>,
    ) {
        self.note_at(session, group_id, changes, Instant::now());
    }

    /// What the log tells of a call of ours, a moment after it: to a process that was not there.
    pub fn recall(&self, event: &Event, age: Duration) {
        let at = Instant::now().checked_sub(age).filter(|_| age < MEMORY);
        let (Some(at), Some(group_id), Origin::Api) = (at, &event.group_id, event.origin) else {
            return;
        };
        self.note_at(&event.session, group_id, &changed_by(&event.body), at);
    }

    fn note_at<'a>(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        changes: impl IntoIterator<Item = &'a Change>,
        at: Instant,
    ) {
        let key = (session.clone(), group_id.clone());
        let noted = self.0.get(&key).unwrap_or_default();
        {
            let mut noted = noted.lock();
            noted.retain(|known| known.at.elapsed() < MEMORY);
            let changes = changes.into_iter().flat_map(each);
            noted.extend(changes.map(|change| OwnChange { change, at }));
            let surplus = noted.len().saturating_sub(MAX_CHANGES);
            noted.drain(..surplus);
        }
        // Put in anew, so that it is kept for as long as it may be needed from now on.
        self.0.insert(key, noted);
    }

    pub fn has(&self, session: &SessionName, group_id: &GroupId) -> bool {
        self.0.contains_key(&(session.clone(), group_id.clone()))
    }

    /// How the report compares. Its actor must not be known to be another account.
    pub fn compare(&self, session: &SessionName, group_id: &GroupId, seen: &Change) -> Echo {
        let Some(noted) = self.0.get(&(session.clone(), group_id.clone())) else { return Echo::No };
        let noted = noted.lock();
        let seen = each(seen);
        let is_own = |seen: &&Change| noted.iter().any(|own| own.is_reported_by(seen));
        match seen.iter().filter(is_own).count() {
            0 => Echo::No,
            own if own == seen.len() => Echo::Own,
            _ => Echo::PartlyOwn,
        }
    }
}

impl OwnChanges {
    /// What of a report is none of our calls' changes.
    pub fn rest_of(&self, session: &SessionName, group_id: &GroupId, seen: &Change) -> Change {
        let Some(noted) = self.0.get(&(session.clone(), group_id.clone())) else {
            return seen.clone();
        };
        let noted = noted.lock();
        let is_own = |seen: Change| noted.iter().any(|own| own.is_reported_by(&seen));
        match seen.clone() {
            Change::Fields(mut values) => {
                values.retain(|value| !is_own(Change::Fields(vec![value.clone()])));
                Change::Fields(values)
            }
            Change::Members { action, mut members } => {
                members
                    .retain(|member| !is_own(Change::Members { action, members: vec![*member] }));
                Change::Members { action, members }
            }
            other => other,
        }
    }
}

impl OwnChange {
    fn is_reported_by(&self, seen: &Change) -> bool {
        let memory = if *seen == Change::InviteRevoked { REVOKE } else { MEMORY };
        self.at.elapsed() < memory && is_echo(&self.change, seen)
    }
}

/// The single changes that became this event.
fn changed_by(body: &EventBody) -> Option<Change> {
    match body {
        EventBody::Updated(changes) => {
            let values = changes.iter().filter_map(|change| match change {
                FieldChange::Value { current, .. } => Some(current.clone()),
                FieldChange::Alias(_) | FieldChange::Completed(_) => None,
            });
            Some(Change::Fields(values.collect()))
        }
        EventBody::ParticipantsChanged(changed) => {
            let members = changed.participants.iter().map(|member| {
                let role = member.current.or(member.previous).unwrap_or(Role::Participant);
                Participant::new(member.account, role)
            });
            Some(Change::Members { action: changed.action, members: members.collect() })
        }
        EventBody::InviteRevoked => Some(Change::InviteRevoked),
        EventBody::Joined(_)
        | EventBody::Left(_)
        | EventBody::Deleted(_)
        | EventBody::PictureChanged(_)
        | EventBody::JoinRequest(_)
        | EventBody::SessionDeleted(_) => None,
    }
}

/// Whether the group differs from what is reported, so that the report would change it.
pub(super) fn contradicts(group: &Group, reported: &Change) -> bool {
    match reported {
        Change::Fields(values) => values.iter().any(|value| {
            FieldValue::of(group, value.field()).is_some_and(|held| !held.says_same(value))
        }),
        Change::Members { action, members } => members.iter().any(|member| {
            let role = group.role_of(&member.account);
            match action {
                MemberAction::Join => role.is_none(),
                MemberAction::Leave => role.is_some(),
                MemberAction::Promote => role.is_some_and(|role| !role.is_admin()),
                MemberAction::Demote => role.is_some_and(Role::is_admin),
            }
        }),
        // A revoke leaves no state to compare with: each counts as a change.
        Change::InviteRevoked => true,
        Change::Full(_)
        | Change::FullExcept { .. }
        | Change::Left
        | Change::Deleted
        | Change::Picture(_)
        | Change::Renumbered { .. }
        | Change::Unclear
        | Change::JoinRequest(_)
        | Change::JoinRequests(_)
        | Change::Aliases(_) => false,
    }
}

/// The single changes that can be reported one by one. Others are reported as a resulting state, or only once.
fn each(change: &Change) -> Vec<Change> {
    match change {
        Change::Fields(values) => {
            values.iter().map(|value| Change::Fields(vec![value.clone()])).collect()
        }
        Change::Members { action, members } => members
            .iter()
            .map(|member| Change::Members { action: *action, members: vec![*member] })
            .collect(),
        Change::InviteRevoked => vec![Change::InviteRevoked],
        Change::Full(_)
        | Change::FullExcept { .. }
        | Change::Left
        | Change::Deleted
        | Change::Picture(_)
        | Change::Renumbered { .. }
        | Change::Unclear
        | Change::JoinRequest(_)
        | Change::JoinRequests(_)
        | Change::Aliases(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Entropy, Timestamp};
    use crate::domain::counter::Sequence;
    use crate::domain::event::{EventId, Initiator, ParticipantChange, ParticipantsChanged};
    use crate::domain::group::Subject;
    use crate::domain::participant::Account;
    use crate::domain::session::EngineKind;

    fn session() -> SessionName {
        "shop".parse().unwrap()
    }

    fn group() -> GroupId {
        "120363000000000001@g.us".parse().unwrap()
    }

    fn renamed(text: &str) -> Change {
        let subject = Subject { text: text.to_owned(), ..Subject::default() };
        Change::Fields(vec![FieldValue::Subject(subject)])
    }

    fn members(action: MemberAction, phones: &[&str]) -> Change {
        let member = |phone: &&str| {
            Participant::new(Account::new(phone.parse().unwrap()), Role::Participant)
        };
        Change::Members { action, members: phones.iter().map(member).collect() }
    }

    /// What becomes of each report after these calls.
    fn echoes(calls: &[Change], reports: &[Change]) -> Vec<Echo> {
        let own = OwnChanges::default();
        for call in calls {
            own.note(&session(), &group(), [call]);
        }
        // What was compared may be compared again.
        let compared =
            || reports.iter().map(|seen| own.compare(&session(), &group(), seen)).collect();
        let first: Vec<Echo> = compared();
        assert_eq!(first, compared());
        first
    }

    #[test]
    fn reports_of_what_our_calls_did_change_nothing() {
        use Echo::{No, Own};
        let calls = ["a", "b"].map(renamed);
        assert_eq!(echoes(&calls, &["a", "b", "x"].map(renamed)), [Own, Own, No]);
        assert_eq!(echoes(&calls, &[Change::InviteRevoked, Change::Unclear]), [No, No]);
    }

    #[test]
    fn people_are_reported_one_by_one_or_together() {
        use Echo::{No, Own, PartlyOwn};
        use MemberAction::{Demote, Promote};
        let (one, two, three) = ("+49151000000010", "+49151000000020", "+49151000000030");
        let calls = [members(Promote, &[one, two])];
        let singly = [members(Promote, &[one]), members(Promote, &[two]), members(Demote, &[two])];
        assert_eq!(echoes(&calls, &singly), [Own, Own, No]);
        assert_eq!(echoes(&calls, &[members(Promote, &[two, one])]), [Own]);
        assert_eq!(echoes(&calls, &[members(Promote, &[one, three])]), [PartlyOwn]);
    }

    #[test]
    fn of_a_report_that_is_partly_ours_the_rest_is_left() {
        use MemberAction::Promote;
        let own = OwnChanges::default();
        let (one, three) = ("+49151000000010", "+49151000000030");
        own.note(&session(), &group(), [&renamed("ours"), &members(Promote, &[one])]);
        let rest = |seen: &Change| own.rest_of(&session(), &group(), seen);
        assert_eq!(rest(&members(Promote, &[one, three])), members(Promote, &[three]));
        let Change::Fields(mut described) = renamed("ours") else { panic!("a field") };
        described.push(FieldValue::InfoAdminOnly(true));
        let settings = Change::Fields(vec![FieldValue::InfoAdminOnly(true)]);
        assert_eq!(rest(&Change::Fields(described)), settings);
        assert_eq!(rest(&renamed("theirs")), renamed("theirs"));
    }

    #[test]
    fn as_many_people_as_a_call_may_name_are_remembered() {
        let people: Vec<String> = (0..1024).map(|number| format!("+4915100{number:06}")).collect();
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        let calls =
            [MemberAction::Promote, MemberAction::Demote].map(|action| members(action, &people));
        assert_eq!(echoes(&calls, &calls), [Echo::Own, Echo::Own]);
    }

    #[test]
    fn what_the_group_is_already_is_contradicted_by_nothing() {
        let mut held = Group::partial(group());
        held.subject.text = "a".to_owned();
        let (here, gone) = ("+49151000000010", "+49151000000020");
        let Change::Members { members: there, .. } = members(MemberAction::Join, &[here]) else {
            unreachable!("members")
        };
        held.set_participants(there);
        for (reported, wanted) in [
            (renamed("a"), false),
            (renamed("b"), true),
            (members(MemberAction::Join, &[here]), false),
            (members(MemberAction::Join, &[here, gone]), true),
            (members(MemberAction::Leave, &[here]), true),
            (members(MemberAction::Leave, &[gone]), false),
            (members(MemberAction::Promote, &[here]), true),
            (members(MemberAction::Promote, &[gone]), false),
            (members(MemberAction::Demote, &[here]), false),
            (Change::Left, false),
        ] {
            assert_eq!(contradicts(&held, &reported), wanted, "{reported:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoke_is_ours_for_a_moment_and_all_else_for_a_minute() {
        let own = OwnChanges::default();
        let calls = [renamed("a"), Change::InviteRevoked];
        own.note(&session(), &group(), &calls);
        let compared = |seen: &Change| own.compare(&session(), &group(), seen);
        assert_eq!(calls.each_ref().map(compared), [Echo::Own, Echo::Own]);
        tokio::time::sleep(REVOKE).await;
        assert_eq!(calls.each_ref().map(compared), [Echo::Own, Echo::No]);
        tokio::time::sleep(MEMORY).await;
        assert_eq!(calls.each_ref().map(compared), [Echo::No, Echo::No]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_log_tells_of_calls_a_moment_ago_is_known_again() {
        // Tokio's paused time begins where nothing was before.
        tokio::time::sleep(MEMORY * 2).await;
        let (one, two) = ("+49151000000010", "+49151000000020");
        let previous = Subject { text: "a".to_owned(), ..Subject::default() };
        let current = Subject { text: "b".to_owned(), ..Subject::default() };
        let renaming = EventBody::Updated(vec![FieldChange::Value {
            previous: FieldValue::Subject(previous),
            current: FieldValue::Subject(current),
        }]);
        let removal = EventBody::ParticipantsChanged(ParticipantsChanged {
            action: MemberAction::Leave,
            participants: vec![ParticipantChange {
                account: Account::new(one.parse().unwrap()),
                previous: Some(Role::Admin),
                current: None,
            }],
        });
        let event = |origin, body| Event {
            id: EventId::new(Timestamp::EPOCH, &Zero),
            session: session(),
            sequence: Sequence::ZERO,
            group_id: Some(group()),
            occur_time: Timestamp::EPOCH,
            record_time: Timestamp::EPOCH,
            engine: EngineKind::Simulator,
            origin,
            actor: None,
            initiator: Initiator::default(),
            body,
        };
        let reports = [
            renamed("b"),
            renamed("a"),
            members(MemberAction::Leave, &[one]),
            members(MemberAction::Leave, &[two]),
        ];
        let (young, old) = (Duration::from_secs(50), Duration::from_secs(61));
        for (origin, age, expected) in [
            (Origin::Api, young, [Echo::Own, Echo::No, Echo::Own, Echo::No]),
            (Origin::Api, old, [Echo::No; 4]),
            (Origin::Engine, young, [Echo::No; 4]),
        ] {
            let own = OwnChanges::default();
            for body in [renaming.clone(), removal.clone()] {
                own.recall(&event(origin, body), age);
            }
            let seen = reports.each_ref().map(|seen| own.compare(&session(), &group(), seen));
            assert_eq!(seen, expected, "{origin:?} {age:?}");
        }
    }

    struct Zero;

    impl Entropy for Zero {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }
}
