//! Many sessions over twenty WAHA servers and three replicas: what they cost while nothing happens, and how long it takes
//! until each of them is served again once the replica that serves them all was killed.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::Instant;
use tonic::transport::Channel;
use wagroups::pb;
use wagroups::pb::create_session_request::Config;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;

use super::fleet::Member;
use crate::harness::process::TestStore;
use crate::waha_server::{Options, WahaServer, Whatsapp};

const SERVERS: usize = 20;
const REPLICAS: usize = 3;
/// Calls that are out at the same time.
const CALLS: usize = 64;
const IDLE: Duration = Duration::from_secs(15);
/// PostgreSQL counts what a connection did at the latest when that has been idle for 10 s.
const UNTIL_COUNTED: Duration = Duration::from_secs(11);
/// Of all replicas together, whatever the number of sessions.
const IDLE_TRANSACTIONS_PER_SECOND: f64 = 30.0;
/// Until each session is served again.
const UNTIL_SERVED: Duration = Duration::from_secs(30);

struct Many {
    store: TestStore,
    replicas: Vec<Member>,
    /// Their names.
    sessions: Vec<String>,
    /// Of the simulated WhatsApp, as long as they are asked.
    _servers: Vec<Arc<WahaServer>>,
}

impl Many {
    /// `None` where there is no PostgreSQL.
    async fn start(count: usize) -> Option<Self> {
        let store = TestStore::postgres().await?;
        let whatsapp = Whatsapp::new().await;
        let mut servers = Vec::new();
        for _ in 0..SERVERS {
            servers.push(WahaServer::start(&whatsapp, Options::default()).await);
        }
        let sessions: Vec<String> = (0..count).map(|number| format!("s{number:05}")).collect();
        for (number, name) in sessions.iter().enumerate() {
            servers[number % SERVERS].add_session(name).await;
        }
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            replicas.push(Member::start(&store, &servers).await);
        }
        Some(Self { store, replicas, sessions, _servers: servers })
    }

    fn channels(&self) -> Vec<Channel> {
        self.replicas.iter().map(|replica| replica.process.channel()).collect()
    }

    /// Made through all replicas, and linked.
    async fn create_sessions(&self) {
        let channels = self.channels();
        let creations = self.sessions.iter().enumerate().map(|(number, name)| {
            let mut sessions = SessionsServiceClient::new(channels[number % REPLICAS].clone());
            let server = format!("waha-{}", number % SERVERS);
            let request = pb::CreateSessionRequest {
                session: name.clone(),
                config: Some(Config::Waha(pb::WahaConfig { server, ..Default::default() })),
                ..Default::default()
            };
            async move { sessions.create_session(request).await.expect("a session") }
        });
        futures::stream::iter(creations).buffer_unordered(CALLS).count().await;
    }

    /// Has each session asked by its WAHA server which groups it has, through these replicas, until it is.
    async fn refresh(&self, channels: &[Channel]) {
        let calls = self.sessions.iter().enumerate().map(|(number, name)| {
            let groups = GroupsServiceClient::new(channels[number % channels.len()].clone());
            let request = pb::RefreshGroupsRequest { session: name.clone(), ..Default::default() };
            async move {
                insist(|| {
                    let (mut groups, request) = (groups.clone(), request.clone());
                    async move { groups.refresh_groups(request).await }
                })
                .await;
            }
        });
        futures::stream::iter(calls).buffer_unordered(CALLS).count().await;
    }

    /// How many transactions the database has seen. An idle replica's statements are transactions of their own.
    async fn transactions(&self) -> f64 {
        let seen = self
            .store
            .database()
            .texts(
                "SELECT (xact_commit + xact_rollback)::text FROM pg_stat_database \
                 WHERE datname = current_database()",
            )
            .await;
        seen[0].parse().expect("a number")
    }
}

/// The answer, after so many tries as it takes.
async fn insist<T, Fut>(call: impl Fn() -> Fut) -> T
where
    Fut: Future<Output = Result<T, tonic::Status>>,
{
    let began = Instant::now();
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(status) => assert!(began.elapsed() < 2 * UNTIL_SERVED, "{status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_idles_at_the_cost_of_its_replicas_and_is_served_again_as_a_whole() {
    // The long form has 10,000.
    let count = std::env::var("WAGROUPS_FLEET_SESSIONS");
    let count = count.map_or(200, |count| count.parse().expect("a number of sessions"));
    let began = Instant::now();
    let Some(mut many) = Many::start(count).await else { return };
    many.create_sessions().await;
    many.refresh(&many.channels()).await;
    eprintln!("many sessions: {count} are served after {:?}", began.elapsed());

    tokio::time::sleep(UNTIL_COUNTED).await;
    let (before, began) = (many.transactions().await, Instant::now());
    tokio::time::sleep(IDLE).await;
    let per_second = (many.transactions().await - before) / began.elapsed().as_secs_f64();
    eprintln!("many sessions: {per_second:.1} transactions a second while nothing happens");
    assert!(per_second < IDLE_TRANSACTIONS_PER_SECOND, "{per_second} a second");

    // The first one to start owns them all.
    let rest = many.channels().split_off(1);
    many.replicas[0].process.kill().await;
    let killed = Instant::now();
    many.refresh(&rest).await;
    let took = killed.elapsed();
    eprintln!("many sessions: all served again {took:?} after their owner was killed");
    assert!(took < UNTIL_SERVED, "{took:?}");
}
