//! A whole service in this process, reached over TCP like any other.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wagroups::config::Settings;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::pb::simulator_service_client::SimulatorServiceClient;
use wagroups::pb::webhooks_service_client::WebhooksServiceClient;
use wagroups::repository::SeaRepository;
use wagroups::server::Server;

use super::postgres::TestDatabase;
use super::proxy::Proxy;

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Service {
    pub server: Option<Server>,
    pub channel: Channel,
    settings: Settings,
    /// Removed with the service.
    _dir: Option<TempDir>,
    /// Dropped with the service.
    database: Option<TestDatabase>,
}

impl Service {
    pub async fn on_sqlite() -> Self {
        Self::on_sqlite_with(|_| ()).await
    }

    pub async fn on_sqlite_with(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite://{}/wagroups.db?mode=rwc", dir.path().display());
        let mut service = Self::start(&url, change).await;
        service._dir = Some(dir);
        service
    }

    /// `None` where there is no PostgreSQL to test with.
    pub async fn on_postgres() -> Option<Self> {
        Self::on_postgres_with(|_| ()).await
    }

    /// `None` where there is no PostgreSQL to test with.
    pub async fn on_postgres_with(change: impl FnOnce(&mut Settings)) -> Option<Self> {
        let database = TestDatabase::create().await?;
        let mut service = Self::start(database.url(), change).await;
        service.database = Some(database);
        Some(service)
    }

    /// On PostgreSQL, reached through a network that can be made to fail.
    pub async fn behind_proxy() -> Option<(Self, Proxy)> {
        let database = TestDatabase::create().await?;
        let proxy = Proxy::before(database.url()).await;
        let mut service = Self::start(proxy.url(), |_| ()).await;
        service.database = Some(database);
        Some((service, proxy))
    }

    async fn start(url: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        settings.database.url = url.into();
        settings.grpc.listen = "127.0.0.1:0".parse().expect("an address");
        settings.ops.listen = None;
        change(&mut settings);
        let server = Server::start(&settings).await.expect("the service starts");
        let channel = connect(&server).await;
        let service = Self { server: Some(server), channel, settings, _dir: None, database: None };
        service.create_session("default").await;
        service
    }

    /// Stops the service and starts it anew on the same database.
    pub async fn restart(&mut self) {
        self.restart_working_with(|_| ()).await;
    }

    /// The same with other settings.
    pub async fn restart_working_with(&mut self, change: impl FnOnce(&mut Settings)) {
        self.restart_with(change).await;
        eventually("session default works again", || async {
            let request = pb::GetSessionRequest { session: "default".into() };
            let got = self.sessions().get_session(request).await.ok()?.into_inner().session?;
            (got.status() == pb::SessionStatus::Working).then_some(())
        })
        .await;
    }

    /// The same without waiting for any session.
    pub async fn restart_with(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.server.take().expect("a running service").stop().await;
        let server = eventually("the service starts again", || async {
            match Server::start(&self.settings).await {
                Ok(server) => Some(server),
                // Until it has begun to run its program, a process that another test spawns has all that
                // this one has open, the lock of the SQLite file too.
                Err(error) if error.to_string().contains("in use by another wagroups") => None,
                Err(error) => panic!("the service starts again: {error}"),
            }
        })
        .await;
        self.channel = connect(&server).await;
        self.server = Some(server);
    }

    /// Where its database is.
    pub fn database_url(&self) -> &str {
        self.settings.database.url.expose()
    }

    /// The PostgreSQL database that it runs on.
    pub fn database(&self) -> &TestDatabase {
        self.database.as_ref().expect("a service on PostgreSQL")
    }

    pub fn repository(&self) -> Arc<SeaRepository> {
        self.server.as_ref().expect("a running service").repository().clone()
    }

    /// How often the log was read for watchers that were behind.
    pub fn log_reads(&self) -> u64 {
        self.server.as_ref().expect("a running service").app().log_reads()
    }

    pub fn groups(&self) -> GroupsServiceClient<Channel> {
        GroupsServiceClient::new(self.channel.clone()).max_decoding_message_size(64 << 20)
    }

    pub fn sessions(&self) -> SessionsServiceClient<Channel> {
        SessionsServiceClient::new(self.channel.clone())
    }

    pub fn simulator(&self) -> SimulatorServiceClient<Channel> {
        SimulatorServiceClient::new(self.channel.clone())
    }

    pub fn webhooks(&self) -> WebhooksServiceClient<Channel> {
        WebhooksServiceClient::new(self.channel.clone())
    }

    /// Where webhooks are taken, without a path.
    pub fn webhook_url(&self) -> String {
        let server = self.server.as_ref().expect("a running service");
        format!("http://{}", server.waha_ingress_addr().expect("waha_ingress.listen is set"))
    }

    /// Where WAHA's paths are served, without a path.
    pub fn rest_url(&self) -> String {
        let server = self.server.as_ref().expect("a running service");
        format!("http://{}", server.rest_addr().expect("rest.listen is set"))
    }

    /// Makes a session that is told by webhooks signed with the secret.
    pub async fn create_waha_session(&self, name: &str, secret: &str) {
        let waha = pb::WahaConfig { webhook_secret: secret.into(), ..Default::default() };
        let request = pb::CreateSessionRequest {
            session: name.into(),
            config: Some(pb::create_session_request::Config::Waha(waha)),
            ..Default::default()
        };
        self.sessions().create_session(request).await.expect("a session");
    }

    /// Waits for the comparison after connecting. While it runs it may find what others do before their
    /// news arrives, and then says so.
    pub async fn until_compared(&self, session: &str) {
        eventually("the session is compared", || async {
            let get = pb::GetSessionRequest { session: session.into() };
            let got = self.sessions().get_session(get).await.ok()?.into_inner().session?;
            got.synced_time.map(drop)
        })
        .await;
    }

    /// Makes a session where there is none of that name yet.
    pub async fn create_session(&self, name: &str) {
        let request = pb::CreateSessionRequest { session: name.into(), ..Default::default() };
        match self.sessions().create_session(request).await {
            Ok(_) => {}
            Err(status) if status.code() == Code::AlreadyExists => {}
            Err(status)
                if status.code() == Code::PermissionDenied
                    || status.code() == Code::Unauthenticated
                    || status.code() == Code::Unimplemented => {}
            Err(status) => panic!("session {name}: {status:?}"),
        }
    }

    /// Makes a group of session `default` with these people; answers the whole response.
    pub async fn create_group(
        &self,
        subject: &str,
        participants: &[&str],
    ) -> pb::CreateGroupResponse {
        let request = pb::CreateGroupRequest {
            session: "default".into(),
            subject: subject.into(),
            participant_ids: participants.iter().map(|id| (*id).to_owned()).collect(),
            ..Default::default()
        };
        self.groups().create_group(request).await.expect("the group is made").into_inner()
    }

    pub async fn group_id(&self, subject: &str, participants: &[&str]) -> String {
        self.create_group(subject, participants).await.group.expect("a group").id
    }

    pub async fn get_group(&self, group_id: &str, min_sequence: i64) -> Result<pb::Group, Status> {
        let request = pb::GetGroupRequest {
            session: "default".into(),
            group_id: group_id.into(),
            min_sequence,
            ..Default::default()
        };
        let response = self.groups().get_group(request).await?.into_inner();
        Ok(pb::Group::decode(response.group).expect("a group"))
    }

    /// The whole log of a session, oldest first.
    pub async fn log(&self, session: &str) -> Vec<pb::GroupEvent> {
        let mut events = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = pb::ListGroupEventsRequest {
                session: session.into(),
                order: pb::EventOrder::OldestFirst.into(),
                page_size: 1000,
                page_token,
                ..Default::default()
            };
            let page =
                self.groups().list_group_events(request).await.expect("the log").into_inner();
            events.extend(
                page.events
                    .iter()
                    .map(|bytes| pb::GroupEvent::decode(bytes.clone()).expect("an event")),
            );
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return events;
            }
        }
    }
}

pub async fn connect(server: &Server) -> Channel {
    let address = format!("http://{}", server.grpc_addr());
    Channel::from_shared(address).expect("an address").connect().await.expect("a connection")
}

/// A client of HTTP that trusts nobody, for listeners without TLS.
pub fn http_client() -> reqwest::Client {
    let tls = wagroups::tls::Trust::default().client_config().expect("a configuration of TLS");
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("a client")
}

/// The reason of a refused call.
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "wagroups.v1");
    info.reason.clone()
}

/// The fields that a refusal names.
pub fn violated_fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let Some(bad_request) = details.bad_request() else { return Vec::new() };
    bad_request.field_violations.iter().map(|violation| violation.field.clone()).collect()
}

/// Waits for a condition that must come true; polls, since what is waited for has no event.
pub async fn eventually<T, F, Fut>(what: &str, mut condition: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let wait = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}
