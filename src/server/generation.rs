//! The service in one role: built whole, served, and ended whole. A replica whose role changes builds the next one
//! from what the database holds; nothing that it knew is carried over.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tonic_health::server::HealthReporter;

use super::serving::{Part, Serving};
use super::stack::{self, Bounds};
use super::startup::{self, RelayOptions, StartError};
use super::tls::TlsOfListeners;
use crate::app::App;
use crate::bus::JetStream;
use crate::cluster::{
    Forwarder, HttpForwarder, Role, Surface, follow_other_events, other_events_router,
};
use crate::config::Settings;
use crate::domain::cluster::Tenure;
use crate::domain::counter::Epoch;
use crate::domain::error::Error;
use crate::domain::port::cluster::{ClusterStore, SeesReplicas};
use crate::domain::port::repository::EventLog as _;
use crate::engine::gateway::Rests;
use crate::engine::simulator::SimulatorEngine;
use crate::engine::waha::WahaServers;
use crate::middleware::{Audit, Calls, HandOn};
use crate::repository::SeaRepository;
use crate::telemetry::{SharedClock, SystemEntropy};
use crate::tls::Trust;
use crate::{rest, waha_ingress};

/// What every role is built of.
pub(super) struct Assembly {
    pub settings: Settings,
    pub trust: Trust,
    pub repository: Arc<SeaRepository>,
    pub clock: Arc<SharedClock>,
    pub entropy: Arc<SystemEntropy>,
    pub audit: Audit,
    pub health: HealthReporter,
    pub rest_calls: Calls,
    /// How many descriptors the process may have.
    pub descriptors: u64,
    pub tls: TlsOfListeners,
    /// Where the log is handed to; none where it is not.
    pub relay: Option<RelayOptions>,
    /// The other replicas; none where the process is alone.
    pub replicas: OnceLock<Arc<dyn SeesReplicas>>,
}

/// The service in one role.
#[derive(Debug)]
pub(super) struct Generation {
    pub serving: Arc<Serving>,
    writer: Option<JoinSet<Result<(), Error>>>,
    waha: Option<Arc<WahaServers>>,
    /// Its own connections, which end with it; none where they are the process'.
    connections: Option<Arc<SeaRepository>>,
    background: Vec<JoinHandle<()>>,
}

impl Assembly {
    pub fn bounds(&self) -> Bounds<'_> {
        Bounds::new(&self.settings, self.descriptors, &self.tls)
    }

    /// Of the only process on its database.
    pub async fn alone(&self) -> Result<Generation, StartError> {
        let epoch = self.repository.begin_epoch().await;
        let epoch = epoch.map_err(|error| StartError::service(error.into()))?;
        self.acting(self.repository.clone(), epoch, None).await
    }

    /// Of the owner.
    pub async fn owner(&self, tenure: Tenure) -> Result<Generation, StartError> {
        let fenced = self.repository.fenced(&tenure.owner, tenure.epoch);
        let fenced = Arc::new(fenced.map_err(|error| StartError::service(error.into()))?);
        let epoch = tenure.epoch;
        let mut generation = self.acting(fenced.clone(), epoch, Some(tenure)).await?;
        generation.connections = Some(fenced);
        Ok(generation)
    }

    async fn acting(
        &self,
        repository: Arc<SeaRepository>,
        epoch: Epoch,
        tenure: Option<Tenure>,
    ) -> Result<Generation, StartError> {
        let (app, writer) = self.app(repository.clone(), Some(epoch)).await?;
        // Ends with what is built here, should that fail.
        let writer = JoinSet::from_iter([writer]);
        let (settings, clock, entropy) = (&self.settings, &self.clock, &self.entropy);
        let simulator = startup::open_simulator(
            settings,
            &app,
            repository.clone(),
            clock.clone(),
            entropy.clone(),
            tenure.clone(),
        )
        .await?;
        let rests = Rests::load(repository, clock.clone()).await;
        let waha = startup::open_waha(
            settings,
            &app,
            rests.map_err(|error| StartError::service(error.into()))?,
            self.trust.clone(),
            clock.clone(),
            entropy.clone(),
            tenure.clone(),
        )?;
        if let Some(options) = &self.relay {
            let bus = Arc::new(JetStream::new(options.bus.clone()));
            app.open_relay(bus, &options.start).await.map_err(StartError::service)?;
        }
        startup::create_default_session(settings, &app).await?;
        let serving = self.serving(app, simulator, Part::Acts(tenure))?;
        let (writer, waha) = (Some(writer), Some(waha));
        Ok(Generation { serving, writer, waha, connections: None, background: Vec::new() })
    }

    /// Of a replica that reads, and hands the rest on.
    pub async fn follower(&self, forwarder: Arc<Forwarder>) -> Result<Generation, StartError> {
        // Its writer has nothing to do: what is dropped here refuses what would be written.
        let (app, _) = self.app(self.repository.clone(), None).await?;
        let serving = self.serving(app, None, Part::Follows(forwarder))?;
        let (writer, waha) = (None, None);
        Ok(Generation { serving, writer, waha, connections: None, background: Vec::new() })
    }

    async fn app(
        &self,
        repository: Arc<SeaRepository>,
        epoch: Option<Epoch>,
    ) -> Result<(App, crate::app::WriterLoop), StartError> {
        App::open(
            repository,
            self.clock.clone(),
            self.entropy.clone(),
            startup::pictures(&self.settings, &self.trust)?,
            startup::webhook_sender(&self.settings, &self.trust, self.clock.clone())?,
            startup::options(&self.settings),
            epoch,
        )
        .await
        .map_err(StartError::service)
    }

    fn serving(
        &self,
        app: App,
        simulator: Option<Arc<SimulatorEngine>>,
        part: Part,
    ) -> Result<Arc<Serving>, StartError> {
        let (settings, bounds) = (&self.settings, self.bounds());
        let hand_on = |surface| match &part {
            Part::Acts(_) => None,
            Part::Follows(forwarder) => {
                let forwarder = forwarder.clone();
                Some(Arc::new(HttpForwarder { forwarder, surface }) as Arc<dyn HandOn>)
            }
        };
        let rest = settings.rest.listen.map(|_| {
            let (calls, audit) = (self.rest_calls.clone(), self.audit.clone());
            let replicas = self.replicas.get().cloned();
            let options =
                stack::rest_options(&bounds, calls, audit, replicas, hand_on(Surface::Rest));
            rest::router(app.clone(), stack::keyring(settings), self.clock.clone(), options)
        });
        let waha_webhooks = settings.waha_ingress.listen.map(|_| {
            let hand_on = hand_on(Surface::WahaWebhooks);
            let options = stack::waha_ingress_options(&bounds, self.audit.clone(), hand_on);
            waha_ingress::router(app.clone(), self.clock.clone(), options)
        });
        let grpc = stack::grpc_routes(settings, &app, simulator.as_ref(), &self.health)?;
        // It asks for no API key, so that whoever asks must be known as a replica, on loopback too.
        let tells = matches!(part, Part::Acts(Some(_)))
            && (settings.cluster.knows_replicas() || settings.auth.is_open());
        let other_events = tells.then(|| other_events_router(Arc::new(app.clone())));
        Ok(Arc::new(Serving { app, simulator, grpc, rest, waha_webhooks, other_events, part }))
    }
}

impl Generation {
    pub fn app(&self) -> &App {
        &self.serving.app
    }

    /// Whether it is what a replica of this role runs.
    pub fn is_of(&self, role: &Role) -> bool {
        match (&self.serving.part, role) {
            (Part::Acts(Some(held)), Role::Owner(tenure)) => held.is_same_as(tenure),
            (Part::Follows(_), Role::Follower(_)) => true,
            _ => false,
        }
    }

    /// Resolves with the cause once it cannot go on: it can write no more, or the database holds another log than it has
    /// read.
    pub async fn broken(&mut self) -> String {
        let app = self.app().clone();
        tokio::select! {
            cause = self.writer_ended() => cause,
            () = app.log_replaced() => "the database was put back to an earlier state".to_owned(),
        }
    }

    /// Never for one that does not write.
    async fn writer_ended(&mut self) -> String {
        let Some(writer) = &mut self.writer else { return std::future::pending().await };
        let ended = writer.join_next().await;
        self.writer = None;
        // Whatever the writer can no longer write must not be acknowledged by anyone.
        match ended {
            None | Some(Ok(Ok(()))) => "the writer has ended".to_owned(),
            Some(Ok(Err(error))) => error.cause().unwrap_or(error.message()).to_owned(),
            Some(Err(panic)) => format!("the writer has panicked: {panic}"),
        }
    }

    /// Begins what runs by itself. Other replicas are woken through `store`.
    pub fn begin(&mut self, store: Option<Arc<dyn ClusterStore>>) {
        let app = self.app().clone();
        let tasks = match (&self.serving.part, store) {
            (Part::Follows(forwarder), Some(store)) => {
                let mut tasks = app.background_of_follower(store);
                let others = follow_other_events(forwarder.clone(), app.other_events());
                tasks.push(Box::pin(others));
                tasks
            }
            (_, store) => {
                let mut tasks = app.background();
                if let Some(store) = store {
                    tasks.push(Box::pin(async move { app.announce(store).await }));
                }
                tasks
            }
        };
        self.background.extend(tasks.into_iter().map(tokio::spawn));
    }

    /// No new calls; running ones finish, watches end with a token, engines stop.
    pub async fn drain(&self, grace: Duration) {
        let began = Instant::now();
        self.app().drain(grace).await;
        if let Part::Follows(forwarder) = &self.serving.part {
            // New ones are refused by now.
            forwarder.calls.close();
            let left = grace.saturating_sub(began.elapsed());
            let _ = tokio::time::timeout(left, forwarder.calls.wait()).await;
            forwarder.calls.reopen();
        }
        if let Some(simulator) = &self.serving.simulator {
            simulator.shutdown().await;
        }
        if let Some(waha) = &self.waha {
            waha.shutdown().await;
        }
    }

    /// Ends what is left after [`drain`](Self::drain).
    pub async fn end(self) {
        for task in self.background {
            task.abort();
        }
        drop(self.writer);
        if let Some(connections) = self.connections {
            connections.close().await;
        }
    }
}
