//! The one place that builds the adapters and joins them: a whole service in one process.

mod descriptors;
mod health;
mod listener;
mod signals;
mod stack;
mod startup;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Settings;
use crate::domain::error::Error;
use crate::engine::simulator::SimulatorEngine;
use crate::engine::waha::WahaServers;
use crate::middleware::{Audit, HostNames};
use crate::repository::SeaRepository;
use crate::telemetry;

pub use signals::{HeldSignals, Signals, Stop, outlive_file_size_limit};
pub use startup::{StartError, connect, trust};

/// How long connections may take to close once every call has ended.
const CLOSING: Duration = Duration::from_secs(5);

/// A running service.
#[derive(Debug)]
pub struct Server {
    grpc_addr: SocketAddr,
    ops_addr: Option<SocketAddr>,
    waha_ingress_addr: Option<SocketAddr>,
    rest_addr: Option<SocketAddr>,
    app: App,
    simulator: Option<Arc<SimulatorEngine>>,
    waha: Arc<WahaServers>,
    repository: Arc<SeaRepository>,
    grace: Duration,
    readiness: health::Readiness,
    /// Ends the listeners.
    closing: CancellationToken,
    listeners: Vec<JoinHandle<()>>,
    /// Ends only with an error that the process must not survive.
    writer: JoinHandle<Result<(), Error>>,
    background: Vec<JoinHandle<()>>,
}

/// Why a service has ended.
#[derive(Debug)]
pub enum Ended {
    /// It was asked to stop, and everything was finished.
    Stopped,
    /// It could not go on.
    Failed(String),
}

impl Server {
    /// Connects, migrates, takes the database over, and listens. On return the service is ready.
    pub async fn start(settings: &Settings) -> Result<Self, StartError> {
        let metrics = telemetry::install().map_err(StartError::other)?;
        let trust = startup::trust(settings)?;
        let repository = startup::connect_and_migrate(settings).await?;
        let clock: Arc<telemetry::SystemClock> = Arc::default();
        let entropy: Arc<telemetry::SystemEntropy> = Arc::default();
        let (app, writer) = App::open(
            repository.clone(),
            clock.clone(),
            entropy.clone(),
            startup::pictures(settings, &trust)?,
            startup::courier(settings, &trust, clock.clone())?,
            startup::options(settings),
        )
        .await
        .map_err(StartError::service)?;
        let writer = tokio::spawn(writer);
        let simulator = startup::open_simulator(
            settings,
            &app,
            repository.clone(),
            clock.clone(),
            entropy.clone(),
        )
        .await?;
        let waha = startup::open_waha(settings, &app, trust, clock.clone(), entropy.clone())?;
        startup::create_default_session(settings, &app).await?;

        let closing = CancellationToken::new();
        let readiness = health::Readiness::new(app.clone());
        let bounds = stack::Bounds::new(settings, descriptors::raise());
        let mut listeners = Vec::new();
        let audit = Audit::default();
        let grpc = stack::serve_grpc(
            &bounds,
            &app,
            simulator.as_ref(),
            &readiness,
            entropy,
            audit.clone(),
            closing.clone(),
        )
        .await?;
        listeners.push(grpc.task);
        let ops_addr = match settings.ops.listen {
            Some(addr) => {
                let names = HostNames::new(settings.ops.hosts.iter().cloned());
                let (checks, closing) = (readiness.clone(), closing.clone());
                let ops = stack::serve_ops(addr, &bounds, names, metrics, checks, closing);
                let ops = ops.await?;
                listeners.push(ops.task);
                Some(ops.addr)
            }
            None => None,
        };

        let rest_addr = match settings.rest.listen {
            Some(addr) => {
                let (clock, audit, closing) = (clock.clone(), audit.clone(), closing.clone());
                let rest = stack::serve_rest(addr, &bounds, &app, clock, audit, closing).await?;
                listeners.push(rest.task);
                Some(rest.addr)
            }
            None => None,
        };
        let waha_ingress_addr = match settings.waha_ingress.listen {
            Some(addr) => {
                let closing = closing.clone();
                let ingress =
                    stack::serve_waha_ingress(addr, &bounds, &app, clock, audit, closing).await?;
                listeners.push(ingress.task);
                Some(ingress.addr)
            }
            None => None,
        };

        let mut background: Vec<JoinHandle<()>> =
            app.background().into_iter().map(tokio::spawn).collect();
        let (task, token) = (readiness.clone(), closing.clone());
        background.push(tokio::spawn(async move { task.watch(token).await }));
        readiness.check().await;
        Ok(Self {
            grpc_addr: grpc.addr,
            ops_addr,
            waha_ingress_addr,
            rest_addr,
            app,
            simulator,
            waha,
            repository,
            grace: settings.shutdown.grace,
            readiness,
            closing,
            listeners,
            writer,
            background,
        })
    }

    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    pub fn ops_addr(&self) -> Option<SocketAddr> {
        self.ops_addr
    }

    pub fn rest_addr(&self) -> Option<SocketAddr> {
        self.rest_addr
    }

    pub fn waha_ingress_addr(&self) -> Option<SocketAddr> {
        self.waha_ingress_addr
    }

    pub fn app(&self) -> &App {
        &self.app
    }

    pub fn repository(&self) -> &Arc<SeaRepository> {
        &self.repository
    }

    /// The simulator, where it is enabled.
    pub fn simulator(&self) -> Option<&Arc<SimulatorEngine>> {
        self.simulator.as_ref()
    }

    /// Runs until `stop` resolves, then finishes what runs and closes.
    pub async fn run_until(mut self, stop: impl Future<Output = Stop>) -> Ended {
        tokio::select! {
            stopped = stop => {
                tracing::info!(cause = %stopped, "stopping");
                self.stop().await;
                Ended::Stopped
            }
            ended = &mut self.writer => {
                // Whatever the writer can no longer write must not be acknowledged by anyone.
                let cause = match ended {
                    Ok(Ok(())) => "the writer has ended".to_owned(),
                    Ok(Err(error)) => error.cause().unwrap_or(error.message()).to_owned(),
                    Err(panic) => format!("the writer has panicked: {panic}"),
                };
                tracing::error!(cause, "the service cannot go on");
                Ended::Failed(cause)
            }
        }
    }

    /// Not ready, no new calls, running ones finish, watches end with a token, then the listeners.
    pub async fn stop(self) {
        self.readiness.begin_draining().await;
        self.app.drain(self.grace).await;
        if let Some(simulator) = &self.simulator {
            simulator.shutdown().await;
        }
        self.waha.shutdown().await;
        self.closing.cancel();
        let listeners = futures::future::join_all(self.listeners);
        if tokio::time::timeout(CLOSING, listeners).await.is_err() {
            tracing::warn!("connections were still open at the end; they are cut");
        }
        for task in self.background {
            task.abort();
        }
        self.writer.abort();
        self.repository.close().await;
    }
}
