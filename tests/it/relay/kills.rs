//! The one who publishes is killed again and again, NATS is, and the network between them: after that each consumer holds
//! exactly the log.

use std::collections::{BTreeMap, HashSet};
use std::net::TcpListener;
use std::time::Duration;

use tokio::time::Instant;
use wagroups::domain::cluster::ReplicaId;
use wagroups::domain::port::cluster::ClusterStore as _;
use wagroups::domain::port::repository::{EventLog as _, SessionStore as _};
use wagroups::repository::SeaRepository;
use wagroups::telemetry::SystemEntropy;

use super::nats::Nats;
use crate::harness::database::Database;
use crate::harness::link::Link;
use crate::harness::process::{Ports, Process, TestStore};
use crate::repository::given;

const SESSIONS: usize = 50;

/// How much is published, and how often what fails meanwhile.
struct Plan {
    events: usize,
    kills: usize,
    freezes: usize,
    restarts: usize,
    cuts: usize,
}

/// `WAGROUPS_RELAY_KILLS=20` asks for it.
fn long_form() -> Option<usize> {
    std::env::var("WAGROUPS_RELAY_KILLS").ok().and_then(|kills| kills.parse().ok())
}

async fn open(store: &TestStore) -> SeaRepository {
    let repository = SeaRepository::connect(&store.url(), Database::options()).await;
    let repository = repository.expect("connected");
    repository.migrate().await.expect("migrated");
    repository
}

/// Fills the log, sessions in turn, a few events of one at a time.
async fn fill(store: &TestStore, count: usize) {
    const AT_ONCE: usize = 20;
    let repository = open(store).await;
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let name = given::name(&format!("session-{number}"));
        let session = wagroups::domain::Session { wanted: false, ..given::session(name.as_str()) };
        repository.insert_session(&session, 0.into()).await.expect("a session");
        sessions.push(name);
    }
    for turn in 0..count / AT_ONCE {
        let session = &sessions[turn * 7 % SESSIONS];
        let now = given::at(i64::try_from(turn).expect("few"));
        given::append(&repository, session, now, |commit| commit.events = given::events(AT_ONCE))
            .await;
    }
    repository.close().await;
}

/// The ids of each session's events, in the order of its sequence, which has no gap.
async fn logged(store: &TestStore) -> BTreeMap<String, Vec<String>> {
    let repository = open(store).await;
    let mut logged: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut after = Default::default();
    loop {
        let slice = repository.read(after, 5000).await.expect("the log");
        let Some(last) = slice.events.last() else { break };
        after = last.position;
        for event in slice.events {
            let ids = logged.entry(event.session.to_string()).or_default();
            ids.push(event.id.to_string());
            assert_eq!(event.sequence.get(), ids.len() as u64);
        }
    }
    repository.close().await;
    logged
}

/// What a consumer has of each session after it has left out what it had before.
async fn consumed(nats: &Nats) -> (BTreeMap<String, Vec<String>>, usize) {
    let mut consumed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut known = HashSet::new();
    let mut repeated = 0;
    for message in nats.messages().await {
        let id = message.header("ce-id").to_owned();
        if known.insert(id.clone()) {
            consumed.entry(message.session().to_owned()).or_default().push(id);
        } else {
            repeated += 1;
        }
    }
    (consumed, repeated)
}

#[derive(Clone, Copy)]
enum Fault {
    Kill,
    /// Longer than its lease lasts; then it goes on.
    Freeze,
    Restart,
    Cut,
}

/// All of the plan's faults, spread evenly over each other.
fn faults(plan: &Plan) -> Vec<Fault> {
    let spread = |fault: Fault, count: usize| {
        (0..count).map(move |number| ((2 * number + 1) * 1000 / (2 * count), fault))
    };
    let mut faults: Vec<(usize, Fault)> = spread(Fault::Kill, plan.kills).collect();
    faults.extend(spread(Fault::Freeze, plan.freezes));
    faults.extend(spread(Fault::Restart, plan.restarts));
    faults.extend(spread(Fault::Cut, plan.cuts));
    faults.sort_by_key(|(at, _)| *at);
    faults.into_iter().map(|(_, fault)| fault).collect()
}

async fn until_published(nats: &Nats, count: usize) {
    // A takeover alone takes 6 s, a fault of NATS as long as its clients wait.
    let until = Instant::now() + Duration::from_secs(90);
    while nats.count().await < count as u64 {
        assert!(Instant::now() < until, "{} of {count} are published", nats.count().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Replicas of the service, or one process.
struct Fleet {
    store: TestStore,
    nats: Nats,
    link: Link,
    replicas: Vec<Replica>,
}

struct Replica {
    process: Process,
    settings: Vec<(&'static str, String)>,
    /// Where other replicas reach it.
    address: String,
}

impl Fleet {
    /// With as many replicas; none is one process that knows no others.
    async fn start(store: TestStore, nats: Nats, replicas: usize) -> Self {
        let link = Link::before(nats.address()).await;
        let mut fleet = Self { store, nats, link, replicas: Vec::new() };
        for _ in 0..replicas.max(1) {
            let mut settings = vec![
                ("WAGROUPS_NATS__URL", format!("nats://{}", fleet.link.address)),
                ("WAGROUPS_DATABASE__ALLOW_UNSAFE_FSYNC", "true".to_owned()),
            ];
            let mut address = String::new();
            if replicas > 0 {
                let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
                address = free.local_addr().expect("an address").to_string();
                settings.push(("WAGROUPS_CLUSTER__LISTEN", address.clone()));
            }
            let process = Process::start_at(&fleet.store, Ports::free(), &settings).await;
            fleet.replicas.push(Replica { process, settings, address });
        }
        fleet
    }

    /// Who publishes.
    async fn acting(&self) -> usize {
        if self.replicas.len() == 1 {
            return 0;
        }
        let repository = open(&self.store).await;
        let stranger = ReplicaId::random(&SystemEntropy);
        let view = repository.heartbeat(&stranger, false).await.expect("a view");
        repository.close().await;
        let acting = view.owner().expect("an owner").address.clone();
        let place = self.replicas.iter().position(|replica| replica.address == acting);
        place.expect("one of ours")
    }

    async fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Kill => {
                let acting = self.acting().await;
                let replica = &mut self.replicas[acting];
                replica.process.kill().await;
                let former = &replica.process;
                replica.process =
                    Process::restart_with(&self.store, former, &replica.settings).await;
            }
            Fault::Freeze => {
                let acting = self.acting().await;
                self.replicas[acting].process.signal("STOP").await;
                while self.acting().await == acting {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                self.replicas[acting].process.signal("CONT").await;
            }
            Fault::Restart => self.nats.restart().await,
            Fault::Cut => {
                self.link.cut();
                tokio::time::sleep(Duration::from_millis(200)).await;
                self.link.mend();
            }
        }
    }
}

/// Lets each fault strike while it is being published, and proves what is in the stream at the end.
async fn prove(mut fleet: Fleet, plan: Plan) {
    let faults = faults(&plan);
    let step = plan.events / (faults.len() + 1);
    for (number, fault) in faults.into_iter().enumerate() {
        until_published(&fleet.nats, step * number + step / 2).await;
        fleet.strike(fault).await;
    }
    until_published(&fleet.nats, plan.events).await;
    for replica in &mut fleet.replicas {
        assert!(replica.process.is_running(), "none ends by itself");
        replica.process.kill().await;
    }
    let (consumed, repeated) = consumed(&fleet.nats).await;
    let logged = logged(&fleet.store).await;
    for (session, ids) in &logged {
        assert_eq!(consumed.get(session), Some(ids), "session {session}");
    }
    assert_eq!(consumed.len(), logged.len());
    eprintln!("relay: {} events, {repeated} of them twice in the stream", plan.events);
    assert_eq!(repeated, 0, "each stands behind the one before it, or is known to be there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kills_of_the_process_and_of_nats_the_stream_is_the_log() {
    let Some(nats) = Nats::start().await else { return };
    let store = TestStore::sqlite().await.expect("a store");
    let plan = match long_form() {
        Some(kills) => Plan { events: 100_000, kills, freezes: 0, restarts: 5, cuts: 5 },
        None => Plan { events: 15_000, kills: 4, freezes: 0, restarts: 2, cuts: 2 },
    };
    fill(&store, plan.events).await;
    prove(Fleet::start(store, nats, 0).await, plan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kills_of_the_replica_that_acts_the_stream_is_the_log() {
    let Some(nats) = Nats::start().await else { return };
    let Some(store) = TestStore::postgres().await else { return };
    let plan = match long_form() {
        Some(kills) => Plan { events: 100_000, kills, freezes: 5, restarts: 5, cuts: 5 },
        None => Plan { events: 10_000, kills: 1, freezes: 1, restarts: 1, cuts: 1 },
    };
    fill(&store, plan.events).await;
    prove(Fleet::start(store, nats, 3).await, plan).await;
}
