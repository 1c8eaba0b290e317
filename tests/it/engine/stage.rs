//! What the cases work with: two sessions of an engine, what they are told, and the outside world.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use wagroups::domain::group::Group;
use wagroups::domain::id::{GroupId, InviteCode, ParticipantId, SessionName};
use wagroups::domain::operation::{
    CreateGroup, EngineAnswer, EngineCall, Operation, Outcome, Perform, Result,
};
use wagroups::domain::participant::Account;
use wagroups::domain::port::engine::{
    ConnectionEvent, EngineEvent, EngineEventContent, EngineEventSink, GroupChanges, GroupEngine,
    IngestOutcome, ServerEventContent,
};
use wagroups::domain::reducer::{GroupState, Observation, reduce};
use wagroups::domain::session::EngineConfig;
use wagroups::domain::{Error, Reason, group::GroupSettings};

use crate::harness::service::eventually;

/// What people do who are no sessions of ours.
#[derive(Debug, Clone)]
pub enum Outside {
    JoinByInvite(InviteCode),
    AskToJoin(GroupId),
    Rename(GroupId, String),
}

/// The part of a test that is different for each engine.
#[async_trait]
pub trait Stage: Send + Sync {
    async fn act(&self, person: ParticipantId, what: Outside);

    /// How often a call with this key took effect; `None` where the outside cannot tell.
    async fn applied(&self, session: &SessionName, call_key: &str) -> Option<u32>;

    /// The group as it really is for this session; `None` where the session is not in it.
    async fn truth(&self, session: &SessionName, group_id: &GroupId) -> Option<Group>;

    /// What the engine's answers and reads say of a group, and what its notifications do; the rest is not
    /// compared.
    fn as_read(&self, group: Group) -> Group {
        group
    }

    fn as_told(&self, group: Group) -> Group {
        group
    }

    /// Whether notifications bring back the keys of the calls that caused them.
    fn echoes_calls(&self) -> bool {
        true
    }

    /// Whether what a session was told while it was away comes later; else a comparison has to find it.
    fn keeps_news(&self) -> bool {
        true
    }

    /// Whether lists are live.
    fn lists_live(&self) -> bool {
        true
    }

    /// Whether an invite can be revoked; else the engine finds out that it was not, and says so.
    fn revokes(&self) -> bool {
        true
    }

    /// Whether the engine tells this refusal from that one.
    fn tells_apart(&self, expected: Reason, got: Reason) -> bool {
        expected == got
    }

    /// The holder links a session's device.
    async fn link(&self, session: &SessionName);
}

/// A session that is online.
#[derive(Debug, Clone)]
pub struct Member {
    pub session: SessionName,
    pub account: Account,
}

pub struct Scene {
    pub engine: Arc<dyn GroupEngine>,
    pub stage: Box<dyn Stage>,
    pub inbox: Arc<Inbox>,
    /// How sessions are set.
    pub config: EngineConfig,
    pub alice: Member,
    pub bob: Member,
}

/// All that the sessions were told.
#[derive(Debug, Default)]
pub struct Inbox {
    told: Mutex<HashMap<SessionName, Vec<GroupChanges>>>,
    connections: Mutex<Vec<(SessionName, ConnectionEvent)>>,
}

impl Inbox {
    pub fn told(&self, session: &SessionName) -> Vec<GroupChanges> {
        self.told.lock().expect("the inbox").get(session).cloned().unwrap_or_default()
    }

    /// How often a session's connection was spoken of.
    pub fn connection_news(&self, session: &SessionName) -> usize {
        let connections = self.connections.lock().expect("the inbox");
        connections.iter().filter(|(name, _)| name == session).count()
    }

    fn note(&self, session: SessionName, changes: GroupChanges) {
        self.told.lock().expect("the inbox").entry(session).or_default().push(changes);
    }

    fn note_connection(&self, session: SessionName, event: ConnectionEvent) {
        self.connections.lock().expect("the inbox").push((session, event));
    }

    pub fn heard(&self, session: &SessionName, news: &ConnectionEvent) -> bool {
        let connections = self.connections.lock().expect("the inbox");
        connections.iter().any(|(name, heard)| name == session && heard == news)
    }
}

#[async_trait]
impl EngineEventSink for Inbox {
    async fn ingest(
        &self,
        events: Vec<EngineEvent>,
    ) -> Vec<std::result::Result<IngestOutcome, Error>> {
        let take = |EngineEvent { session, content }| match content {
            EngineEventContent::Changes(changes) => self.note(session, changes),
            // It matters here neither who is who nor when it was made.
            EngineEventContent::Server(event) => match event.content {
                ServerEventContent::Changes(observations) => {
                    let source_id = event.source_id;
                    let changes = GroupChanges { source_id, call_key: None, observations };
                    self.note(session, changes);
                }
                ServerEventContent::Status(status, reason) => {
                    self.note_connection(session, ConnectionEvent::of_status(status, reason));
                }
            },
            EngineEventContent::Connection(event) => self.note_connection(session, event),
        };
        let take = |event| {
            take(event);
            Ok(IngestOutcome::Accepted)
        };
        events.into_iter().map(take).collect()
    }
}

/// How long news may take.
const HEARING: Duration = Duration::from_secs(20);

pub fn person(number: u64) -> ParticipantId {
    format!("+4915120{number:05}").parse().expect("a number")
}

impl Scene {
    /// A group of Alice's with Bob and one other.
    pub async fn group(&self) -> GroupId {
        let people = vec![self.bob.account.id(), person(1)];
        let made = self.create(people, "made").await;
        made.value.group_id
    }

    pub async fn create(
        &self,
        participants: Vec<ParticipantId>,
        call_key: &str,
    ) -> EngineAnswer<wagroups::domain::operation::Created> {
        let group = CreateGroup {
            subject: "Team".parse().expect("a subject"),
            description: "Sundays".parse().expect("a description"),
            participants,
            settings: GroupSettings::default(),
        };
        self.perform(&self.alice.session, call_key, group).await.expect("a group")
    }

    /// A command under this key.
    pub async fn perform<O: Operation>(
        &self,
        session: &SessionName,
        key: &str,
        command: O,
    ) -> Result<O::Answer>
    where
        dyn GroupEngine: Perform<O>,
    {
        self.engine.perform(EngineCall::of_command(session, key), &command).await
    }

    pub async fn ask<O: Operation>(&self, session: &SessionName, query: O) -> Result<O::Answer>
    where
        dyn GroupEngine: Perform<O>,
    {
        self.engine.perform(EngineCall::of_query(session), &query).await
    }

    pub async fn seen(&self, member: &Member, group_id: &GroupId) -> Option<Group> {
        self.stage.truth(&member.session, group_id).await
    }

    /// The call was refused so, as far as the engine can tell; nothing changed by it. Where its words do not
    /// say why, it may mark the reason as supposed.
    pub fn refused<T>(&self, answer: Result<T>, outcome: Outcome, reason: Reason) {
        match answer {
            Ok(_) => panic!("not refused with {reason:?}"),
            Err(error) => {
                let got = error.error.reason();
                let said = match error.outcome {
                    Outcome::Supposed => Outcome::Rejected,
                    said => said,
                };
                assert_eq!(said, outcome, "{error}");
                assert!(self.stage.tells_apart(reason, got), "not {reason:?} but {error}");
            }
        }
    }

    pub async fn was_applied(&self, member: &Member, call_key: &str, times: u32) {
        let applied = self.stage.applied(&member.session, call_key).await;
        assert_eq!(applied.unwrap_or(times), times, "{call_key}");
    }

    /// What the call answered, and what it is told besides, lead from the group before to the group as it
    /// is now; so do Bob's notifications from his.
    pub async fn converges<T>(&self, before: Option<Group>, answer: &EngineAnswer<T>, key: &str) {
        let group_id = answer.observations.first().expect("an observation").group_id.clone();
        let now = self.seen(&self.alice, &group_id).await;
        let read = |group: Option<Group>| group.map(|group| self.stage.as_read(group));
        assert_eq!(
            read(reduced(before.clone(), &answer.observations, &self.alice)),
            read(now.clone()),
            "by the answer"
        );
        if !self.stage.echoes_calls() {
            self.is_followed_by(&self.alice, &group_id).await;
            return self.is_followed_by_bob(&group_id).await;
        }
        let echo = eventually("the echo", || async {
            let told = self.inbox.told(&self.alice.session);
            let echo: Vec<_> =
                told.into_iter().filter(|n| n.call_key.as_deref() == Some(key)).collect();
            (!echo.is_empty()).then_some(echo)
        })
        .await;
        let echoed: Vec<Observation> =
            echo.iter().flat_map(|notification| notification.observations.clone()).collect();
        assert_eq!(reduced(before, &echoed, &self.alice), now, "by the echo");
        for notification in &echo {
            assert!(answer.source_ids.contains(&notification.source_id), "the echo is announced");
        }
        self.is_followed_by_bob(&group_id).await;
    }

    /// All that Bob was told of the group leads to what he sees of it.
    pub async fn is_followed_by_bob(&self, group_id: &GroupId) {
        self.is_followed_by(&self.bob, group_id).await;
    }

    async fn is_followed_by(&self, member: &Member, group_id: &GroupId) {
        let told_of = |group: Option<Group>| group.map(|group| self.stage.as_told(group));
        let now = told_of(self.seen(member, group_id).await);
        let heard = || {
            let told = self.inbox.told(&member.session).into_iter();
            let of_group: Vec<Observation> = told
                .flat_map(|notification| notification.observations)
                .filter(|observation| observation.group_id == *group_id)
                .collect();
            told_of(reduced(None, &of_group, member))
        };
        let patience = tokio::time::Instant::now() + HEARING;
        while heard() != now && tokio::time::Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(heard(), now, "what {} was told of {group_id}", member.session);
    }
}

/// The group after these reports, as the member holds it.
fn reduced(before: Option<Group>, reports: &[Observation], member: &Member) -> Option<Group> {
    let mut state = GroupState { group: before.map(Arc::new), ..GroupState::default() };
    for report in reports {
        reduce(&mut state, report, Some(&member.account));
    }
    state.group.map(|group| (*group).clone())
}
