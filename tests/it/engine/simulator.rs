//! The simulator behind its gateway, on a SQLite database.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wagroups::domain::group::Group;
use wagroups::domain::id::{GroupId, ParticipantId, SessionName};
use wagroups::domain::operation::{EngineCall, FetchGroup, Perform};
use wagroups::domain::port::engine::{GroupEngine, RequestedAccount, Started};
use wagroups::domain::session::{EngineConfig, EngineKind};
use wagroups::engine::gateway::{self, Gateway};
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::simulator::{self, SimulatorEngine};
use wagroups::telemetry::{SystemClock, SystemEntropy};

use super::conforms;
use super::stage::{Inbox, Member, Outside, Scene, Stage};
use crate::harness::database::Database;

struct World(Arc<SimulatorEngine>);

#[async_trait]
impl Stage for World {
    async fn act(&self, person: ParticipantId, what: Outside) {
        let operation = match what {
            Outside::JoinByInvite(code) => Operation::JoinByInvite(code),
            Outside::AskToJoin(group_id) => Operation::RequestToJoin(group_id),
            Outside::Rename(group_id, subject) => Operation::SetSubject(group_id, subject),
        };
        self.0.act(person, operation, false).await.expect("done");
    }

    async fn applied(&self, session: &SessionName, call_key: &str) -> Option<u32> {
        Some(self.0.applied(session, call_key).await.expect("a count"))
    }

    async fn truth(&self, session: &SessionName, group_id: &GroupId) -> Option<Group> {
        self.0
            .perform(EngineCall::of_query(session), &FetchGroup { group_id: group_id.clone() })
            .await
            .expect("a look")
            .group
    }

    async fn link(&self, session: &SessionName) {
        assert!(self.0.link_device(session).await.expect("a link"));
    }
}

async fn online(engine: &dyn GroupEngine, name: &str) -> Member {
    let session: SessionName = name.parse().expect("a name");
    let login = engine.log_in(&session, &RequestedAccount::default()).await.expect("a login");
    let login = login.expect("an account");
    assert_eq!(engine.start(&session).await.expect("a start"), Started::Online);
    Member { session, account: login.account }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulator_conforms() {
    let database = Database::sqlite().await.expect("a database");
    let store = Arc::new(database.open().await);
    let inbox = Arc::new(Inbox::default());
    let clock = Arc::new(SystemClock);
    let options = simulator::Options::default();
    let entropy = Arc::new(SystemEntropy);
    let world = SimulatorEngine::open(store, inbox.clone(), clock, entropy.clone(), options).await;
    let world = Arc::new(world.expect("a world"));
    let options = gateway::Options {
        read_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_secs(90),
        pace: None,
        tenure: None,
        rests: None,
    };
    let engine = Gateway::new(world.clone(), entropy, options);
    let engine: Arc<dyn GroupEngine> = Arc::new(engine);
    let alice = online(engine.as_ref(), "alice").await;
    let bob = online(engine.as_ref(), "bob").await;
    let stage = Box::new(World(world));
    let config = EngineConfig::default_of(EngineKind::Simulator);
    conforms(&Scene { engine, stage, inbox, config, alice, bob }, &[]).await;
}
