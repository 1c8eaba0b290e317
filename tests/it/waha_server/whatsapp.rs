//! The WhatsApp behind the stand-ins: one simulator, whose notifications go to the server that has the
//! session.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use wagroups::domain::Error;
use wagroups::domain::id::SessionName;
use wagroups::domain::port::engine::{
    EngineEvent, EngineEventContent, EngineEventSink, IngestOutcome,
};
use wagroups::domain::port::repository::StoreError;
use wagroups::domain::port::world::WorldStore;
use wagroups::engine::simulator::{Options, SimulatorEngine};
use wagroups::telemetry::{SystemClock, SystemEntropy};

use super::WahaServer;
use crate::harness::service::eventually;

/// The simulated world that servers share.
pub struct Whatsapp {
    simulator: Arc<SimulatorEngine>,
    fan_out: Arc<FanOut>,
    /// How many servers there have been: each has its own number.
    servers: AtomicUsize,
}

impl Whatsapp {
    pub async fn new() -> Arc<Self> {
        let fan_out = Arc::new(FanOut::default());
        let store = Arc::new(MemoryStore::default());
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let options = Options::default();
        let simulator =
            SimulatorEngine::open(store, fan_out.clone(), clock, entropy, options).await;
        let simulator = Arc::new(simulator.expect("a world"));
        Arc::new(Self { simulator, fan_out, servers: AtomicUsize::new(0) })
    }

    /// To have other people act, to see the truth, and for the faults that WhatsApp itself makes.
    pub fn simulator(&self) -> &Arc<SimulatorEngine> {
        &self.simulator
    }

    /// All that there was to tell the session has been told its server, which loses it where it is dead.
    pub async fn until_told(&self, simulated: &SessionName) {
        eventually("it was told", || async {
            let waiting = self.simulator.waiting(simulated).await;
            (waiting.expect("a count") == 0).then_some(())
        })
        .await;
    }

    pub(super) fn next_server(&self) -> usize {
        self.servers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// From now on the session's notifications go to the server.
    pub(super) fn connect(&self, session: SessionName, server: &Arc<WahaServer>) {
        let mut servers = self.fan_out.servers.lock().expect("the servers");
        servers.insert(session, Arc::downgrade(server));
    }
}

/// Hands each notification to the server that the session is on.
#[derive(Default)]
struct FanOut {
    servers: Mutex<HashMap<SessionName, Weak<WahaServer>>>,
}

impl FanOut {
    fn server_of(&self, session: &SessionName) -> Option<Arc<WahaServer>> {
        self.servers.lock().expect("the servers").get(session)?.upgrade()
    }
}

#[async_trait]
impl EngineEventSink for FanOut {
    async fn ingest(&self, events: Vec<EngineEvent>) -> Vec<Result<IngestOutcome, Error>> {
        let mut outcomes = Vec::new();
        for EngineEvent { session, content } in events {
            if let Some(server) = self.server_of(&session) {
                match content {
                    EngineEventContent::Changes(changes) => {
                        server.be_notified(&session, &changes).await;
                    }
                    EngineEventContent::Connection(event) => {
                        server.connection_changed(&session, &event);
                    }
                    EngineEventContent::Server(_) => panic!("the simulator has no server"),
                }
            }
            outcomes.push(Ok(IngestOutcome::Accepted));
        }
        outcomes
    }
}

/// A world that ends with the test.
#[derive(Debug, Default)]
struct MemoryStore(Mutex<BTreeMap<String, Bytes>>);

#[async_trait]
impl WorldStore for MemoryStore {
    async fn load(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        let rows = self.0.lock().expect("the rows");
        Ok(rows.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn save(&self, changes: Vec<(String, Option<Bytes>)>) -> Result<(), StoreError> {
        let mut rows = self.0.lock().expect("the rows");
        for (key, value) in changes {
            match value {
                Some(bytes) => rows.insert(key, bytes),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }
}
