//! A service, and the WAHA servers of its settings.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tonic::Status;
use wagroups::config::{Settings, WahaServer as ServerSettings};
use wagroups::domain::group::{AddressingMode, Group, GroupSettings};
use wagroups::domain::id::{GroupId, ParticipantId};
use wagroups::domain::operation::{EngineCall, FetchGroup, Perform};
use wagroups::engine::simulator::world::Operation;
use wagroups::pb;
use wagroups::pb::create_session_request::Config;

use crate::harness::service::{Service, eventually};
use crate::waha_server::{Options, WahaServer, Whatsapp};

pub struct Scene {
    pub service: Service,
    pub whatsapp: Arc<Whatsapp>,
    pub servers: Vec<Arc<WahaServer>>,
}

/// The settings of servers `waha-0`, `waha-1`, …
pub fn set_servers(settings: &mut Settings, servers: &[Arc<WahaServer>], capacity: usize) {
    let servers = servers.iter().enumerate().map(|(index, server)| {
        let key = server.options().api_key.expect("a key");
        let table = format!(
            "name = \"waha-{index:02}\"\nurl = \"{}\"\napi_key = \"{key}\"\ncapacity = {capacity}",
            server.url()
        );
        toml::from_str::<ServerSettings>(&table).expect("a server's settings")
    });
    settings.waha.servers = servers.collect();
    // Comparisons that follow each other at once, so that no test waits for them.
    settings.reconcile.min_interval = Duration::ZERO;
    // The simulator has no haste that could be resented.
    settings.engine.calls_per_second = 1000;
    settings.engine.burst = 1000;
    settings.waha.full_fetches_per_hour = 0;
}

impl Scene {
    /// One server of the usual kind.
    pub async fn usual() -> Self {
        Self::with(vec![Options::default()], |_| ()).await
    }

    pub async fn with(options: Vec<Options>, change: impl FnOnce(&mut Settings)) -> Self {
        Self::holding(options, 500, change).await
    }

    /// Servers that are to carry so many sessions each.
    pub async fn holding(
        options: Vec<Options>,
        capacity: usize,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let whatsapp = Whatsapp::new().await;
        let mut servers = Vec::new();
        for options in options {
            servers.push(WahaServer::start(&whatsapp, options).await);
        }
        Self::of(whatsapp, servers, capacity, change).await
    }

    /// A service in front of servers that are there.
    pub async fn of(
        whatsapp: Arc<Whatsapp>,
        servers: Vec<Arc<WahaServer>>,
        capacity: usize,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let service = Service::on_sqlite_with(|settings| {
            set_servers(settings, &servers, capacity);
            change(settings);
        })
        .await;
        Self { service, whatsapp, servers }
    }

    pub fn server(&self) -> &Arc<WahaServer> {
        &self.servers[0]
    }

    /// Makes a session on a server, chosen where it is `None`; it may exist there or not.
    pub async fn create(&self, name: &str, server: Option<usize>) -> Result<pb::Session, Status> {
        let config = pb::WahaConfig {
            server: server.map(|index| format!("waha-{index:02}")).unwrap_or_default(),
            ..Default::default()
        };
        let request = pb::CreateSessionRequest {
            session: name.into(),
            config: Some(Config::Waha(config)),
            ..Default::default()
        };
        let created = self.service.sessions().create_session(request).await?;
        Ok(created.into_inner().session.expect("a session"))
    }

    /// A session that works here and there, and whose groups are compared.
    pub async fn working(&self, name: &str) {
        self.server().add_session(name).await;
        self.carry(name).await;
    }

    /// The same for a session that the server has already.
    pub async fn carry(&self, name: &str) {
        self.create(name, Some(0)).await.expect("a session");
        self.until(name, pb::SessionStatus::Working).await;
        self.service.until_compared(name).await;
    }

    pub async fn session(&self, name: &str) -> pb::Session {
        let get = pb::GetSessionRequest { session: name.into() };
        let session = self.service.sessions().get_session(get).await.expect("the session");
        session.into_inner().session.expect("a session")
    }

    pub async fn until(&self, name: &str, status: pb::SessionStatus) -> pb::Session {
        let what = format!("session {name} is {}", status.as_str_name());
        eventually(&what, || async {
            let session = self.session(name).await;
            (session.status() == status).then_some(session)
        })
        .await
    }

    pub async fn create_group(
        &self,
        session: &str,
        people: &[&str],
    ) -> Result<pb::CreateGroupResponse, Status> {
        let request = pb::CreateGroupRequest {
            session: session.into(),
            subject: "Team".into(),
            participant_ids: people.iter().map(|id| (*id).to_owned()).collect(),
            ..Default::default()
        };
        Ok(self.service.groups().create_group(request).await?.into_inner())
    }

    pub async fn add(&self, group_id: &str, people: &[&str]) -> Vec<pb::ParticipantResult> {
        let request = pb::AddParticipantsRequest {
            session: "shop".into(),
            group_id: group_id.into(),
            participant_ids: people.iter().map(|id| (*id).to_owned()).collect(),
            ..Default::default()
        };
        let added = self.service.groups().add_participants(request).await;
        added.expect("an answer for each").into_inner().results
    }

    pub async fn group_id(&self, session: &str, people: &[&str]) -> String {
        let created = self.create_group(session, people).await.expect("a group");
        created.group.expect("a group").id
    }

    pub async fn group(&self, session: &str, group_id: &str) -> Option<pb::Group> {
        let request = pb::GetGroupRequest {
            session: session.into(),
            group_id: group_id.into(),
            ..Default::default()
        };
        let got = self.service.groups().get_group(request).await.ok()?.into_inner();
        Some(pb::Group::decode(got.group).expect("a group"))
    }

    pub async fn rename(
        &self,
        session: &str,
        group_id: &str,
        subject: &str,
    ) -> Result<pb::SetGroupSubjectResponse, Status> {
        let request = pb::SetGroupSubjectRequest {
            session: session.into(),
            group_id: group_id.into(),
            subject: subject.into(),
            ..Default::default()
        };
        Ok(self.service.groups().set_group_subject(request).await?.into_inner())
    }

    /// What other people do.
    pub async fn act(&self, person: &str, operation: Operation) {
        let person: ParticipantId = person.parse().expect("a number");
        self.whatsapp.simulator().act(person, operation, false).await.expect("done");
    }

    /// A group that somebody else made with the session's account: no call of ours has anything to do with it,
    /// so that nothing is read anew because of one.
    pub async fn group_of_another(&self, session: &str, person: &str) -> String {
        let me = self.session(session).await.account.expect("an account").id;
        let create = Operation::Create {
            subject: "Theirs".to_owned(),
            description: String::new(),
            participants: vec![me.parse().expect("an id")],
            settings: GroupSettings::default(),
            addressing_mode: AddressingMode::Lid,
        };
        let person: ParticipantId = person.parse().expect("a number");
        let made = self.whatsapp.simulator().act(person, create, false).await.expect("done");
        let group_id = made.group_id.expect("a group").to_string();
        self.until_subject(session, &group_id, "Theirs").await;
        group_id
    }

    /// Somebody else renames the group.
    pub async fn others_rename(&self, person: &str, group_id: &str, subject: &str) {
        let group_id = group_id.parse().expect("an id");
        self.act(person, Operation::SetSubject(group_id, subject.to_owned())).await;
    }

    /// The server is dead, and all that WhatsApp had to tell the session there is lost.
    pub async fn until_missed(&self, server: &WahaServer, session: &str) {
        self.whatsapp.until_told(&server.simulated(session)).await;
    }

    /// The group as WhatsApp has it for a session of the first server.
    pub async fn truth(&self, session: &str, group_id: &str) -> Option<Group> {
        let group_id: GroupId = group_id.parse().expect("an id");
        let simulated = self.server().simulated(session);
        let seen = self
            .whatsapp
            .simulator()
            .perform(EngineCall::of_query(&simulated), &FetchGroup { group_id: group_id.clone() })
            .await;
        seen.expect("a look").group
    }

    pub async fn until_subject(&self, session: &str, group_id: &str, subject: &str) {
        eventually(&format!("{group_id} is called {subject}"), || async {
            let group = self.group(session, group_id).await?;
            (group.subject == subject).then_some(())
        })
        .await;
    }

    /// How often the server was asked this.
    pub fn asked(&self, method: &str, suffix: &str) -> usize {
        let requests = self.server().requests();
        let is_it = |path: &str| path.ends_with(suffix);
        requests.iter().filter(|r| r.method == method && is_it(&r.path)).count()
    }
}

/// The log has each sequence once, and no two events say the same of one group.
pub fn is_dense(log: &[pb::GroupEvent]) {
    let sequences: Vec<i64> = log.iter().map(|event| event.sequence).collect();
    let expected: Vec<i64> = (1..=i64::try_from(log.len()).expect("few")).collect();
    assert_eq!(sequences, expected);
}
