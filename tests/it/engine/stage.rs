//! What the cases work with: two sessions of an engine, what they are told, and the outside world.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use wagroups::domain::group::Group;
use wagroups::domain::id::{GroupId, InviteCode, ParticipantId, SessionName};
use wagroups::domain::participant::Account;
use wagroups::domain::port::engine::{
    ConnectionNews, EngineAnswer, EngineNotification, GroupEngine, NewGroup, NotificationSink,
};
use wagroups::domain::reducer::{GroupState, Observation, reduce};
use wagroups::domain::{Error, group::GroupSettings};

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

    /// How often a call with this key took effect, where the outside can tell.
    async fn applied(&self, session: &SessionName, call_key: &str) -> u32;

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
    pub alice: Member,
    pub bob: Member,
}

/// All that the sessions were told.
#[derive(Debug, Default)]
pub struct Inbox {
    told: Mutex<HashMap<SessionName, Vec<EngineNotification>>>,
    connections: Mutex<Vec<(SessionName, ConnectionNews)>>,
}

impl Inbox {
    pub fn told(&self, session: &SessionName) -> Vec<EngineNotification> {
        self.told.lock().expect("the inbox").get(session).cloned().unwrap_or_default()
    }

    pub fn heard(&self, session: &SessionName, news: &ConnectionNews) -> bool {
        let connections = self.connections.lock().expect("the inbox");
        connections.iter().any(|(name, heard)| name == session && heard == news)
    }
}

#[async_trait]
impl NotificationSink for Inbox {
    async fn deliver(&self, notifications: Vec<EngineNotification>) -> Result<(), Error> {
        let mut told = self.told.lock().expect("the inbox");
        for notification in notifications {
            told.entry(notification.session.clone()).or_default().push(notification);
        }
        Ok(())
    }

    fn connection_changed(&self, session: &SessionName, news: ConnectionNews) {
        self.connections.lock().expect("the inbox").push((session.clone(), news));
    }
}

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
    ) -> EngineAnswer<wagroups::domain::port::engine::Created> {
        let group = NewGroup {
            subject: "Team".parse().expect("a subject"),
            description: "Sundays".parse().expect("a description"),
            participants,
            settings: GroupSettings::default(),
        };
        self.engine.create_group(&self.alice.session, &group, call_key).await.expect("a group")
    }

    pub async fn seen(&self, member: &Member, group_id: &GroupId) -> Option<Group> {
        self.engine.fetch_group(&member.session, group_id).await.expect("a look").group
    }

    /// What the call answered, and what it is told besides, lead from the group before to the group as it
    /// is now; so do Bob's notifications from his.
    pub async fn converges<T>(&self, before: Option<Group>, answer: &EngineAnswer<T>, key: &str) {
        let group_id = answer.observations.first().expect("an observation").group_id.clone();
        let now = self.seen(&self.alice, &group_id).await;
        assert_eq!(
            reduced(before.clone(), &answer.observations, &self.alice),
            now,
            "by the answer"
        );
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
        let now = self.seen(&self.bob, group_id).await;
        eventually("Bob hears of it", || async {
            let told = self.inbox.told(&self.bob.session);
            let of_group: Vec<Observation> = told
                .into_iter()
                .flat_map(|notification| notification.observations)
                .filter(|observation| observation.group_id == *group_id)
                .collect();
            (reduced(None, &of_group, &self.bob) == now).then_some(())
        })
        .await;
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
