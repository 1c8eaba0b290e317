//! What the service does, one function an operation, on top of the ports alone.
//!
//! Transports validate, call, and convert; nothing here knows which of them called.

mod asked;
mod background;
mod batch;
mod believed;
mod bells;
mod commits;
mod directory;
mod doubts;
mod fetch_budget;
pub mod groups;
pub mod ingest;
mod live;
mod mutate;
mod own_changes;
mod passing;
mod pauses;
mod pending;
mod places;
mod progress;
mod reads;
pub mod relay;
mod report;
mod reservations;
mod session_draft;
pub mod sessions;
mod turns;
mod views;
pub mod watch;
pub mod webhooks;
mod working_set;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::auth::Caller;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::counter::Epoch;
use crate::domain::error::{Error, Result};
use crate::domain::fair_share::FairShare;
use crate::domain::port::courier::Courier;
use crate::domain::port::engine::GroupEngine;
use crate::domain::port::passage::Passage;
use crate::domain::port::picture::PictureMaker;
use crate::domain::port::repository::Repository;
use crate::domain::reason::Reason;
use crate::domain::session::EngineKind;
use asked::Answers;
use directory::Directory;
use doubts::Doubts;
use groups::Deletions;
use ingest::{Identities, Ingest};
use live::Live;
use mutate::CallsInFlight;
use pending::PendingCalls;
use places::Places;
use relay::Relay;
use reservations::Abandoned;
use sessions::{Connections, ReportedStatuses};
use turns::Turns;
use watch::{CatchUp, Seats};
use webhooks::Hooks;
use writer::{Writer, WriterParts};

pub use mutate::Mutation;
pub use views::View;

/// Numbers that an operator may set; `config` says what they mean.
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
    /// How so much of something is shared by those who may call.
    fn share_of(&self, capacity: usize) -> FairShare {
        FairShare { capacity: capacity as u64, is_shared: self.webhooks.callers.len() > 1 }
    }
}

/// Who calls, and until when an answer is of use.
#[derive(Debug, Clone)]
pub struct Call {
    pub caller: Caller,
    pub deadline: Option<Instant>,
}

impl Call {
    /// The service's own calls.
    pub fn internal() -> Self {
        Self { caller: Caller::anyone(), deadline: None }
    }
}

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

/// Lists that are read at the same time. More of them would only wait for the same processors and the same disk, and
/// each holds up to 1 MiB meanwhile.
const LISTS_AT_ONCE: usize = 8;

/// What the operations share. Fields are for the modules of `app` only.
struct Inner {
    repository: Arc<dyn Repository>,
    engines: RwLock<HashMap<EngineKind, Arc<dyn GroupEngine>>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    options: Options,
    epoch: Epoch,
    writer: Writer,
    live: Arc<Live>,
    pending: Arc<PendingCalls>,
    directory: Directory,
    connections: Connections,
    pictures: Arc<dyn PictureMaker>,
    /// Where WAHA's other routes are asked; none where they are not.
    passage: OnceLock<Arc<dyn Passage>>,
    /// What servers tell beside groups.
    relay: Arc<Relay>,
    hooks: Hooks,
    asked: Arc<Answers>,
    /// One comparison with WhatsApp at a time.
    comparing: Turns,
    deletions: Deletions,
    doubts: Doubts,
    identities: Identities,
    reported_statuses: ReportedStatuses,
    calls: CallsInFlight,
    abandoned: Abandoned,
    catch_up: CatchUp,
    seats: Seats,
    /// Lists that are read at the same time: each is up to 1 MiB and much work.
    lists: Places,
    /// Mutations, which go on when their caller hangs up.
    tasks: TaskTracker,
    /// No new calls; watches end.
    draining: CancellationToken,
    /// Whoever still waits gets what is known by now.
    cut_off: CancellationToken,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("epoch", &self.inner.epoch).finish_non_exhaustive()
    }
}

/// The writer's loop; it must be run, and the process must not outlive an error of it.
pub type WriterLoop = futures::future::BoxFuture<'static, Result<()>>;

impl App {
    /// Takes over the database (earlier processes are fenced out) and reads what it needs.
    pub async fn open(
        repository: Arc<dyn Repository>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        pictures: Arc<dyn PictureMaker>,
        courier: Arc<dyn Courier>,
        options: Options,
    ) -> Result<(Self, WriterLoop)> {
        let epoch = repository.begin_epoch().await?;
        let bounds = repository.bounds().await?;
        let answers = Arc::new(Answers::default());
        let live = Arc::new(Live::new(
            repository.clone(),
            bounds,
            options.history_bytes,
            options.view_bytes,
            answers.clone(),
        ));
        let directory = Directory::load(repository.as_ref()).await?;
        for session in directory.all() {
            live.note_sequence(&session.name, session.sequence);
        }
        let pending = Arc::new(PendingCalls::default());
        let doubts = Doubts::default();
        let (writer, writer_loop) = Writer::new(WriterParts {
            repository: repository.clone(),
            live: live.clone(),
            pending: pending.clone(),
            doubts: doubts.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            epoch,
            working_set_bytes: options.view_bytes / 2,
            retention: options.retention,
        });
        let catch_up = CatchUp::new(repository.clone(), options.history_bytes as u64 / 2);
        let hooks = Hooks::load(repository.as_ref(), courier, options.webhooks.clone()).await?;
        let reported_statuses = ReportedStatuses::of(&directory.all());
        let seats = Seats::new(options.share_of(options.max_watchers));
        let lists = Places::new(options.share_of(LISTS_AT_ONCE));
        let relay = Relay::new(options.webhooks.callers.len() > 1);
        let inner = Inner {
            repository,
            engines: RwLock::default(),
            clock,
            entropy,
            options,
            epoch,
            writer,
            live,
            pending,
            directory,
            connections: Connections::default(),
            pictures,
            passage: OnceLock::new(),
            relay,
            hooks,
            asked: answers,
            comparing: Turns::default(),
            deletions: Deletions::default(),
            doubts,
            identities: Identities::default(),
            reported_statuses,
            calls: CallsInFlight::default(),
            abandoned: Abandoned::default(),
            catch_up,
            seats,
            lists,
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            cut_off: CancellationToken::new(),
        };
        Ok((Self { inner: Arc::new(inner) }, Box::pin(writer_loop)))
    }

    /// Where engines hand in what they are told.
    pub fn sink(&self) -> Arc<Ingest> {
        Arc::new(Ingest::new(&self.inner))
    }

    pub fn register_engine(&self, engine: Arc<dyn GroupEngine>) {
        let mut engines = self.inner.engines.write().unwrap_or_else(PoisonError::into_inner);
        engines.insert(engine.kind(), engine);
    }

    /// Whether the database answers.
    pub async fn check_database(&self) -> Result<()> {
        Ok(self.inner.repository.ping().await?)
    }

    /// Has the writer look whether commits work; what it finds, [`commits`](Self::commits) says.
    pub async fn check_commits(&self) {
        self.inner.writer.check().await;
    }

    /// Whether commits work, from now on.
    pub fn commits(&self) -> tokio::sync::watch::Receiver<bool> {
        self.inner.writer.works()
    }

    /// Stops taking calls and ends the watches. Running calls have until `grace` has passed.
    pub async fn drain(&self, grace: Duration) {
        self.inner.draining.cancel();
        self.inner.live.bells.ring_all();
        self.inner.tasks.close();
        if tokio::time::timeout(grace, self.inner.tasks.wait()).await.is_err() {
            tracing::warn!("calls were still out at the end of the grace period");
        }
        self.inner.cut_off.cancel();
    }

    pub fn is_draining(&self) -> bool {
        self.inner.is_draining()
    }

    /// Runs what must not end half-way when the caller hangs up.
    async fn undisturbed<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.inner.tasks.spawn(work).await.map_err(Error::internal)?
    }
}

impl Inner {
    fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    fn refuse_if_draining(&self) -> Result<()> {
        if self.is_draining() { Err(draining()) } else { Ok(()) }
    }

    fn engine(&self, kind: EngineKind) -> Result<Arc<dyn GroupEngine>> {
        let engines = self.engines.read().unwrap_or_else(PoisonError::into_inner);
        engines.get(&kind).cloned().ok_or_else(|| {
            Error::new(
                kind.reason_if_unavailable(),
                format!("engine {} is not available in this service", kind.as_str()),
            )
            .with("engine", kind.as_str())
            .with("operation", "StartSession")
        })
    }
}

fn draining() -> Error {
    Error::new(
        Reason::Draining,
        "the service is stopping; nothing was sent, call another replica or try again",
    )
    .retry_after(Duration::from_secs(1))
}
