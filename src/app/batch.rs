//! What one transaction will write: the reports of many callers, reduced one after the other.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::own_changes::{Echo, contradicts};
use super::pending::{CallKey, PendingCalls};
use super::report::{Committed, Report};
use super::session_draft::SessionDraft;
use super::working_set::{SessionNumbers, WorkingGroup};
use crate::domain::answer::{Answer, Settled};
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::counter::{Epoch, Sequence};
use crate::domain::error::{Error, Result};
use crate::domain::event::{Event, EventBody, EventId, Origin};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::port::repository::{AnswerWrite, CommitBatch};
use crate::domain::reducer::{Change, reduce};

pub(super) struct Batch {
    now: Timestamp,
    retention: Duration,
    /// Source ids that were dealt with before, in the store or earlier in this batch.
    known: BTreeSet<(SessionName, String)>,
    loaded: HashMap<(SessionName, GroupId), Arc<WorkingGroup>>,
    /// In the order in which sessions first appeared: that of the positions.
    drafts: Vec<(SessionName, SessionDraft)>,
    outcomes: Vec<Result<Committed>>,
}

impl Batch {
    pub fn new(
        now: Timestamp,
        known: BTreeSet<(SessionName, String)>,
        loaded: HashMap<(SessionName, GroupId), Arc<WorkingGroup>>,
        retention: Duration,
    ) -> Self {
        Self { now, retention, known, loaded, drafts: Vec::new(), outcomes: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.drafts.iter().all(|(_, draft)| draft.is_empty())
    }

    pub fn outcomes(&self) -> Vec<Result<Committed>> {
        self.outcomes.clone()
    }

    pub fn into_drafts(self) -> Vec<(SessionName, SessionDraft)> {
        self.drafts
    }

    pub fn reduce(
        &mut self,
        report: &Report,
        numbers: Option<&SessionNumbers>,
        pending: &PendingCalls,
        entropy: &dyn Entropy,
    ) {
        let outcome = match numbers {
            None => Err(Error::session_not_found(&report.session)),
            Some(numbers) => self.reduce_known(report, numbers, pending, entropy),
        };
        self.outcomes.push(outcome);
    }

    fn reduce_known(
        &mut self,
        report: &Report,
        numbers: &SessionNumbers,
        pending: &PendingCalls,
        entropy: &dyn Entropy,
    ) -> Result<Committed> {
        let session = &report.session;
        let index = match self.drafts.iter().position(|(name, _)| name == session) {
            Some(index) => index,
            None => {
                self.drafts.push((session.clone(), SessionDraft::new(numbers)));
                self.drafts.len() - 1
            }
        };
        let draft = &mut self.drafts[index].1;
        if draft.deletes_session {
            return Err(Error::session_not_found(session));
        }
        let sequence_before = draft.last_sequence();
        if let Some(expected) = report.only_at_sequence {
            let mut held = |id| {
                let group = &draft.group(session, id, &self.loaded).now;
                group.state.group.as_ref().map_or(Sequence::ZERO, |_| group.sequence)
            };
            if report.observations.iter().any(|observation| held(&observation.group_id) != expected)
            {
                return Ok(Committed { overtaken: true, ..Committed::unchanged(sequence_before) });
            }
        }
        let mut fresh = Vec::new();
        for id in &report.source_ids {
            if self.known.insert((session.clone(), id.clone())) {
                fresh.push(id.clone());
            }
        }
        let is_duplicate =
            report.is_notification && !report.source_ids.is_empty() && fresh.is_empty();
        draft.source_ids.extend(fresh);
        if is_duplicate {
            return Ok(Committed { known: true, ..Committed::unchanged(sequence_before) });
        }

        for observation in &report.observations {
            if report.may_be_late
                && observation.change.is_whole()
                && pending.own_changes.has(session, &observation.group_id)
            {
                let account = draft.account;
                let held = &draft.group(session, &observation.group_id, &self.loaded).now.state;
                // Where nothing is known, nothing newer is lost by it; and who is to read it anew may not know more.
                let is_undescribed = held.group.as_ref().is_some_and(|held| is_undescribed(held));
                // What says the same as we hold is no reason to read: reading has engines describe all groups again.
                let says_more =
                    !reduce(&mut held.clone(), observation, account.as_ref()).events.is_empty();
                if says_more {
                    draft.doubtful.insert(observation.group_id.clone());
                }
                if !is_undescribed {
                    continue;
                }
            }
            let (me, call_key) = (draft.account, report.call_key.as_deref());
            let claim = if report.is_notification {
                pending.claim(session, me.as_ref(), call_key, observation)
            } else {
                None
            };
            if report.is_notification {
                let echo = pending.late_echo(session, me.as_ref(), observation);
                let held = &draft.group(session, &observation.group_id, &self.loaded).now.state;
                let would_change = echo != Echo::No
                    && held
                        .group
                        .as_ref()
                        .is_some_and(|held| contradicts(held, &observation.change));
                // A call that is out writes by itself what it does. Else somebody may have done the same just now, which
                // only a read can tell; of a revoke not even that.
                let is_open_question =
                    claim.is_none() && observation.change != Change::InviteRevoked;
                if would_change && is_open_question {
                    draft.doubtful.insert(observation.group_id.clone());
                }
                if would_change && echo == Echo::Own {
                    continue;
                }
            }
            // Of this WhatsApp tells no state by which its news would be the same as the answer.
            let is_echoed = || {
                let key = report.call_key.as_ref()?;
                echoed(draft, pending, session, key)
            };
            if !report.is_notification
                && observation.change == Change::InviteRevoked
                && is_echoed().is_some()
            {
                continue;
            }
            let (origin, request_id) = match &claim {
                Some(claim) => (Origin::Api, claim.request_id),
                None => (report.origin, report.request_id),
            };
            let bodies = draft.apply(session, observation, &self.loaded, report.writes_anew);
            for body in bodies {
                draft.append(Event {
                    id: EventId::new(self.now, entropy),
                    session: session.clone(),
                    sequence: Sequence::ZERO,
                    group_id: Some(observation.group_id.clone()),
                    occur_time: observation.occur_time,
                    record_time: self.now,
                    engine: report.engine,
                    origin,
                    actor: observation.actor,
                    request_id,
                    body,
                });
                if let Some(claim) = &claim {
                    draft.claimed.push((claim.key.clone(), draft.last_sequence()));
                }
            }
        }
        if report.deletes_session {
            draft.deletes_session = true;
            draft.append(Event {
                id: EventId::new(self.now, entropy),
                session: session.clone(),
                sequence: Sequence::ZERO,
                group_id: None,
                occur_time: self.now,
                record_time: self.now,
                engine: report.engine,
                origin: report.origin,
                actor: None,
                request_id: report.request_id,
                body: EventBody::SessionDeleted,
            });
        }

        let own = draft.last_sequence();
        let committed = if own > sequence_before {
            let events = usize::try_from(own.since(sequence_before)).unwrap_or(usize::MAX);
            Committed { changed: true, events, ..Committed::unchanged(own) }
        } else {
            // The echo may have been quicker than the answer.
            let key = report.call_key.as_ref();
            let echoed = key.and_then(|key| echoed(draft, pending, session, key));
            let created = report.observations.first().filter(|_| report.is_creation);
            match (echoed, created) {
                (Some(sequence), _) => {
                    Committed { changed: true, ..Committed::unchanged(sequence) }
                }
                (None, Some(made)) => {
                    let sequence = draft.group(session, &made.group_id, &self.loaded).now.sequence;
                    Committed { changed: true, ..Committed::unchanged(sequence) }
                }
                (None, None) => Committed::unchanged(own),
            }
        };
        if let Some((key, verdict)) = &report.answer {
            let answer = Settled::Answered(Answer {
                verdict: verdict.clone(),
                changed: committed.changed,
                sequence: committed.sequence,
                repeated: false,
            });
            let answer = serde_json::to_vec(&answer).map_err(Error::internal)?.into();
            draft.answers.push(AnswerWrite { key: key.clone(), answer });
        }
        Ok(committed)
    }

    pub fn commit(&mut self, epoch: Epoch) -> CommitBatch {
        for (_, draft) in &mut self.drafts {
            draft.seal(self.now, self.retention);
        }
        let sessions = self
            .drafts
            .iter()
            .filter(|(_, draft)| !draft.is_empty())
            .map(|(session, draft)| draft.commit(session, self.now))
            .collect();
        CommitBatch { epoch, now: self.now, sessions }
    }
}

/// The sequence of what a call's news became, where it was quicker than the call's answer.
fn echoed(
    draft: &SessionDraft,
    pending: &PendingCalls,
    session: &SessionName,
    key: &CallKey,
) -> Option<Sequence> {
    let here = draft.claimed.iter().rev().find(|(claimed, _)| claimed == key);
    here.map(|(_, sequence)| *sequence).or_else(|| pending.sequence_of(session, key))
}

/// Whether nothing is known of the group but that we are in it.
fn is_undescribed(group: &Group) -> bool {
    group.partial && group.subject.text.is_empty() && group.participants().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::participant::Account;
    use crate::domain::port::repository::SessionHead;
    use crate::domain::reducer::Observation;
    use crate::domain::session::EngineKind;

    struct Zero;

    impl Entropy for Zero {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    /// A server's description of a new group, the call that renamed it, and its answer, in the order in which
    /// each gets its turn with the writer.
    #[test]
    fn a_description_that_gets_its_turn_after_a_call_was_answered_is_no_news() {
        let session: SessionName = "shop".parse().unwrap();
        let group_id: GroupId = "120363000000000001@g.us".parse().unwrap();
        let described = |subject: &str| {
            let mut group = Group::partial(group_id.clone());
            group.subject.text = subject.to_owned();
            Observation {
                group_id: group_id.clone(),
                change: Change::Full(Box::new(group)),
                actor: None,
                occur_time: Timestamp::EPOCH,
                stamp: None,
            }
        };
        let told = |id: &str| Report {
            observations: vec![described("Team")],
            source_ids: vec![id.to_owned()],
            is_notification: true,
            may_be_late: true,
            ..Report::new(session.clone(), EngineKind::Waha, Origin::Engine)
        };
        let numbers = SessionNumbers { head: SessionHead::default(), account: None };
        let pending = PendingCalls::default();
        let mut batch =
            Batch::new(Timestamp::EPOCH, BTreeSet::new(), HashMap::new(), Duration::MAX);

        batch.reduce(&told("evt_1"), Some(&numbers), &pending, &Zero);
        pending.own_changes.note(&session, &group_id, []);
        let answer = Report {
            observations: vec![described("Crew")],
            ..Report::new(session.clone(), EngineKind::Waha, Origin::Api)
        };
        batch.reduce(&answer, Some(&numbers), &pending, &Zero);
        batch.reduce(&told("evt_2"), Some(&numbers), &pending, &Zero);

        let sequences: Vec<_> =
            batch.outcomes().into_iter().map(|outcome| outcome.unwrap().sequence.get()).collect();
        assert_eq!(sequences, [1, 2, 2]);
        let (_, draft) = &batch.into_drafts()[0];
        assert_eq!(draft.doubtful().collect::<Vec<_>>(), [&group_id], "it is read anew instead");

        let mut batch =
            Batch::new(Timestamp::EPOCH, BTreeSet::new(), HashMap::new(), Duration::MAX);
        batch.reduce(&answer, Some(&numbers), &pending, &Zero);
        let same = Report { observations: vec![described("Crew")], ..told("evt_3") };
        batch.reduce(&same, Some(&numbers), &pending, &Zero);
        let (_, draft) = &batch.into_drafts()[0];
        assert_eq!(draft.doubtful().count(), 0, "it says what is known");
    }

    /// A server that does not know yet the group that we have just joined, and describes it a moment later.
    #[test]
    fn a_description_of_what_is_not_known_at_all_is_news_though_it_may_be_late() {
        let session: SessionName = "shop".parse().unwrap();
        let group_id: GroupId = "120363000000000001@g.us".parse().unwrap();
        let report = |change: Change| Report {
            observations: vec![Observation {
                group_id: group_id.clone(),
                change,
                actor: None,
                occur_time: Timestamp::EPOCH,
                stamp: None,
            }],
            ..Report::new(session.clone(), EngineKind::Waha, Origin::Engine)
        };
        let mut described = Group::partial(group_id.clone());
        described.partial = false;
        described.subject.text = "Team".to_owned();
        let numbers = SessionNumbers { head: SessionHead::default(), account: None };
        let pending = PendingCalls::default();
        pending.own_changes.note(&session, &group_id, []);
        let mut batch =
            Batch::new(Timestamp::EPOCH, BTreeSet::new(), HashMap::new(), Duration::MAX);
        batch.reduce(&report(Change::Fields(Vec::new())), Some(&numbers), &pending, &Zero);
        let told = Report { may_be_late: true, ..report(Change::Full(Box::new(described))) };
        batch.reduce(&told, Some(&numbers), &pending, &Zero);
        let (_, draft) = &mut batch.into_drafts()[0];
        let held = draft.group(&session, &group_id, &HashMap::new()).now.state.group.clone();
        assert_eq!(held.expect("the group").subject.text, "Team");
        assert_eq!(
            draft.doubtful().collect::<Vec<_>>(),
            [&group_id],
            "it is read anew all the same"
        );
    }

    /// Of a revoked invite WhatsApp tells no code, so that its news cannot be known as a repetition by what it says.
    #[test]
    fn a_revoke_is_one_event_whether_its_news_or_its_answer_comes_first() {
        let session: SessionName = "shop".parse().unwrap();
        let group_id: GroupId = "120363000000000001@g.us".parse().unwrap();
        let key: CallKey = "call".into();
        let report = |origin, change, actor: Option<&str>| Report {
            observations: vec![Observation {
                group_id: group_id.clone(),
                change,
                actor: actor.map(|actor| actor.parse().unwrap()),
                occur_time: Timestamp::EPOCH,
                stamp: None,
            }],
            ..Report::new(session.clone(), EngineKind::Waha, origin)
        };
        let news = |actor| Report {
            is_notification: true,
            ..report(Origin::Engine, Change::InviteRevoked, actor)
        };
        let (unsigned, others) = (news(None), news(Some("4915100000009@c.us")));
        let answer = Report {
            call_key: Some(key.clone()),
            ..report(Origin::Api, Change::InviteRevoked, None)
        };
        let whole = Change::Full(Box::new(Group::partial(group_id.clone())));
        let described = report(Origin::Engine, whole, None);
        let numbers = SessionNumbers {
            head: SessionHead::default(),
            account: Some(Account::new("4915100000001@c.us".parse().unwrap())),
        };
        for is_news_first in [true, false] {
            let pending: std::sync::Arc<PendingCalls> = std::sync::Arc::default();
            let mut batch =
                Batch::new(Timestamp::EPOCH, BTreeSet::new(), HashMap::new(), Duration::MAX);
            batch.reduce(&described, Some(&numbers), &pending, &Zero);
            let expected = vec![Change::InviteRevoked];
            let window = pending.open(&session, &key, None, Some(group_id.clone()), expected);
            if is_news_first {
                batch.reduce(&unsigned, Some(&numbers), &pending, &Zero);
            }
            pending.own_changes.note(&session, &group_id, [&Change::InviteRevoked]);
            batch.reduce(&answer, Some(&numbers), &pending, &Zero);
            drop(window);
            batch.reduce(&unsigned, Some(&numbers), &pending, &Zero);
            batch.reduce(&others, Some(&numbers), &pending, &Zero);
            let outcomes =
                batch.outcomes().into_iter().map(|outcome| outcome.unwrap().sequence.get());
            let mut sequences: Vec<_> = outcomes.collect();
            sequences.dedup();
            assert_eq!(sequences, [1, 2, 3], "news first: {is_news_first}");
        }
    }
}
