//! What one transaction will write: the requests of many callers, reduced one after the other.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::echo_window::EchoWindows;
use super::reduction::Reduction;
use super::session_draft::SessionDraft;
use super::working_set::{SessionNumbers, WorkingGroup};
use super::write_request::{WriteRequest, WriteResult};
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::counter::Epoch;
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::port::repository::CommitBatch;

pub(super) struct Batch {
    now: Timestamp,
    retention: Duration,
    /// Source ids that were dealt with before, in the store or earlier in this batch.
    known: BTreeSet<(SessionName, String)>,
    loaded: HashMap<(SessionName, GroupId), Arc<WorkingGroup>>,
    /// In the order in which sessions first appeared: that of the positions.
    drafts: Vec<(SessionName, SessionDraft)>,
    outcomes: Vec<Result<WriteResult>>,
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

    pub fn outcomes(&self) -> Vec<Result<WriteResult>> {
        self.outcomes.clone()
    }

    pub fn into_drafts(self) -> Vec<(SessionName, SessionDraft)> {
        self.drafts
    }

    pub fn reduce(
        &mut self,
        request: &WriteRequest,
        numbers: Option<&SessionNumbers>,
        echo_windows: &EchoWindows,
        entropy: &dyn Entropy,
    ) {
        let outcome = match numbers {
            None => Err(Error::session_not_found(&request.session)),
            Some(numbers) => self.reduce_known(request, numbers, echo_windows, entropy),
        };
        self.outcomes.push(outcome);
    }

    fn reduce_known(
        &mut self,
        request: &WriteRequest,
        numbers: &SessionNumbers,
        echo_windows: &EchoWindows,
        entropy: &dyn Entropy,
    ) -> Result<WriteResult> {
        let session = &request.session;
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
        let reduction = Reduction {
            session,
            engine: request.engine,
            now: self.now,
            entropy,
            echo_windows,
            known: &mut self.known,
            loaded: &self.loaded,
            draft,
        };
        reduction.reduce(&request.content)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::log::echo_window::CallKey;
    use crate::app::log::write_request::{CallAnswer, EngineChanges, WriteContent};
    use crate::domain::event::Initiator;
    use crate::domain::group::Group;
    use crate::domain::operation::{CreateGroup, GroupCommand as _};
    use crate::domain::participant::Account;
    use crate::domain::port::repository::SessionHead;
    use crate::domain::reducer::{Change, Observation};
    use crate::domain::session::EngineKind;
    use crate::domain::trace_context::TraceContext;
    use crate::pb;

    const CALLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const DELIVERED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn trace(parent: &str) -> Option<TraceContext> {
        TraceContext::parse(parent, "")
    }

    struct Zero;

    impl Entropy for Zero {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn session() -> SessionName {
        "shop".parse().unwrap()
    }

    fn request(changes: EngineChanges) -> WriteRequest {
        let content = WriteContent::EngineChanges(changes);
        WriteRequest { session: session(), engine: EngineKind::Waha, content }
    }

    /// What the call of the key "call" has changed.
    fn answer(observation: Observation) -> WriteRequest {
        let content = WriteContent::CallAnswer(CallAnswer {
            call_key: "call".into(),
            initiator: Initiator::default(),
            observations: vec![observation],
            source_ids: Vec::new(),
            is_creation: false,
            stored: None,
        });
        WriteRequest { session: session(), engine: EngineKind::Waha, content }
    }

    /// A server's description of a new group, the call that renamed it, and its answer, in the order in which
    /// each gets its turn with the writer.
    #[test]
    fn a_description_that_gets_its_turn_after_a_call_was_answered_changes_nothing() {
        let session = session();
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
        let reported = |id: &str, subject: &str| {
            request(EngineChanges {
                source_id: id.to_owned(),
                observations: vec![described(subject)],
                call_key: None,
                trace: None,
                may_be_late: true,
            })
        };
        let numbers = SessionNumbers { head: SessionHead::default(), account: None };
        let echo_windows = EchoWindows::default();
        let mut batch =
            Batch::new(Timestamp::EPOCH, BTreeSet::new(), HashMap::new(), Duration::MAX);

        batch.reduce(&reported("evt_1", "Team"), Some(&numbers), &echo_windows, &Zero);
        echo_windows.own_changes.note(&session, &group_id, []);
        let answer = answer(described("Crew"));
        batch.reduce(&answer, Some(&numbers), &echo_windows, &Zero);
        batch.reduce(&reported("evt_2", "Team"), Some(&numbers), &echo_windows, &Zero);

        let sequences: Vec<_> =
            batch.outcomes().into_iter().map(|outcome| outcome.unwrap().sequence.get()).collect();
        assert_eq!(sequences, [1, 2, 2]);
        let (_, draft) = &batch.into_drafts()[0];
        assert_eq!(
            draft.doubtful.iter().collect::<Vec<_>>(),
            [&group_id],
            "it is read anew instead"
        );

        let mut batch =
            Batch::new(Timestamp::EPOCH, BTreeSet::new(), HashMap::new(), Duration::MAX);
        batch.reduce(&answer, Some(&numbers), &echo_windows, &Zero);
        batch.reduce(&reported("evt_3", "Crew"), Some(&numbers), &echo_windows, &Zero);
        let (_, draft) = &batch.into_drafts()[0];
        assert_eq!(draft.doubtful.len(), 0, "it says what is known");
    }

    /// A server that does not know yet the group that we have just joined, and describes it a moment later.
    #[test]
    fn a_description_of_what_is_not_known_at_all_counts_though_it_may_be_late() {
        let session = session();
        let group_id: GroupId = "120363000000000001@g.us".parse().unwrap();
        let reported = |id: &str, change: Change| {
            request(EngineChanges {
                source_id: id.to_owned(),
                observations: vec![Observation {
                    group_id: group_id.clone(),
                    change,
                    actor: None,
                    occur_time: Timestamp::EPOCH,
                    stamp: None,
                }],
                call_key: None,
                trace: None,
                may_be_late: true,
            })
        };
        let mut described = Group::partial(group_id.clone());
        described.partial = false;
        described.subject.text = "Team".to_owned();
        let numbers = SessionNumbers { head: SessionHead::default(), account: None };
        let echo_windows = EchoWindows::default();
        echo_windows.own_changes.note(&session, &group_id, []);
        let mut batch =
            Batch::new(Timestamp::EPOCH, BTreeSet::new(), HashMap::new(), Duration::MAX);
        batch.reduce(
            &reported("evt_1", Change::Fields(Vec::new())),
            Some(&numbers),
            &echo_windows,
            &Zero,
        );
        let described = reported("evt_2", Change::Full(Box::new(described)));
        batch.reduce(&described, Some(&numbers), &echo_windows, &Zero);
        let (_, draft) = &mut batch.into_drafts()[0];
        let held = draft.group(&session, &group_id, &HashMap::new()).now.state.group.clone();
        assert_eq!(held.expect("the group").subject.text, "Team");
        assert_eq!(
            draft.doubtful.iter().collect::<Vec<_>>(),
            [&group_id],
            "it is read anew all the same"
        );
    }

    /// WhatsApp reports a revoked invite without its code, so the content cannot show that a report is a repetition.
    #[test]
    fn a_revoke_is_one_event_whether_its_report_or_its_answer_comes_first() {
        let session = session();
        let group_id: GroupId = "120363000000000001@g.us".parse().unwrap();
        let key: CallKey = "call".into();
        let observed = |change, actor: Option<&str>| Observation {
            group_id: group_id.clone(),
            change,
            actor: actor.map(|actor| actor.parse().unwrap()),
            occur_time: Timestamp::EPOCH,
            stamp: None,
        };
        let reported = |id: &str, change, actor| {
            request(EngineChanges {
                source_id: id.to_owned(),
                observations: vec![observed(change, actor)],
                call_key: None,
                trace: None,
                may_be_late: false,
            })
        };
        let revoked = |id, actor| reported(id, Change::InviteRevoked, actor);
        let others = revoked("others", Some("4915100000009@c.us"));
        let answer = answer(observed(Change::InviteRevoked, None));
        let whole = Change::Full(Box::new(Group::partial(group_id.clone())));
        let described = reported("described", whole, None);
        let numbers = SessionNumbers {
            head: SessionHead::default(),
            account: Some(Account::new("4915100000001@c.us".parse().unwrap())),
        };
        for is_report_first in [true, false] {
            let echo_windows: Arc<EchoWindows> = Arc::default();
            let mut batch =
                Batch::new(Timestamp::EPOCH, BTreeSet::new(), HashMap::new(), Duration::MAX);
            batch.reduce(&described, Some(&numbers), &echo_windows, &Zero);
            let expected = vec![Change::InviteRevoked];
            let window = echo_windows.open(
                &session,
                &key,
                Initiator::default(),
                Some(group_id.clone()),
                expected,
            );
            if is_report_first {
                batch.reduce(&revoked("first", None), Some(&numbers), &echo_windows, &Zero);
            }
            echo_windows.own_changes.note(&session, &group_id, [&Change::InviteRevoked]);
            batch.reduce(&answer, Some(&numbers), &echo_windows, &Zero);
            drop(window);
            batch.reduce(&revoked("second", None), Some(&numbers), &echo_windows, &Zero);
            batch.reduce(&others, Some(&numbers), &echo_windows, &Zero);
            let outcomes =
                batch.outcomes().into_iter().map(|outcome| outcome.unwrap().sequence.get());
            let mut sequences: Vec<_> = outcomes.collect();
            sequences.dedup();
            assert_eq!(sequences, [1, 2, 3], "report first: {is_report_first}");
        }
    }

    /// No engine says which call made a group; where it can be but one, the event is that call's.
    #[test]
    fn a_group_that_is_described_before_its_maker_is_answered_is_that_call_s() {
        let session = session();
        let (me, other) = ("4915100000001@c.us", "4915100000009@c.us");
        let described = |subject: &str, owner: &str| {
            let mut group = Group::partial("120363000000000001@g.us".parse().unwrap());
            group.subject.text = subject.to_owned();
            group.owner = owner.parse().ok();
            request(EngineChanges {
                source_id: "described".to_owned(),
                observations: vec![Observation {
                    group_id: group.id.clone(),
                    change: Change::Full(Box::new(group)),
                    actor: None,
                    occur_time: Timestamp::EPOCH,
                    stamp: None,
                }],
                call_key: None,
                trace: trace(DELIVERED),
                may_be_late: true,
            })
        };
        let numbers = SessionNumbers {
            head: SessionHead::default(),
            account: Some(Account::new(me.parse().unwrap())),
        };
        let make = |subject: &str| CreateGroup {
            subject: subject.parse().unwrap(),
            description: Default::default(),
            participants: Vec::new(),
            settings: Default::default(),
        };
        for (making, report, expected) in [
            (&["Team"][..], described("Team", me), Some("call 0")),
            (&["Crew", "Team"], described("Team", me), Some("call 1")),
            (&["Team", "Team"], described("Team", me), None),
            (&["Crew"], described("Team", me), None),
            (&["Team"], described("Team", other), None),
        ] {
            let echo_windows: Arc<EchoWindows> = Arc::default();
            let open: Vec<_> = making
                .iter()
                .enumerate()
                .map(|(at, subject)| {
                    let (key, expected) = (format!("call {at}"), make(subject).expected());
                    let initiator = Initiator { trace: trace(CALLED), ..Initiator::default() };
                    echo_windows.open(&session, &key.into(), initiator, None, expected)
                })
                .collect();
            let mut batch =
                Batch::new(Timestamp::EPOCH, BTreeSet::new(), HashMap::new(), Duration::MAX);
            batch.reduce(&report, Some(&numbers), &echo_windows, &Zero);
            let (_, draft) = &batch.into_drafts()[0];
            assert_eq!(draft.events.len(), 1);
            let claimed = draft.claimed.first().map(|(key, _)| &**key);
            assert_eq!(claimed, expected, "{making:?}");
            // The echo of a call is in that one's trace, whatever brought it here.
            let caused = trace(if claimed.is_some() { CALLED } else { DELIVERED });
            assert_eq!(pb::event::trace_of(&draft.events[0].payload), caused);
            drop(open);
        }
    }
}
