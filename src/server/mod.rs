//! The one place that builds the adapters and joins them: a whole service in one process.

mod bind;
mod descriptors;
mod generation;
mod health;
mod listener;
mod replica;
mod serving;
mod signals;
mod stack;
mod startup;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use self::generation::{Assembly, Generation};
use self::replica::{Joined, Replica};
use self::serving::Current;
use crate::app::App;
use crate::config::Settings;
use crate::engine::simulator::SimulatorEngine;
use crate::middleware::{Audit, HostNames};
use crate::repository::SeaRepository;
use crate::telemetry::{self, SharedClock, SystemClock};

pub use signals::{HeldSignals, Signals, Stop, outlive_file_size_limit};
pub use startup::{StartError, connect, trust};
pub use tls::check_tls;

/// How long connections may take to close once every call has ended.
const CLOSING: Duration = Duration::from_secs(5);

/// A running service.
#[derive(Debug)]
pub struct Server {
    grpc_addr: SocketAddr,
    cluster_addr: Option<SocketAddr>,
    ops_addr: Option<SocketAddr>,
    waha_ingress_addr: Option<SocketAddr>,
    rest_addr: Option<SocketAddr>,
    current: Current,
    repository: Arc<SeaRepository>,
    grace: Duration,
    readiness: health::Readiness,
    /// Ends the listeners.
    closing: CancellationToken,
    listeners: Vec<JoinHandle<()>>,
    life: Life,
    watching: JoinHandle<()>,
}

/// What may end a service from within.
#[derive(Debug)]
enum Life {
    /// The only process on its database.
    Alone(Box<Generation>),
    Replica(Box<Replica>),
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
    /// Connects, migrates, and listens: as the only process, which takes the database over, or as one of several
    /// replicas. On return the service is ready.
    pub async fn start(settings: &Settings) -> Result<Self, StartError> {
        let metrics = telemetry::install().map_err(StartError::other)?;
        startup::tell_of_keys_without_role(settings);
        let trust = startup::trust(settings)?;
        let relay = startup::relay(settings, &trust)?;
        let clock = Arc::new(SharedClock::new(Arc::new(SystemClock), Arc::new(SystemClock)));
        let (tls, followed) = tls::open(settings, &*clock)?;
        tls::warn_of_plain_listeners(settings);
        let descriptors = descriptors::raise();
        let health = HealthReporter::new();
        let assembly = Assembly {
            settings: settings.clone(),
            trust,
            repository: startup::connect_and_migrate(settings).await?,
            clock,
            entropy: Arc::default(),
            audit: Audit::default(),
            health: health.clone(),
            rest_calls: stack::rest_calls(&stack::Bounds::new(settings, descriptors, &tls)),
            descriptors,
            tls,
            relay,
            replicas: OnceLock::new(),
        };
        let joined = match settings.cluster.listen {
            Some(listen) => Some(replica::join(&assembly, listen).await?),
            None => None,
        };
        let (mut generation, replica, peers) = match joined {
            Some(Joined { member, peers, generation, forwarder, membership }) => {
                (generation, Some((member, forwarder, membership)), Some(peers))
            }
            None => (assembly.alone().await?, None, None),
        };
        let (serving, serves) = watch::channel(generation.serving.clone());
        let current = Current::new(serves);

        let closing = CancellationToken::new();
        let readiness = health::Readiness::new(current.clone(), health);
        readiness.report_on(stack::names_of_services(settings.simulator.enabled)).await;
        let bounds = assembly.bounds();
        let mut listeners = Vec::new();
        let (entropy, audit) = (assembly.entropy.clone(), assembly.audit.clone());
        let grpc =
            stack::serve_grpc(&bounds, &current, entropy, audit, peers, closing.clone()).await?;
        let mut addrs = grpc.iter().map(|listener| listener.addr);
        let (grpc_addr, cluster_addr) = (addrs.next(), addrs.next());
        let grpc_addr = grpc_addr.ok_or_else(|| StartError::other("gRPC is not served"))?;
        listeners.extend(grpc.into_iter().map(|listener| listener.task));
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
                let calls = assembly.rest_calls.clone();
                let rest =
                    stack::serve_rest(addr, &bounds, &current, calls, closing.clone()).await?;
                listeners.push(rest.task);
                Some(rest.addr)
            }
            None => None,
        };
        let waha_ingress_addr = match settings.waha_ingress.listen {
            Some(addr) => {
                let ingress =
                    stack::serve_waha_ingress(addr, &bounds, &current, closing.clone()).await?;
                listeners.push(ingress.task);
                Some(ingress.addr)
            }
            None => None,
        };

        listeners.push(tokio::spawn(tls::follow(followed, closing.clone())));

        let repository = assembly.repository.clone();
        let life = match replica {
            Some((member, forwarder, membership)) => Life::Replica(Box::new(Replica::begin(
                assembly, member, forwarder, membership, generation, serving,
            ))),
            None => {
                generation.begin(None);
                Life::Alone(Box::new(generation))
            }
        };
        let (task, token) = (readiness.clone(), closing.clone());
        let watching = tokio::spawn(async move { task.watch(token).await });
        readiness.check().await;
        Ok(Self {
            grpc_addr,
            cluster_addr,
            ops_addr,
            waha_ingress_addr,
            rest_addr,
            current,
            repository,
            grace: settings.shutdown.grace,
            readiness,
            closing,
            listeners,
            life,
            watching,
        })
    }

    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Where other replicas hand calls on.
    pub fn cluster_addr(&self) -> Option<SocketAddr> {
        self.cluster_addr
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

    /// The service as it is at the moment.
    pub fn app(&self) -> App {
        self.current.get().app.clone()
    }

    pub fn repository(&self) -> &Arc<SeaRepository> {
        &self.repository
    }

    /// The simulator, where it is enabled and this replica acts.
    pub fn simulator(&self) -> Option<Arc<SimulatorEngine>> {
        self.current.get().simulator.clone()
    }

    /// Runs until `stop` resolves, then finishes what runs and closes.
    pub async fn run_until(mut self, stop: impl Future<Output = Stop>) -> Ended {
        let failed = async {
            match &mut self.life {
                Life::Alone(generation) => generation.broken().await,
                Life::Replica(replica) => replica.failed().await,
            }
        };
        tokio::select! {
            stopped = stop => {
                tracing::info!(cause = %stopped, "stopping");
                self.stop().await;
                Ended::Stopped
            }
            cause = failed => {
                tracing::error!(cause, "the service cannot go on");
                Ended::Failed(cause)
            }
        }
    }

    /// Not ready, no new calls, running ones finish, watches end with a token, then the listeners.
    pub async fn stop(self) {
        if let Life::Replica(replica) = &self.life {
            replica.begin_draining();
        }
        self.readiness.begin_draining().await;
        let mut alone = None;
        match self.life {
            Life::Alone(generation) => {
                generation.drain(self.grace).await;
                alone = Some(generation);
            }
            Life::Replica(replica) => replica.stop(self.grace).await,
        }
        self.closing.cancel();
        let listeners = futures::future::join_all(self.listeners);
        if tokio::time::timeout(CLOSING, listeners).await.is_err() {
            tracing::warn!("connections were still open at the end; they are cut");
        }
        self.watching.abort();
        if let Some(generation) = alone {
            generation.end().await;
        }
        self.repository.close().await;
    }
}
