//! TEMPORARY
use std::time::Duration; use std::net::SocketAddr;
#[derive(Debug, Clone)] pub struct Url(String);
impl Url { pub fn expose(&self) -> &str { &self.0 } }
impl From<&str> for Url { fn from(s: &str) -> Self { Self(s.into()) } }
#[derive(Debug, Clone)] pub struct Bytes(u64); impl Bytes { pub fn get(&self) -> u64 { self.0 } }
#[derive(Debug, Clone)] pub struct Database { pub url: Url, pub max_connections: u32, pub allow_unsafe_fsync: bool, pub connect_timeout: Duration }
impl Database { pub fn is_sqlite(&self) -> bool { self.url.0.starts_with("sqlite") } }
#[derive(Debug, Clone)] pub struct Grpc { pub listen: SocketAddr, pub max_message_bytes: Bytes }
#[derive(Debug, Clone)] pub struct Ops { pub listen: Option<SocketAddr> }
#[derive(Debug, Clone)] pub struct Events { pub retention: Duration, pub retention_interval: Duration, pub poll_interval: Duration, pub history_bytes: Bytes }
#[derive(Debug, Clone)] pub struct Cache { pub group_bytes: Bytes }
#[derive(Debug, Clone)] pub struct Watch { pub max_watchers: usize, pub progress_interval: Duration, pub max_age: Duration }
#[derive(Debug, Clone)] pub struct Engine { pub read_timeout: Duration, pub write_timeout: Duration }
#[derive(Debug, Clone)] pub struct Sessions { pub max: usize }
#[derive(Debug, Clone)] pub struct Simulator { pub enabled: bool, pub seed: u64 }
#[derive(Debug, Clone)] pub struct Shutdown { pub grace: Duration }
#[derive(Debug, Clone)] pub struct ApiKey { pub name: String, pub sha256: String, pub sessions: Vec<crate::domain::auth::SessionPattern> }
#[derive(Debug, Clone)] pub struct Auth { pub keys: Vec<ApiKey> }
#[derive(Debug, Clone)] pub struct Settings { pub database: Database, pub grpc: Grpc, pub ops: Ops, pub events: Events, pub cache: Cache, pub watch: Watch, pub engine: Engine, pub sessions: Sessions, pub simulator: Simulator, pub shutdown: Shutdown, pub auth: Auth }
impl Default for Settings { fn default() -> Self { let s = Duration::from_secs; Self { database: Database { url: "sqlite://wagroups.db?mode=rwc".into(), max_connections: 10, allow_unsafe_fsync: false, connect_timeout: s(5) }, grpc: Grpc { listen: "127.0.0.1:50051".parse().unwrap(), max_message_bytes: Bytes(4<<20) }, ops: Ops { listen: None }, events: Events { retention: s(7*86400), retention_interval: s(60), poll_interval: s(1), history_bytes: Bytes(64<<20) }, cache: Cache { group_bytes: Bytes(256<<20) }, watch: Watch { max_watchers: 20000, progress_interval: s(30), max_age: s(3600) }, engine: Engine { read_timeout: s(30), write_timeout: s(90) }, sessions: Sessions { max: 10000 }, simulator: Simulator { enabled: true, seed: 0 }, shutdown: Shutdown { grace: s(25) }, auth: Auth { keys: vec![] } } } }
