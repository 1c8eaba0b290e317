//! What happens before the service listens.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use crate::app::sessions::NewSession;
use crate::app::watch::WatchStart;
use crate::app::{App, Call, Options, webhooks};
use crate::bus;
use crate::config::{NatsPayload, NatsStart, RestShape, Settings, WahaServer};
use crate::domain::auth::Caller;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::cluster::Tenure;
use crate::domain::error::Error;
use crate::domain::reason::Reason;
use crate::domain::session::{EngineConfig, EngineKind};
use crate::domain::token::ResumeToken;
use crate::engine::gateway::{self, Gateway, Pace, Rests, TenuredPassage};
use crate::engine::simulator::{self, SimulatorEngine};
use crate::engine::waha::{self, WahaServers};
use crate::picture::{self, Pictures};
use crate::repository::{ConnectOptions, SeaRepository};
use crate::rest;
use crate::tls::Trust;
use crate::webhook_sender::{self, HttpWebhookSender};

/// Shorter ones can be guessed.
const MIN_PEER_SECRET: usize = 16;

/// Why the service does not start; the text says what would be right.
#[derive(Debug)]
pub struct StartError(String);

impl StartError {
    pub fn other(cause: impl fmt::Display) -> Self {
        Self(cause.to_string())
    }

    pub(super) fn service(error: Error) -> Self {
        Self(error.cause().map_or_else(|| error.to_string(), |cause| format!("{error} ({cause})")))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// Connects to the database without changing it.
pub async fn connect(settings: &Settings) -> Result<SeaRepository, StartError> {
    let options = ConnectOptions {
        max_connections: settings.database.max_connections,
        allow_unsafe_fsync: settings.database.allow_unsafe_fsync,
        connect_timeout: settings.database.connect_timeout,
    };
    SeaRepository::connect(settings.database.url.expose(), options).await.map_err(StartError::other)
}

pub(super) async fn connect_and_migrate(
    settings: &Settings,
) -> Result<Arc<SeaRepository>, StartError> {
    let repository = connect(settings).await?;
    repository.migrate().await.map_err(StartError::other)?;
    Ok(Arc::new(repository))
}

pub(super) fn options(settings: &Settings) -> Options {
    Options {
        retention: settings.events.retention,
        retention_interval: settings.events.retention_interval,
        poll_interval: settings.events.poll_interval,
        history_bytes: usize::try_from(settings.events.history_bytes.get()).unwrap_or(usize::MAX),
        view_bytes: settings.cache.group_bytes.get(),
        max_watchers: settings.watch.max_watchers,
        progress_interval: settings.watch.progress_interval,
        watch_max_age: settings.watch.max_age,
        engine_write_timeout: settings.engine.write_timeout,
        max_sessions: settings.sessions.max,
        compare_interval: settings.reconcile.interval,
        min_compare_interval: settings.reconcile.min_interval,
        webhooks: webhooks::Options {
            max: settings.webhooks.max,
            max_in_flight: settings.webhooks.max_in_flight,
            pause_after: settings.webhooks.pause_after,
            words: shape(settings).words(),
            callers: callers(settings),
        },
    }
}

/// Each key and each certificate as the caller that it makes; where none are set, one caller for all.
fn callers(settings: &Settings) -> Vec<Caller> {
    if settings.auth.is_open() {
        return vec![Caller::anyone()];
    }
    settings.auth.callers().collect()
}

/// Keys of before there were roles keep what they could do; whoever runs the service hears of it once.
pub(super) fn tell_of_keys_without_role(settings: &Settings) {
    let keys = settings.auth.keys.iter().filter(|key| key.role.is_none());
    let names: Vec<&str> = keys.map(|key| key.name.as_str()).collect();
    if !names.is_empty() {
        tracing::warn!(
            keys = names.join(", "),
            "these API keys have no role, and so may also stop, log out and delete their sessions; give them the role \
             reader, operator or admin"
        );
    }
}

/// Whether several keys draw on what is bounded.
pub(super) fn is_shared(settings: &Settings) -> bool {
    callers(settings).len() > 1
}

/// In whose format groups are answered and events are sent.
pub(super) fn shape(settings: &Settings) -> rest::Shape {
    match settings.rest.shape {
        RestShape::Normalized => rest::Shape::Normalized,
        RestShape::Gows => rest::Shape::Gows,
        RestShape::Noweb => rest::Shape::Noweb,
        RestShape::Webjs => rest::Shape::Webjs,
        RestShape::Wpp => rest::Shape::Wpp,
    }
}

pub(super) async fn open_simulator(
    settings: &Settings,
    app: &App,
    repository: Arc<SeaRepository>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tenure: Option<Tenure>,
) -> Result<Option<Arc<SimulatorEngine>>, StartError> {
    if !settings.simulator.enabled {
        return Ok(None);
    }
    let options = simulator::Options { seed: settings.simulator.seed };
    let engine = SimulatorEngine::open(repository, app.sink(), clock, entropy.clone(), options)
        .await
        .map_err(StartError::other)?;
    let engine = Arc::new(engine);
    let pace = settings.simulator.paced.then(|| pace(settings));
    // It asks nobody for rest but by a fault.
    let options = gateway_options(settings, pace, tenure, None);
    app.register_engine(Arc::new(Gateway::new(engine.clone(), entropy, options)));
    Ok(Some(engine))
}

/// The engine of sessions that WAHA servers carry. Without any server it answers so itself.
pub(super) fn open_waha(
    settings: &Settings,
    app: &App,
    rests: Rests,
    trust: Trust,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tenure: Option<Tenure>,
) -> Result<Arc<WahaServers>, StartError> {
    let servers = settings.waha.servers.iter().map(server_options).collect::<Result<_, _>>()?;
    let options = waha::Options {
        servers,
        limits: waha::Limits {
            connect_timeout: settings.waha.connect_timeout,
            max_list_bytes: usize::try_from(settings.waha.max_list_bytes.get())
                .unwrap_or(usize::MAX),
            spelling_questions_per_hour: settings.waha.spelling_questions_per_hour,
        },
        trust,
        status_interval: settings.waha.status_interval,
        receivers: settings.waha.pass_through.then(|| app.other_events()),
        spellings: Some(app.spelling_memory()),
    };
    let budget = app.fetch_budget(settings.waha.full_fetches_per_hour);
    let engine = WahaServers::open(options, app.sink(), clock, entropy.clone(), budget)
        .map_err(StartError::service)?;
    let engine = Arc::new(engine);
    if settings.waha.pass_through {
        app.open_passage(Arc::new(TenuredPassage::new(engine.clone(), tenure.clone())));
    }
    let pace = Some(pace(settings));
    app.register_engine(Arc::new(Gateway::new(
        engine.clone(),
        entropy,
        gateway_options(settings, pace, tenure, Some(rests)),
    )));
    Ok(engine)
}

/// The bus that the log is handed to, and where that begins.
pub(super) struct RelayOptions {
    pub bus: bus::Options,
    pub start: WatchStart,
}

/// None where it is switched off. Asked at the start, whichever role follows: what is wrong must not show when this replica
/// is to act.
pub(super) fn relay(
    settings: &Settings,
    trust: &Trust,
) -> Result<Option<RelayOptions>, StartError> {
    let nats = &settings.nats;
    if !nats.is_on() {
        return Ok(None);
    }
    let wrong = |what: String| StartError::other(what);
    let servers = nats.servers().map(|server| server.parse());
    let servers = servers.collect::<Result<_, _>>();
    let secret = |path: &str, file: &Path| match std::fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => {
            Err(wrong(format!("{path}: {} is empty", file.display())))
        }
        Ok(text) => Ok(SecretString::from(text.trim().to_owned())),
        Err(error) => Err(wrong(format!("{path}: {} cannot be read: {error}", file.display()))),
    };
    let login = match (&nats.token_file, &nats.credentials_file) {
        (Some(file), _) => bus::Login::Token(secret("nats.token_file", file)?),
        (None, Some(file)) => {
            let text = secret("nats.credentials_file", file)?;
            // Its reader wants the last line to end.
            bus::Login::Credentials(format!("{}\n", text.expose_secret()).into())
        }
        (None, None) => bus::Login::None,
    };
    let tls = match (&nats.cert_file, &nats.key_file) {
        (Some(cert), Some(key)) => {
            let config = trust.client_config_as(cert, key);
            config.map_err(|error| wrong(format!("nats.cert_file, nats.key_file: {error}")))?
        }
        _ => trust.client_config().map_err(StartError::other)?,
    };
    let options = bus::Options {
        servers: servers.map_err(|error| wrong(format!("nats.url: {error}")))?,
        login,
        tls,
        stream: nats.stream.clone(),
        subject_prefix: nats.subject_prefix.clone(),
        limits: bus::Limits {
            replicas: nats.stream_replicas,
            max_age: nats.stream_max_age,
            max_bytes: nats.stream_max_bytes.get(),
            duplicate_window: nats.stream_duplicate_window,
        },
        payload: match nats.payload {
            NatsPayload::Protobuf => bus::Payload::Protobuf,
            NatsPayload::Json => bus::Payload::Json,
        },
    };
    let start = match nats.start() {
        Some(NatsStart::Now) => WatchStart::Now,
        Some(NatsStart::Token(token)) => {
            WatchStart::After(ResumeToken::decode(&token).map_err(StartError::service)?)
        }
        Some(NatsStart::Earliest) | None => WatchStart::Earliest,
    };
    options.check().map_err(|error| wrong(format!("nats.credentials_file {error}")))?;
    Ok(Some(RelayOptions { bus: options, start }))
}

fn server_options(server: &WahaServer) -> Result<waha::ServerOptions, StartError> {
    let api_key = match (&server.api_key, &server.api_key_file) {
        (Some(key), _) => Some(key.secret()),
        (None, Some(file)) => {
            let key = std::fs::read_to_string(file).map_err(|error| {
                let (name, file) = (&server.name, file.display());
                StartError::other(format!(
                    "waha.servers: the api_key_file {file} of {name} cannot be read: {error}"
                ))
            })?;
            Some(key.trim().to_owned().into())
        }
        (None, None) => None,
    };
    Ok(waha::ServerOptions {
        name: server.name.clone(),
        url: server.url.clone(),
        api_key,
        capacity: server.capacity,
    })
}

fn pace(settings: &Settings) -> Pace {
    Pace {
        calls_per_second: settings.engine.calls_per_second,
        burst: settings.engine.burst,
        max_in_flight: settings.engine.max_in_flight,
    }
}

fn gateway_options(
    settings: &Settings,
    pace: Option<Pace>,
    tenure: Option<Tenure>,
    rests: Option<Rests>,
) -> gateway::Options {
    gateway::Options {
        read_timeout: settings.engine.read_timeout,
        write_timeout: settings.engine.write_timeout,
        pace,
        tenure,
        rests,
    }
}

/// The secret that replicas share; nothing where only this machine reaches them.
pub(super) fn peer_secret(settings: &Settings) -> Result<SecretString, StartError> {
    let Some(file) = &settings.cluster.secret_file else { return Ok(SecretString::default()) };
    let refuse =
        |what: String| StartError::other(format!("cluster.secret_file: {} {what}", file.display()));
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let secret = text.trim();
    if secret.len() < MIN_PEER_SECRET {
        return Err(refuse(format!(
            "must hold at least {MIN_PEER_SECRET} characters, the same for all replicas"
        )));
    }
    Ok(secret.to_owned().into())
}

/// On a fresh SQLite database: a session `default` on the simulator, so that the first call works.
pub(super) async fn create_default_session(
    settings: &Settings,
    app: &App,
) -> Result<(), StartError> {
    if !settings.database.url.is_sqlite() || !settings.simulator.enabled || !app.is_fresh() {
        return Ok(());
    }
    let name = "default".parse().map_err(StartError::other)?;
    let session = NewSession {
        name,
        config: EngineConfig::default_of(EngineKind::Simulator),
        push_name: None,
        metadata: Default::default(),
        start: true,
    };
    match app.create_session(&Call::internal(), session).await {
        Ok(_) => Ok(()),
        Err(error) if error.reason() == Reason::SessionAlreadyExists => Ok(()),
        Err(error) => Err(StartError::service(error)),
    }
}

/// Whom our own HTTPS clients trust.
pub fn trust(settings: &Settings) -> Result<Trust, StartError> {
    let trust = Trust::default();
    match &settings.outbound.ca_file {
        Some(file) => trust
            .and_of(file)
            .map_err(|cause| StartError::other(format!("outbound.ca_file: {cause}"))),
        None => Ok(trust),
    }
}

/// Who posts to the receivers of webhooks.
pub(super) fn webhook_sender(
    settings: &Settings,
    trust: &Trust,
    clock: Arc<dyn Clock>,
) -> Result<Arc<HttpWebhookSender>, StartError> {
    let options = webhook_sender::Options {
        allow_private_addresses: settings.webhooks.allow_private_addresses,
        timeout: settings.webhooks.timeout,
    };
    Ok(Arc::new(HttpWebhookSender::new(options, trust, clock).map_err(StartError::service)?))
}

/// The maker of pictures.
pub(super) fn pictures(settings: &Settings, trust: &Trust) -> Result<Arc<Pictures>, StartError> {
    let options = picture::Options {
        allow_private_addresses: settings.picture.allow_private_addresses,
        fetch_timeout: settings.picture.fetch_timeout,
        is_shared: is_shared(settings),
    };
    Ok(Arc::new(Pictures::new(options, trust).map_err(StartError::service)?))
}
