mod delivery;
mod durability;
mod linking;
mod sessions;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Aim, Options, SimulatorEngine, Uses};
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::error::Error;
use crate::domain::group::GroupSettings;
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber, SessionName};
use crate::domain::operation::{
    self, CreateGroup, EngineAnswer, EngineCall, Operation, Perform, SetGroupSubject,
};
use crate::domain::participant::Account;
use crate::domain::port::engine::{
    ConnectionEvent, EngineEvent, EngineEventContent, EngineEventSink, GroupChanges, GroupEngine,
    IngestOutcome, RequestedAccount,
};
use crate::domain::port::repository::{Result, StoreError};
use crate::domain::port::world::WorldStore;
use crate::domain::reason::Reason;

/// A store in memory that can be made to fail.
#[derive(Default)]
struct MemoryStore {
    rows: Mutex<BTreeMap<String, Bytes>>,
    saves: AtomicUsize,
    failure: Mutex<Option<Failure>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Unavailable,
    /// Answers `CommitUnknown`, and wrote.
    UnknownWritten,
    /// Answers `CommitUnknown`, and did not write.
    UnknownLost,
    LoadToo,
}

impl MemoryStore {
    fn fail(&self, failure: Option<Failure>) {
        *self.failure.lock().unwrap() = failure;
    }

    fn rows(&self) -> BTreeMap<String, Bytes> {
        self.rows.lock().unwrap().clone()
    }
}

#[async_trait]
impl WorldStore for MemoryStore {
    async fn load(&self) -> Result<Vec<(String, Bytes)>> {
        if *self.failure.lock().unwrap() == Some(Failure::LoadToo) {
            return Err(StoreError::Unavailable("no".into()));
        }
        Ok(self.rows().into_iter().collect())
    }

    async fn save(&self, changes: Vec<(String, Option<Bytes>)>) -> Result<()> {
        tokio::task::yield_now().await;
        let failure = *self.failure.lock().unwrap();
        match failure {
            Some(Failure::Unavailable) => return Err(StoreError::Unavailable("no".into())),
            Some(Failure::UnknownLost | Failure::LoadToo) => {
                return Err(StoreError::CommitUnknown("no".into()));
            }
            Some(Failure::UnknownWritten) | None => {}
        }
        self.saves.fetch_add(1, Ordering::SeqCst);
        let mut rows = self.rows.lock().unwrap();
        for (key, value) in changes {
            match value {
                Some(bytes) => rows.insert(key, bytes),
                None => rows.remove(&key),
            };
        }
        match failure {
            Some(Failure::UnknownWritten) => Err(StoreError::CommitUnknown("no".into())),
            _ => Ok(()),
        }
    }
}

/// Keeps what it is given, or refuses it.
#[derive(Default)]
struct Inbox {
    taken: Mutex<Vec<(SessionName, GroupChanges)>>,
    connections: Mutex<Vec<(SessionName, ConnectionEvent)>>,
    refusals_left: AtomicUsize,
}

impl Inbox {
    fn of(&self, session: &SessionName) -> Vec<GroupChanges> {
        let taken = self.taken.lock().unwrap();
        let own = taken.iter().filter(|(name, _)| name == session);
        own.map(|(_, changes)| changes.clone()).collect()
    }

    fn ids(&self, session: &SessionName) -> Vec<String> {
        self.of(session).into_iter().map(|notification| notification.source_id).collect()
    }
}

#[async_trait]
impl EngineEventSink for Inbox {
    async fn ingest(
        &self,
        events: Vec<EngineEvent>,
    ) -> Vec<std::result::Result<IngestOutcome, Error>> {
        let is_of_groups =
            |event: &EngineEvent| matches!(event.content, EngineEventContent::Changes(_));
        let refuses = events.iter().any(is_of_groups)
            && self
                .refusals_left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok();
        let take = |event: EngineEvent| match event.content {
            EngineEventContent::Changes(_) if refuses => {
                Err(Error::new(Reason::DatabaseUnavailable, "not now"))
            }
            EngineEventContent::Changes(changes) => {
                self.taken.lock().unwrap().push((event.session, changes));
                Ok(IngestOutcome::Accepted)
            }
            EngineEventContent::Connection(connection) => {
                self.connections.lock().unwrap().push((event.session, connection));
                Ok(IngestOutcome::Accepted)
            }
            EngineEventContent::Server(_) => panic!("the simulator has no server"),
        };
        events.into_iter().map(take).collect()
    }
}

/// Moves on by one second at each look.
#[derive(Debug, Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Makes every pause as short as it may be.
struct Shortest;

impl Entropy for Shortest {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Scene {
    store: Arc<MemoryStore>,
    inbox: Arc<Inbox>,
    engine: Arc<SimulatorEngine>,
}

impl Scene {
    async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::default())).await
    }

    /// A new process on the same store.
    async fn on(store: Arc<MemoryStore>) -> Self {
        let inbox = Arc::new(Inbox::default());
        let clock = Arc::new(Ticking::default());
        let entropy = Arc::new(Shortest);
        let options = Options { seed: 7 };
        let engine = SimulatorEngine::open(store.clone(), inbox.clone(), clock, entropy, options);
        Self { store, inbox, engine: Arc::new(engine.await.unwrap()) }
    }

    async fn with_sessions() -> Self {
        let scene = Self::new().await;
        scene.start("alice").await;
        scene.start("bob").await;
        scene
    }

    async fn account(&self, name: &str) -> Account {
        let login = self
            .engine
            .log_in(&session(name), &RequestedAccount::default())
            .await
            .unwrap()
            .unwrap();
        self.engine.start(&session(name)).await.unwrap();
        login.account
    }

    async fn start(&self, name: &str) -> ParticipantId {
        ParticipantId::Phone(self.account(name).await.phone().unwrap())
    }

    /// A group of Alice's in which Bob is.
    async fn group(&self) -> GroupId {
        let bob = self.start("bob").await;
        let made = self.perform("alice", "made", new_group(&[bob])).await.unwrap();
        made.value.group_id
    }

    async fn subject(&self, group: &GroupId, subject: &str) {
        self.rename(group, subject, subject).await.unwrap();
    }

    /// Alice renames the group.
    async fn rename(
        &self,
        group: &GroupId,
        subject: &str,
        call_key: &str,
    ) -> operation::Result<EngineAnswer<()>> {
        let (group_id, subject) = (group.clone(), subject.parse().unwrap());
        self.perform("alice", call_key, SetGroupSubject { group_id, subject }).await
    }

    async fn perform<O: Operation>(
        &self,
        name: &str,
        key: &str,
        operation: O,
    ) -> operation::Result<O::Answer>
    where
        SimulatorEngine: Perform<O>,
    {
        self.engine.perform(EngineCall::of_command(&session(name), key), &operation).await
    }

    /// Lets deliveries run until nothing waits for the session.
    async fn settle(&self, name: &str) {
        for _ in 0..10_000 {
            if self.engine.waiting(&session(name)).await.unwrap() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} is never notified");
    }
}

fn new_group(participants: &[ParticipantId]) -> CreateGroup {
    CreateGroup {
        subject: "Team".parse().unwrap(),
        description: "".parse().unwrap(),
        participants: participants.to_vec(),
        settings: GroupSettings::default(),
    }
}

fn session(name: &str) -> SessionName {
    name.parse().unwrap()
}

fn person(number: u64) -> ParticipantId {
    ParticipantId::Phone(PhoneNumber::new(number).unwrap())
}

fn aim(session: Option<&SessionName>, uses: Uses) -> Aim {
    Aim { session: session.cloned(), operations: Vec::new(), uses }
}
