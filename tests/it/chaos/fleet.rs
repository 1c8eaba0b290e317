//! Three replicas as processes on one PostgreSQL, with WAHA servers, each of which can fail in its own way.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use wagroups::domain::webhook::EventName;
use wagroups::pb;
use wagroups::pb::create_session_request::Config;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::pb::webhooks_service_client::WebhooksServiceClient;

use crate::crash::load::Load;
use crate::harness::link::Link;
use crate::harness::process::{Process, TestStore};
use crate::harness::service::eventually;
use crate::hooks::receiver::Receiver;
use crate::hooks::to;
use crate::waha_server::{Options, WahaServer, Whatsapp};

const REPLICAS: usize = 3;
/// Longer than a lease lasts without a heartbeat.
const PAST_THE_LEASE: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Killed,
    Stopped,
    /// Past its lease.
    Frozen,
    /// All connections of all end, and new ones work.
    DatabaseRestarted,
    DatabaseAway,
    /// One replica reaches the database no more.
    CutOffDatabase,
    /// No replica reaches one of them.
    CutOffPeers,
    WahaRestarted,
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::Killed,
        Self::Frozen,
        Self::CutOffPeers,
        Self::Stopped,
        Self::DatabaseRestarted,
        Self::WahaRestarted,
        Self::CutOffDatabase,
        Self::DatabaseAway,
    ];

    /// Of so many faults the one at this place, the same in each run of a seed.
    pub fn at(seed: usize, place: usize) -> Self {
        // SplitMix64: neighbours have nothing in common.
        let mut mixed = ((seed << 32) + place) as u64;
        mixed = mixed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        Self::ALL[usize::try_from(mixed % Self::ALL.len() as u64).expect("a small number")]
    }
}

/// How much of everything there is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub simulated: usize,
    /// On each of two WAHA servers.
    pub on_waha: usize,
    pub webhooks: usize,
    pub database_away: Duration,
}

pub struct Fleet {
    pub whatsapp: Arc<Whatsapp>,
    pub servers: Vec<Arc<WahaServer>>,
    pub replicas: Vec<Member>,
    pub receivers: Vec<Receiver>,
    pub simulated: Vec<String>,
    /// With the servers that carry them.
    pub on_waha: Vec<(String, Arc<WahaServer>)>,
    pub store: TestStore,
    /// Who held the lease in which epoch, as far as it was looked at.
    owners: BTreeMap<u64, String>,
}

/// A replica, and what it is reached by and reaches.
pub struct Member {
    pub process: Process,
    database: Link,
    peers: Link,
    settings: Vec<(&'static str, String)>,
}

impl Fleet {
    /// `None` where there is no PostgreSQL.
    pub async fn start(size: Size) -> Option<Self> {
        let store = TestStore::postgres().await?;
        let whatsapp = Whatsapp::new().await;
        let mut servers = Vec::new();
        let mut on_waha = Vec::new();
        for at in 0..2 {
            let server = WahaServer::start(&whatsapp, Options::default()).await;
            for number in 0..size.on_waha {
                let name = format!("waha-{at}-{number:02}");
                server.add_session(&name).await;
                on_waha.push((name, server.clone()));
            }
            servers.push(server);
        }
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            replicas.push(Member::start(&store, &servers).await);
        }
        let simulated = (1..size.simulated).map(|number| format!("simulated-{number:02}"));
        let simulated = std::iter::once("default".to_owned()).chain(simulated).collect();
        let owners = BTreeMap::new();
        let mut fleet = Self {
            whatsapp,
            servers,
            replicas,
            receivers: Vec::new(),
            simulated,
            on_waha,
            store,
            owners,
        };
        fleet.create_sessions().await;
        fleet.create_webhooks(size.webhooks).await;
        Some(fleet)
    }

    pub fn sessions(&self) -> Vec<String> {
        let on_waha = self.on_waha.iter().map(|(name, _)| name);
        // In turn, so that few writers meet both kinds.
        let mut sessions = Vec::new();
        let (mut simulated, mut on_waha) = (self.simulated.iter(), on_waha);
        while sessions.len() < self.simulated.len() + self.on_waha.len() {
            sessions.extend(simulated.next().cloned());
            sessions.extend(on_waha.next().cloned());
        }
        sessions
    }

    async fn create_sessions(&self) {
        let mut client = SessionsServiceClient::new(self.replicas[0].process.channel());
        for name in &self.simulated {
            let request = pb::CreateSessionRequest { session: name.clone(), ..Default::default() };
            let made = client.create_session(request).await;
            assert!(made.is_ok() || name == "default", "{name}: {made:?}");
        }
        for (name, server) in &self.on_waha {
            let at = self.servers.iter().position(|known| Arc::ptr_eq(known, server));
            let server = format!("waha-{}", at.expect("one of the servers"));
            let config = pb::WahaConfig { server, ..Default::default() };
            let request = pb::CreateSessionRequest {
                session: name.clone(),
                config: Some(Config::Waha(config)),
                ..Default::default()
            };
            client.create_session(request).await.expect("a session");
        }
        for name in self.sessions() {
            eventually("the session works", || async {
                let get = pb::GetSessionRequest { session: name.clone() };
                let session = client.clone().get_session(get).await.ok()?.into_inner().session?;
                (session.status() == pb::SessionStatus::Working).then_some(())
            })
            .await;
        }
    }

    async fn create_webhooks(&mut self, count: usize) {
        for at in 0..count {
            let receiver = Receiver::start().await;
            // Made at any replica.
            let channel = self.replicas[at % REPLICAS].process.channel();
            // Whatever is in the log, also what WAHA has no word for: who was unknown before may get a second name.
            let events = EventName::ALL.map(|name| name.as_str().to_owned()).to_vec();
            let request = pb::CreateWebhookRequest { events, ..to(&receiver) };
            let made = WebhooksServiceClient::new(channel).create_webhook(request).await;
            made.expect("a webhook");
            self.receivers.push(receiver);
        }
    }

    /// Has it happen to the replica at this place, and be over, while clients go on.
    pub async fn strike(&mut self, fault: Fault, at: usize, load: &Load, size: Size) {
        let at = at % REPLICAS;
        match fault {
            Fault::Killed => {
                self.replicas[at].process.kill().await;
                load.wait_for_answers(10).await;
                self.restart(at).await;
            }
            Fault::Stopped => {
                self.replicas[at].process.terminate().await;
                load.wait_for_answers(10).await;
                self.restart(at).await;
            }
            Fault::Frozen => {
                self.replicas[at].process.signal("STOP").await;
                tokio::time::sleep(PAST_THE_LEASE).await;
                load.wait_for_answers(10).await;
                self.replicas[at].process.signal("CONT").await;
            }
            Fault::DatabaseRestarted => {
                self.store.database().cut_off().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.store.database().restore().await;
            }
            Fault::DatabaseAway => {
                self.store.database().cut_off().await;
                tokio::time::sleep(size.database_away).await;
                self.store.database().restore().await;
            }
            Fault::CutOffDatabase => {
                self.replicas[at].database.cut();
                tokio::time::sleep(PAST_THE_LEASE).await;
                load.wait_for_answers(10).await;
                self.replicas[at].database.mend();
            }
            Fault::CutOffPeers => {
                self.replicas[at].peers.cut();
                tokio::time::sleep(Duration::from_secs(3)).await;
                self.replicas[at].peers.mend();
            }
            Fault::WahaRestarted => {
                let server = &self.servers[at % self.servers.len()];
                server.kill().await;
                load.wait_for_answers(10).await;
                server.revive().await;
            }
        }
        self.note_owner().await;
    }

    /// As an update does it: told to stop, and started anew once it has ended.
    pub async fn update(&mut self, at: usize) {
        self.replicas[at].process.terminate().await;
        self.restart(at).await;
    }

    async fn restart(&mut self, at: usize) {
        let member = &mut self.replicas[at];
        let process = Process::restart_with(&self.store, &member.process, &member.settings).await;
        member.process = process;
    }

    /// One epoch has one owner, and epochs do not fall.
    pub async fn note_owner(&mut self) {
        let lease = self.store.database().texts("SELECT epoch || ' ' || owner FROM leases").await;
        for text in lease {
            let (epoch, owner) = text.split_once(' ').expect("both");
            let epoch: u64 = epoch.parse().expect("a number");
            let last = self.owners.last_key_value().map_or(0, |(last, _)| *last);
            assert!(epoch >= last, "the epoch falls from {last} to {epoch}");
            // Given back, it has no owner.
            if !owner.is_empty() {
                let known = self.owners.entry(epoch).or_insert_with(|| owner.to_owned());
                assert_eq!(known, owner, "two owners of epoch {epoch}");
            }
        }
    }
}

impl Member {
    pub async fn start(store: &TestStore, servers: &[Arc<WahaServer>]) -> Self {
        let url = store.url();
        let server: PgConnectOptions = url.parse().expect("a URL");
        let target = format!("{}:{}", server.get_host(), server.get_port());
        let database = Link::before(target.clone()).await;
        let listen = {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            free.local_addr().expect("an address").to_string()
        };
        let peers = Link::before(listen.clone()).await;
        let servers: Vec<String> = servers
            .iter()
            .enumerate()
            .map(|(at, server)| {
                let key = server.options().api_key.expect("a key");
                let url = server.url();
                format!("{{ name = \"waha-{at}\", url = \"{url}\", api_key = \"{key}\" }}")
            })
            .collect();
        let settings = [
            ("WAGROUPS_DATABASE__URL", url.replacen(&target, &database.address, 1)),
            ("WAGROUPS_DATABASE__MAX_CONNECTIONS", "4".to_owned()),
            ("WAGROUPS_CLUSTER__LISTEN", listen),
            ("WAGROUPS_CLUSTER__ADDRESS", peers.address.clone()),
            ("WAGROUPS_SHUTDOWN__GRACE", "5s".to_owned()),
            ("WAGROUPS_WAHA__SERVERS", format!("[{}]", servers.join(", "))),
            ("WAGROUPS_SESSIONS__MAX", "20000".to_owned()),
            ("WAGROUPS_RECONCILE__MIN_INTERVAL", "0s".to_owned()),
            ("WAGROUPS_ENGINE__CALLS_PER_SECOND", "1000".to_owned()),
            ("WAGROUPS_ENGINE__BURST", "1000".to_owned()),
            ("WAGROUPS_WAHA__FULL_FETCHES_PER_HOUR", "0".to_owned()),
            ("WAGROUPS_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
        ]
        .to_vec();
        let process = Process::start_with(store, &settings).await;
        Self { process, database, peers, settings }
    }
}
