//! Settings: defaults ← file ← environment ← flags, checked as a whole before anything starts.
//!
//! Every field has a default, and every default is documented in README.md. A wrong setting is
//! refused with its name, where it came from, and what would be right; all of them at once.

mod auth;
mod cluster;
mod defaults;
mod inbound;
mod load;
mod nats;
mod problems;
mod renamed;
mod tls;
mod values;
mod waha;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use auth::{ApiKey, Auth, CertificateCaller, KeyDigest};
pub use cluster::Cluster;
pub use inbound::Inbound;
pub use load::{Loaded, Sources, load};
pub use nats::{Nats, NatsPayload, NatsStart};
pub use problems::{Problem, Problems, Source};
pub use renamed::RenamedSection;
pub use tls::{ClientAuth, Tls};
pub use values::{ByteSize, DatabaseUrl, PERCENT_ENCODE, holds_bare_credentials};
pub use waha::{Waha, WahaKey, WahaServer};

/// Everything that an operator can set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub database: Database,
    pub inbound: Inbound,
    pub grpc: Grpc,
    pub rest: Rest,
    pub waha_ingress: WahaIngress,
    pub webhooks: Webhooks,
    pub ops: Ops,
    pub tls: Tls,
    pub auth: Auth,
    pub cluster: Cluster,
    pub nats: Nats,
    pub events: Events,
    pub watch: Watch,
    pub cache: Cache,
    pub engine: Engine,
    pub reconcile: Reconcile,
    pub outbound: Outbound,
    pub picture: Picture,
    pub simulator: Simulator,
    pub waha: Waha,
    pub sessions: Sessions,
    pub log: Log,
    pub shutdown: Shutdown,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgres://user:password@host/name` or `sqlite://path?mode=rwc`.
    pub url: DatabaseUrl,
    /// Connections for calls; the writer has one of its own.
    pub max_connections: u32,
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Accepts a PostgreSQL with fsync=off, which loses acknowledged changes in a crash: for tests.
    pub allow_unsafe_fsync: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grpc {
    pub listen: SocketAddr,
    /// The largest request that is read.
    pub max_message_bytes: ByteSize,
    /// How long a request may take to arrive, beside what its size takes at 4 KiB/s.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Requests that are arriving or dealt with, all together.
    pub buffer_bytes: ByteSize,
    /// Answers that wait to be taken, all together.
    pub answer_bytes: ByteSize,
    /// Connections at the same time; the oldest that has shown no key makes room.
    pub max_connections: usize,
    /// Calls at the same time, until their answer has left; more are refused with OVERLOADED. Watches do not count.
    pub max_concurrent_calls: usize,
    /// Streams that one connection may have open, watches included.
    pub max_streams_per_connection: u32,
    /// After so long a silence the server asks whether the client is still there.
    #[serde(with = "humantime_serde")]
    pub keepalive_interval: Duration,
    #[serde(with = "humantime_serde")]
    pub keepalive_timeout: Duration,
    /// After this age a connection gets a GOAWAY, so that load spreads over new replicas.
    #[serde(with = "humantime_serde")]
    pub max_connection_age: Duration,
    /// How long calls of such a connection may still take.
    #[serde(with = "humantime_serde")]
    pub max_connection_age_grace: Duration,
}

/// The gateway for WAHA's paths.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rest {
    #[serde(with = "values::listen")]
    pub listen: Option<SocketAddr>,
    /// In whose words groups are answered.
    pub shape: RestShape,
    /// The largest body that is read: of a picture; all others have at most 256 KiB.
    pub max_body_bytes: ByteSize,
    /// How long a body may take to arrive.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Requests that are dealt with at the same time; more are refused.
    pub max_in_flight: usize,
    /// Bodies in memory, all together.
    pub buffer_bytes: ByteSize,
    /// Answers that wait to be taken, all together.
    pub answer_bytes: ByteSize,
    /// Connections at the same time; the oldest that has shown no key makes room.
    pub max_connections: usize,
    /// Streams of events among them; more are refused.
    pub max_streams: usize,
}

/// Whose words the REST gateway speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestShape {
    /// WAHA's own.
    #[default]
    Normalized,
    /// Those of its engine GOWS.
    Gows,
    /// Those of its engine NOWEB.
    Noweb,
    /// Those of its engine WEBJS.
    Webjs,
    /// Those of its engine WPP.
    Wpp,
}

/// The door for WAHA's webhooks. Its section was `webhook` before 0.2.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WahaIngress {
    #[serde(with = "values::listen")]
    pub listen: Option<SocketAddr>,
    /// The largest body that is read.
    pub max_body_bytes: ByteSize,
    /// How long a body may take to arrive.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long a webhook waits for its commit, before it is answered so that WAHA sends it again.
    #[serde(with = "humantime_serde")]
    pub commit_timeout: Duration,
    /// Webhooks that are dealt with at the same time, those too that nobody waits for any longer; more of
    /// them are answered so that WAHA sends them again.
    pub max_in_flight: usize,
    /// Bodies in memory, all together.
    pub buffer_bytes: ByteSize,
    /// Connections at the same time; the oldest over which no webhook came that was signed makes room.
    pub max_connections: usize,
}

/// Our own webhooks, to the receivers that callers name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    pub max: usize,
    /// Lets URLs lead to private addresses: for tests and closed networks.
    pub allow_private_addresses: bool,
    /// How long a receiver may take to answer.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Posts that are out at the same time, over all webhooks.
    pub max_in_flight: usize,
    /// A webhook is paused whose event has failed for so long, its retries being used up.
    #[serde(with = "humantime_serde")]
    pub pause_after: Duration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ops {
    /// `/livez`, `/readyz` and `/metrics`; `off` for none.
    #[serde(with = "values::listen")]
    pub listen: Option<SocketAddr>,
    /// Connections at the same time; the oldest makes room.
    pub max_connections: usize,
    /// By which names it is reached, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// Speaks TLS as the other listeners do. Probes and scrapers often cannot.
    pub tls: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// How long events are kept.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    #[serde(with = "humantime_serde")]
    pub retention_interval: Duration,
    /// How often the log is asked for what other processes wrote.
    #[serde(with = "humantime_serde")]
    pub poll_interval: Duration,
    /// Recent events kept in memory for all watchers together.
    pub history_bytes: ByteSize,
    /// Stores raw notifications with the events; not in this version.
    pub store_engine_data: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Watch {
    pub max_watchers: usize,
    /// For watches that ask for none.
    #[serde(with = "humantime_serde")]
    pub progress_interval: Duration,
    /// A watch ends at this age, give or take 10 %, with a token to resume from.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// Groups kept in memory for readers.
    pub group_bytes: ByteSize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// How many calls of one session go to WhatsApp in a second; more of them wait.
    pub calls_per_second: u32,
    /// So many may go at once after a silence.
    pub burst: u32,
    /// Calls of one session that are out at the same time.
    pub max_in_flight: usize,
}

/// Comparing all groups of a session with WhatsApp's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reconcile {
    /// How often without any cause, give or take 10 %.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// A new connection leads to a comparison, but not so soon after the last one.
    #[serde(with = "humantime_serde")]
    pub min_interval: Duration,
}

/// Our own calls by HTTPS: to WAHA servers, to receivers of webhooks, for pictures.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbound {
    /// A PEM file of authorities that are trusted beside Mozilla's list.
    #[serde(with = "values::file")]
    pub ca_file: Option<PathBuf>,
}

/// Pictures that are given as URLs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Picture {
    /// Lets URLs lead to private addresses: for tests and closed networks.
    pub allow_private_addresses: bool,
    /// How long fetching one may take, redirects included.
    #[serde(with = "humantime_serde")]
    pub fetch_timeout: Duration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Simulator {
    /// Serves the engine `simulator` and SimulatorService.
    pub enabled: bool,
    /// What a new world draws its chance from.
    pub seed: u64,
    /// Paces its calls as those to WhatsApp are.
    pub paced: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    pub max: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// As tracing's EnvFilter has it: `info`, `warn,wagroups=debug`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// How long running calls may take once the service is to stop.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

impl Settings {
    /// What is wrong with the values as such and with their combination, by setting.
    pub fn validate(&self, problems: &mut Problems) {
        if let Err(error) = self.database.url.check() {
            problems.add("database.url", error);
        }
        for host in &self.ops.hosts {
            if !values::is_host_name(host) {
                problems.add(
                    "ops.hosts",
                    format!("{host:?} is no host name; leave out scheme and port"),
                );
            }
        }
        problems.require_range(
            "database.max_connections",
            self.database.max_connections.into(),
            1..=1000,
        );
        let range = 16 * 1024..=256 * 1024 * 1024;
        problems.require_range("grpc.max_message_bytes", self.grpc.max_message_bytes.get(), range);
        problems.require_range(
            "grpc.max_concurrent_calls",
            self.grpc.max_concurrent_calls as u64,
            1..=1_000_000,
        );
        let places = 1..=1_000_000;
        let (grpc, ops) = (&self.grpc, &self.ops);
        let connections = grpc.max_connections as u64;
        problems.require_range("grpc.max_connections", connections, places.clone());
        problems.require_range("ops.max_connections", ops.max_connections as u64, places);
        if grpc.buffer_bytes.get() < grpc.max_message_bytes.get() {
            let must = "must hold at least one request of grpc.max_message_bytes";
            problems.add("grpc.buffer_bytes", must);
        }
        let at_least = 4 * 1024 * 1024..=u64::MAX;
        let answers = [
            ("grpc.answer_bytes", grpc.answer_bytes),
            ("rest.answer_bytes", self.rest.answer_bytes),
        ];
        for (path, value) in answers {
            problems.require_range(path, value.get(), at_least.clone());
        }
        let streams = u64::from(self.grpc.max_streams_per_connection);
        problems.require_range("grpc.max_streams_per_connection", streams, 1..=1_000_000);
        problems.require_range(
            "watch.max_watchers",
            self.watch.max_watchers as u64,
            1..=10_000_000,
        );
        let (rest, ingress) = (&self.rest, &self.waha_ingress);
        for (section, max_body, buffer, in_flight, connections) in [
            (
                "rest",
                rest.max_body_bytes,
                rest.buffer_bytes,
                rest.max_in_flight,
                rest.max_connections,
            ),
            (
                "waha_ingress",
                ingress.max_body_bytes,
                ingress.buffer_bytes,
                ingress.max_in_flight,
                ingress.max_connections,
            ),
        ] {
            let name = |setting: &str| format!("{section}.{setting}");
            let range = 16 * 1024..=256 * 1024 * 1024;
            problems.require_range(&name("max_body_bytes"), max_body.get(), range);
            if buffer.get() < max_body.get() {
                let must = format!("must hold at least one body of {section}.max_body_bytes");
                problems.add(&name("buffer_bytes"), must);
            }
            let range = 1..=1_000_000;
            problems.require_range(&name("max_in_flight"), in_flight as u64, range.clone());
            problems.require_range(&name("max_connections"), connections as u64, range);
        }
        let streams = rest.max_streams as u64;
        problems.require_range("rest.max_streams", streams, 1..=1_000_000);
        if rest.max_streams >= rest.max_connections {
            let must = "must be less than rest.max_connections, so that other requests find room";
            problems.add("rest.max_streams", must);
        }
        let range = 1..=1000;
        let calls_per_second = u64::from(self.engine.calls_per_second);
        problems.require_range("engine.calls_per_second", calls_per_second, range.clone());
        problems.require_range("engine.burst", self.engine.burst.into(), range.clone());
        problems.require_range("engine.max_in_flight", self.engine.max_in_flight as u64, range);
        let webhooks = &self.webhooks;
        problems.require_range("webhooks.max", webhooks.max as u64, 0..=100_000);
        let range = 1..=10_000;
        problems.require_range("webhooks.max_in_flight", webhooks.max_in_flight as u64, range);
        problems.require_range("sessions.max", self.sessions.max as u64, 1..=1_000_000);
        let at_least = 1024 * 1024..=u64::MAX;
        problems.require_range(
            "events.history_bytes",
            self.events.history_bytes.get(),
            at_least.clone(),
        );
        problems.require_range("cache.group_bytes", self.cache.group_bytes.get(), at_least);
        for (path, value, range) in [
            ("database.connect_timeout", self.database.connect_timeout, SECOND..=5 * MINUTE),
            ("grpc.body_timeout", self.grpc.body_timeout, SECOND..=5 * MINUTE),
            ("grpc.keepalive_interval", self.grpc.keepalive_interval, SECOND..=24 * HOUR),
            ("grpc.keepalive_timeout", self.grpc.keepalive_timeout, SECOND..=HOUR),
            ("grpc.max_connection_age", self.grpc.max_connection_age, MINUTE..=365 * DAY),
            (
                "grpc.max_connection_age_grace",
                self.grpc.max_connection_age_grace,
                SECOND..=24 * HOUR,
            ),
            ("events.retention", self.events.retention, MINUTE..=3650 * DAY),
            ("events.retention_interval", self.events.retention_interval, SECOND..=24 * HOUR),
            ("events.poll_interval", self.events.poll_interval, Duration::from_millis(50)..=MINUTE),
            ("watch.progress_interval", self.watch.progress_interval, SECOND..=10 * MINUTE),
            ("watch.max_age", self.watch.max_age, MINUTE..=365 * DAY),
            ("engine.read_timeout", self.engine.read_timeout, SECOND..=10 * MINUTE),
            ("engine.write_timeout", self.engine.write_timeout, SECOND..=10 * MINUTE),
            ("reconcile.interval", self.reconcile.interval, MINUTE..=30 * DAY),
            ("reconcile.min_interval", self.reconcile.min_interval, Duration::ZERO..=HOUR),
            ("rest.body_timeout", self.rest.body_timeout, SECOND..=5 * MINUTE),
            ("waha_ingress.body_timeout", self.waha_ingress.body_timeout, SECOND..=5 * MINUTE),
            ("waha_ingress.commit_timeout", self.waha_ingress.commit_timeout, SECOND..=5 * MINUTE),
            ("webhooks.timeout", self.webhooks.timeout, SECOND..=5 * MINUTE),
            ("webhooks.pause_after", self.webhooks.pause_after, Duration::ZERO..=365 * DAY),
            ("picture.fetch_timeout", self.picture.fetch_timeout, SECOND..=MINUTE),
            ("shutdown.grace", self.shutdown.grace, Duration::ZERO..=10 * MINUTE),
        ] {
            problems.require_duration(path, value, range);
        }
        if self.events.store_engine_data {
            problems.add(
                "events.store_engine_data",
                "this version does not store it yet; leave it false",
            );
        }
        self.auth.validate_reach("grpc.listen", self.grpc.listen, problems);
        if let Some(listen) = self.rest.listen {
            self.auth.validate_reach("rest.listen", listen, problems);
        }
        self.inbound.validate(!self.auth.is_open(), problems);
        self.tls.validate(self.ops.tls, problems);
        self.cluster.validate(&self.database.url, problems);
        self.nats.validate(problems);
        self.waha.validate(problems);
        self.auth.validate(self.tls.client_auth != ClientAuth::None, problems);
    }
}
