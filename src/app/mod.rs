//! What the service does, one function an operation, on top of the ports alone.
//!
//! Transports validate, call, and convert; nothing here knows which of them called.

mod background;
mod calls;
mod delivery_window;
pub mod fanout;
mod fetch_budget;
mod following;
pub mod groups;
pub mod ingest;
mod keyed_lock;
mod lifecycle;
mod log;
mod passing;
mod places;
pub mod relay;
pub mod sessions;
mod spellings;
pub mod watch;
pub mod webhooks;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::auth::Caller;
use crate::domain::backoff::Backoff;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::counter::Epoch;
use crate::domain::error::{Error, Result};
use crate::domain::event::Initiator;
use crate::domain::fair_share::FairShare;
use crate::domain::id::RequestId;
use crate::domain::port::engine::GroupEngine;
use crate::domain::port::passage::Passage;
use crate::domain::port::picture::PictureMaker;
use crate::domain::port::repository::Repository;
use crate::domain::port::webhook_sender::WebhookSender;
use crate::domain::session::EngineKind;
use crate::domain::trace_context::TraceContext;
use crate::telemetry;
use calls::Calls;
pub use calls::Mutation;
use fanout::Fanout;
use groups::Groups;
use ingest::{Identities, Ingest, KnownNames};
use lifecycle::{Lifecycle, draining};
use log::{Log, LogParts};
pub use log::{View, WriterLoop};
use relay::Relay;
use sessions::Sessions;
use watch::Watches;
use webhooks::WebhookRegistry;

/// Between tries of what only an engine can answer.
const ENGINE_PAUSES: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(120));

/// Numbers that an operator may set; `config` documents them.
#[derive(Debug, Clone)]
pub struct Options {
    pub retention: Duration,
    pub retention_interval: Duration,
    pub poll_interval: Duration,
    pub history_bytes: usize,
    pub view_bytes: u64,
    pub max_watchers: usize,
    pub progress_interval: Duration,
    pub watch_max_age: Duration,
    pub engine_write_timeout: Duration,
    pub max_sessions: usize,
    /// How long after a comparison with WhatsApp a new connection leads to another one.
    pub min_compare_interval: Duration,
    /// How often a session is compared without any cause.
    pub compare_interval: Duration,
    pub webhooks: webhooks::Options,
}

impl Options {
    /// How so much of something is shared by the API keys.
    fn share_of(&self, capacity: usize) -> FairShare {
        FairShare { capacity: capacity as u64, is_shared: self.webhooks.callers.len() > 1 }
    }
}

/// Who calls, until when an answer is of use, and what trace it is a part of.
#[derive(Debug, Clone)]
pub struct Call {
    pub caller: Caller,
    pub deadline: Option<Instant>,
    pub trace: Option<TraceContext>,
}

impl Call {
    /// The service's own calls.
    pub fn internal() -> Self {
        Self { caller: Caller::anyone(), deadline: None, trace: None }
    }

    /// As the events tell of it that it causes.
    fn initiator(&self, request_id: Option<RequestId>) -> Initiator {
        let key_name = self.caller.key_name().into();
        Initiator { key_name, request_id, trace: self.trace.clone() }
    }
}

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

/// What the operations share. Fields are for the modules of `app` only.
struct Inner {
    repository: Arc<dyn Repository>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    options: Options,
    /// In which this process acts.
    epoch: Epoch,
    /// Another replica acts.
    follows: bool,
    /// Others may have written.
    wake: Notify,
    engines: RwLock<HashMap<EngineKind, Arc<dyn GroupEngine>>>,
    log: Log,
    lifecycle: Lifecycle,
    calls: Calls,
    groups: Groups,
    sessions: Sessions,
    identities: Identities,
    known_names: KnownNames,
    watches: Watches,
    hooks: WebhookRegistry,
    /// Where WAHA's other routes are asked; none where they are not.
    passage: OnceLock<Arc<dyn Passage>>,
    /// To a message bus; none where there is none.
    relay: OnceLock<Relay>,
    /// Events of servers that are not about groups.
    fanout: Arc<Fanout>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("epoch", &self.inner.epoch).finish_non_exhaustive()
    }
}

impl App {
    /// Reads what it needs. It acts in the epoch that it was given, or else follows what another replica does; its
    /// writer's loop is of no use then.
    pub async fn open(
        repository: Arc<dyn Repository>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        pictures: Arc<dyn PictureMaker>,
        sender: Arc<dyn WebhookSender>,
        options: Options,
        epoch: Option<Epoch>,
    ) -> Result<(Self, WriterLoop)> {
        let groups = Groups::new(pictures, options.share_of(groups::LISTS_AT_ONCE));
        let (log, writer_loop) = Log::open(LogParts {
            repository: repository.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            observer: groups.log_observer(),
            epoch: epoch.unwrap_or_default(),
            history_bytes: options.history_bytes,
            view_bytes: options.view_bytes,
            retention: options.retention,
        })
        .await?;
        if epoch.is_some() {
            log.recall_own_changes(clock.now()).await?;
        }
        let sessions = Sessions::load(repository.as_ref(), epoch.is_some()).await?;
        for session in sessions.directory.all() {
            log.note_sequence(&session.name, session.sequence);
        }
        let hooks =
            WebhookRegistry::load(repository.as_ref(), sender, options.webhooks.clone()).await?;
        let fanout = Fanout::new(options.webhooks.callers.len() > 1);
        let watches = Watches::new(
            repository.clone(),
            options.history_bytes as u64 / 2,
            options.share_of(options.max_watchers),
        );
        let inner = Inner {
            repository,
            clock,
            entropy,
            options,
            epoch: epoch.unwrap_or_default(),
            follows: epoch.is_none(),
            wake: Notify::new(),
            engines: RwLock::default(),
            log,
            lifecycle: Lifecycle::default(),
            calls: Calls::default(),
            groups,
            sessions,
            identities: Identities::default(),
            known_names: KnownNames::default(),
            watches,
            hooks,
            passage: OnceLock::new(),
            relay: OnceLock::new(),
            fanout,
        };
        Ok((Self { inner: Arc::new(inner) }, writer_loop))
    }

    /// Where engines deliver what they report.
    pub fn sink(&self) -> Arc<Ingest> {
        Arc::new(Ingest::new(&self.inner))
    }

    pub fn register_engine(&self, engine: Arc<dyn GroupEngine>) {
        self.inner.engines.write().insert(engine.kind(), engine);
    }

    /// Whether the database answers.
    pub async fn check_database(&self) -> Result<()> {
        Ok(self.inner.repository.ping().await?)
    }

    /// Has the writer check whether commits work; [`commits`](Self::commits) reports the result.
    pub async fn check_commits(&self) {
        self.inner.log.check().await;
    }

    /// Whether commits work, from now on.
    pub fn commits(&self) -> tokio::sync::watch::Receiver<bool> {
        self.inner.log.works()
    }

    /// Stops taking calls and ends the watches. Running calls have until `grace` has passed.
    pub async fn drain(&self, grace: Duration) {
        self.inner.lifecycle.draining.cancel();
        self.inner.log.notify_all();
        self.inner.lifecycle.tasks.close();
        if tokio::time::timeout(grace, self.inner.lifecycle.tasks.wait()).await.is_err() {
            tracing::warn!("calls were still out at the end of the grace period");
        }
        self.inner.lifecycle.cut_off.cancel();
    }

    pub fn is_draining(&self) -> bool {
        self.inner.is_draining()
    }

    /// Runs what must not end half-way when the caller hangs up.
    async fn undisturbed<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.inner.refuse_if_follower()?;
        let work = telemetry::carried(work);
        self.inner.lifecycle.tasks.spawn(work).await.map_err(Error::internal)?
    }
}

impl Inner {
    fn engine(&self, kind: EngineKind) -> Result<Arc<dyn GroupEngine>> {
        self.engines.read().get(&kind).cloned().ok_or_else(|| {
            let (engine, hint) = (kind.as_str(), kind.hint_if_unavailable());
            Error::new(
                kind.reason_if_unavailable(),
                format!("engine {engine} is not available in this service; {hint}"),
            )
            .with("engine", engine)
            .with("operation", "StartSession")
        })
    }
}
