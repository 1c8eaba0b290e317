//! Replicas in this process, on a database of their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tonic::transport::Channel;
use wagroups::config::Settings;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::pb::webhooks_service_client::WebhooksServiceClient;
use wagroups::server::Server;

use crate::harness::postgres::TestDatabase;
use crate::harness::service::{connect, eventually};

pub struct Replicas {
    /// Dropped with the replicas.
    pub database: TestDatabase,
    pub running: Vec<Replica>,
}

pub struct Replica {
    pub server: Server,
    pub channel: Channel,
}

impl Replica {
    pub async fn start(url: &str, change: impl Fn(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        settings.database.url = url.into();
        settings.database.max_connections = 4;
        settings.grpc.listen = "127.0.0.1:0".parse().expect("an address");
        settings.cluster.listen = "127.0.0.1:0".parse().ok();
        settings.ops.listen = None;
        settings.events.poll_interval = Duration::from_millis(200);
        settings.shutdown.grace = Duration::from_secs(5);
        change(&mut settings);
        let server = Server::start(&settings).await.expect("the replica starts");
        let channel = connect(&server).await;
        Self { server, channel }
    }

    pub fn acts(&self) -> bool {
        !self.server.app().is_follower()
    }

    pub fn groups(&self) -> GroupsServiceClient<Channel> {
        GroupsServiceClient::new(self.channel.clone())
    }

    pub fn sessions(&self) -> SessionsServiceClient<Channel> {
        SessionsServiceClient::new(self.channel.clone())
    }

    pub fn webhooks(&self) -> WebhooksServiceClient<Channel> {
        WebhooksServiceClient::new(self.channel.clone())
    }

    /// Makes a group in session `shop`; answers its id and the sequence.
    pub async fn create_group(&self, subject: &str) -> Result<(String, i64), tonic::Status> {
        let request = pb::CreateGroupRequest {
            session: "shop".into(),
            subject: subject.into(),
            request_id: request_id(),
            ..Default::default()
        };
        let made = self.groups().create_group(request).await?.into_inner();
        Ok((made.group.expect("a group").id, made.sequence))
    }
}

/// One that no other call has.
fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn group(bytes: &bytes::Bytes) -> pb::Group {
    prost::Message::decode(bytes.clone()).expect("a group")
}

pub fn event(bytes: &bytes::Bytes) -> pb::GroupEvent {
    prost::Message::decode(bytes.clone()).expect("an event")
}

impl Replicas {
    /// So many, the first of which acts, with a session `shop`; `None` where there is no PostgreSQL.
    pub async fn start(count: usize, change: impl Fn(&mut Settings)) -> Option<Self> {
        let database = TestDatabase::create().await?;
        let mut running = Vec::new();
        for _ in 0..count {
            running.push(Replica::start(database.url(), &change).await);
        }
        let replicas = Self { database, running };
        let first = &replicas.running[0];
        assert!(first.acts(), "the first one acts");
        let request = pb::CreateSessionRequest { session: "shop".into(), ..Default::default() };
        first.sessions().create_session(request).await.expect("a session");
        eventually("the session works", || async {
            let get = pb::GetSessionRequest { session: "shop".into() };
            let got = first.sessions().get_session(get).await.ok()?.into_inner().session?;
            (got.status() == pb::SessionStatus::Working).then_some(())
        })
        .await;
        Some(replicas)
    }

    pub async fn stop(self) {
        for replica in self.running {
            replica.server.stop().await;
        }
    }
}
