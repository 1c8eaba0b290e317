//! What calls of ours changed a moment ago.
//!
//! A server tells of a new group by describing it as a whole, and that description may arrive after a later
//! call was answered that changed it. No clock can order the two: the server's is not ours. So a whole
//! description is not taken for news so soon after a call; the group is read anew instead. The writer decides
//! it: until a description's turn comes, another call may be answered.
//!
//! So it is with the news of a single change. WhatsApp tells us of our own, and may do so after a later call was
//! answered that has undone it; taken for news, it would turn the group back.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::pending::is_echo;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::matching::Asked;
use crate::domain::reducer::Change;

/// How long a server's events may be on their way.
const MEMORY: Duration = Duration::from_secs(60);
/// Groups beyond it are forgotten, the longest unused first.
const MAX: u64 = 100_000;
/// Changes that are remembered of each group, the latest ones.
const MAX_CHANGES: usize = 64;

pub(super) struct OwnChanges(moka::sync::Cache<(SessionName, GroupId), Arc<Mutex<Changes>>>);

/// By age.
type Changes = VecDeque<OwnChange>;

/// One field, or one person, that a call changed.
#[derive(Debug, Clone)]
pub(super) struct OwnChange {
    change: Change,
    /// Whether WhatsApp has told of it.
    is_told: bool,
    at: Instant,
}

/// How a report looks beside what calls of ours changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    /// It tells of a call of ours, and is to be taken as any other news.
    No,
    /// It tells once more what our call has said already.
    Repeated,
    /// It tells of calls of ours that a later one has undone, or of somebody who did the same.
    Overtaken,
}

impl Default for OwnChanges {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(MAX).time_to_live(MEMORY).build())
    }
}

impl fmt::Debug for OwnChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnChanges")
    }
}

impl OwnChanges {
    /// A call that changed the group has been answered.
    pub fn note(&self, session: &SessionName, group_id: &GroupId, changes: Vec<OwnChange>) {
        let key = (session.clone(), group_id.clone());
        let noted = self.0.get(&key).unwrap_or_default();
        {
            let mut noted = noted.lock();
            noted.retain(|known| known.at.elapsed() < MEMORY);
            noted.extend(changes);
            let surplus = noted.len().saturating_sub(MAX_CHANGES);
            noted.drain(..surplus);
        }
        // Put in anew, so that it is kept for as long as it may be needed from now on.
        self.0.insert(key, noted);
    }

    pub fn has(&self, session: &SessionName, group_id: &GroupId) -> bool {
        self.0.contains_key(&(session.clone(), group_id.clone()))
    }

    /// Takes the report for the news of our changes, where it is no more than that.
    pub fn tell(&self, session: &SessionName, group_id: &GroupId, seen: &Change) -> Echo {
        let Some(noted) = self.0.get(&(session.clone(), group_id.clone())) else { return Echo::No };
        OwnChange::tell(noted.lock().make_contiguous(), seen)
    }
}

impl OwnChange {
    /// What a call changes, each field and each person by itself, as WhatsApp may tell of them.
    pub fn all(changes: &[Change]) -> Vec<Self> {
        let at = Instant::now();
        let each = changes.iter().flat_map(each);
        each.map(|change| Self { change, is_told: false, at }).collect()
    }

    /// Takes the report for the news of these, by age, where it is no more than that.
    pub fn tell(own: &mut [Self], seen: &Change) -> Echo {
        let seen = each(seen);
        let mut echo = Echo::No;
        let mut is_ours = !seen.is_empty();
        for seen in &seen {
            let is_awaited = |own: &Self| {
                !own.is_told && own.at.elapsed() < MEMORY && is_echo(&own.change, seen)
            };
            let Some(at) = own.iter().position(is_awaited) else {
                is_ours = false;
                continue;
            };
            own[at].is_told = true;
            if matches!(seen, Change::InviteRevoked) {
                echo = Echo::Repeated;
            } else if own[at..].iter().any(|later| undoes(&later.change, seen)) {
                echo = Echo::Overtaken;
            }
        }
        if is_ours { echo } else { Echo::No }
    }
}

/// What can be told of by itself. Of all else the report says what then is, or it is told no second time.
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

/// Whether a later change is of the same field or person, and to something else.
fn undoes(later: &Change, seen: &Change) -> bool {
    match (later, seen) {
        (Change::Fields(later), Change::Fields(seen)) => later.iter().any(|later| {
            seen.iter().any(|seen| later.field() == seen.field() && !later.says_same(seen))
        }),
        (
            Change::Members { action, members },
            Change::Members { action: seen_action, members: seen },
        ) => {
            action != seen_action
                && members.iter().any(|member| {
                    let member = Asked::known_as(member.id(), member.account);
                    seen.iter().any(|seen| member.goes_by(&seen.account))
                })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{FieldValue, MemberAction};
    use crate::domain::group::Subject;
    use crate::domain::participant::{Account, Participant, Role};

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
    fn told(calls: &[Change], reports: &[Change]) -> Vec<Echo> {
        let own = OwnChanges::default();
        for call in calls {
            own.note(&session(), &group(), OwnChange::all(std::slice::from_ref(call)));
        }
        reports.iter().map(|seen| own.tell(&session(), &group(), seen)).collect()
    }

    #[test]
    fn news_of_what_a_later_call_has_undone_is_no_news() {
        use Echo::{No, Overtaken};
        let calls = ["a", "b", "c"].map(renamed);
        assert_eq!(told(&calls, &calls), [Overtaken, Overtaken, No]);
        assert_eq!(
            told(&calls, &["b", "b", "x", "c", "c"].map(renamed)),
            [Overtaken, No, No, No, No]
        );
        assert_eq!(told(&["a"].map(renamed), &["a", "a"].map(renamed)), [No, No]);
    }

    #[test]
    fn people_are_told_of_one_by_one_or_together() {
        use Echo::{No, Overtaken};
        use MemberAction::{Demote, Promote};
        let calls = [
            members(Promote, &["+491510000010", "+491510000020"]),
            members(Demote, &["+491510000010"]),
        ];
        assert_eq!(
            told(
                &calls,
                &[members(Promote, &["+491510000010"]), members(Promote, &["+491510000020"])]
            ),
            [Overtaken, No]
        );
        assert_eq!(
            told(&calls, &[members(Promote, &["+491510000010", "+491510000020"])]),
            [Overtaken]
        );
        // Who else is in it was changed by somebody else.
        assert_eq!(told(&calls, &[members(Promote, &["+491510000010", "+491510000030"])]), [No]);
    }

    #[test]
    fn each_revoke_is_told_of_once_more() {
        use Echo::{No, Repeated};
        let calls = [Change::InviteRevoked];
        assert_eq!(told(&calls, &[Change::InviteRevoked, Change::InviteRevoked]), [Repeated, No]);
        assert_eq!(told(&[renamed("a")], &[Change::InviteRevoked]), [No]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_later_is_somebody_elses() {
        let own = OwnChanges::default();
        own.note(&session(), &group(), OwnChange::all(&["a", "b"].map(renamed)));
        tokio::time::sleep(MEMORY).await;
        assert_eq!(own.tell(&session(), &group(), &renamed("a")), Echo::No);
    }

    #[test]
    fn only_the_latest_are_remembered() {
        let own = OwnChanges::default();
        for number in 0..2 * MAX_CHANGES {
            own.note(&session(), &group(), OwnChange::all(&[renamed(&number.to_string())]));
        }
        assert_eq!(own.tell(&session(), &group(), &renamed("0")), Echo::No);
        assert_eq!(own.tell(&session(), &group(), &renamed("64")), Echo::Overtaken);
    }
}
