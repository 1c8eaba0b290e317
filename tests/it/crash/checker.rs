//! What must hold after any number of deaths.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use wagroups::domain::clock::{Clock, Timestamp};
use wagroups::domain::counter::Position;
use wagroups::domain::fold::fold;
use wagroups::domain::group::Group;
use wagroups::domain::id::GroupId;
use wagroups::domain::port::engine::{EngineEvent, EngineEventSink, IngestOutcome};
use wagroups::domain::port::repository::{EventLog, GroupStore};
use wagroups::engine::simulator::{self, SimulatorEngine};
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::simulator_service_client::SimulatorServiceClient;
use wagroups::repository::{ConnectOptions, SeaRepository};
use wagroups::telemetry::SystemEntropy;

use super::load::History;
use crate::harness::process::{Process, TestStore};
use crate::harness::service::eventually;

pub async fn check(mut process: Process, store: TestStore, history: History) {
    assert!(!history.acknowledged.is_empty());
    state_equals_the_world(&process).await;
    process.kill().await;

    let repository =
        SeaRepository::connect(&store.url(), ConnectOptions::default()).await.expect("the store");
    let repository = Arc::new(repository);
    let log = positions_are_dense(&repository).await;
    sequences_have_no_gap(&log);
    acknowledged_changes_are_logged_once(&log, &history);
    the_watcher_saw_each_event_once_in_order(&log, &history);
    state_equals_the_fold(&repository, &log).await;
    nothing_acted_twice(&repository, &history).await;
}

/// What got lost between the simulator and a dead process was delivered later, and merged in.
async fn state_equals_the_world(process: &Process) {
    let mut world =
        SimulatorServiceClient::new(process.channel()).max_decoding_message_size(64 << 20);
    let mut groups =
        GroupsServiceClient::new(process.channel()).max_decoding_message_size(64 << 20);
    eventually("the state equals the simulator's world", || {
        let (mut world, mut groups) = (world.clone(), groups.clone());
        async move {
            let request = pb::ListWorldGroupsRequest { page_size: 1000, ..Default::default() };
            let truth = world.list_world_groups(request).await.ok()?.into_inner();
            assert!(truth.next_page_token.is_empty(), "one page holds the world");
            let request = pb::ListGroupsRequest {
                session: "default".into(),
                page_size: 1000,
                view: pb::GroupView::Full.into(),
                ..Default::default()
            };
            let held = groups.list_groups(request).await.ok()?.into_inner();
            assert!(held.next_page_token.is_empty(), "one page holds the state");
            let held: Vec<pb::Group> = held
                .groups
                .into_iter()
                .map(|bytes| pb::Group::decode(bytes).expect("a group"))
                .collect();
            let facts = |group: &pb::Group| (group.subject.clone(), group.participants.clone());
            let held: BTreeMap<_, _> =
                held.iter().map(|group| (group.id.clone(), facts(group))).collect();
            let truth: BTreeMap<_, _> =
                truth.groups.iter().map(|group| (group.id.clone(), facts(group))).collect();
            (held == truth).then_some(())
        }
    })
    .await;
    let _ = (&mut world, &mut groups);
}

async fn positions_are_dense(repository: &SeaRepository) -> Vec<pb::GroupEvent> {
    let head = repository.bounds().await.expect("the bounds").head.position;
    let mut log = Vec::new();
    let mut after = Position::ZERO;
    while after < head {
        let slice = repository.read(after, 1000).await.expect("the log");
        for record in slice.events {
            assert_eq!(record.position, after.next(), "positions are dense");
            after = record.position;
            log.push(pb::GroupEvent::decode(record.wire).expect("an event"));
        }
    }
    log
}

fn sequences_have_no_gap(log: &[pb::GroupEvent]) {
    for (expected, event) in (1..).zip(log) {
        assert_eq!(event.sequence, expected, "the only session's sequences are 1, 2, 3, …");
    }
}

fn acknowledged_changes_are_logged_once(log: &[pb::GroupEvent], history: &History) {
    for answer in history.acknowledged.iter().filter(|answer| answer.changed) {
        let events: Vec<_> =
            log.iter().filter(|event| event.request_id == answer.request_id).collect();
        assert_eq!(events.len(), 1, "{answer:?} is in the log once: {events:?}");
        assert_eq!(events[0].sequence, answer.sequence);
    }
    for answer in history.acknowledged.iter().filter(|answer| !answer.changed) {
        let event = log.iter().find(|event| event.request_id == answer.request_id);
        assert!(event.is_none(), "{answer:?} changed something all the same: {event:?}");
    }
    for id in &history.unknown {
        let events = log.iter().filter(|event| event.request_id == *id).count();
        assert!(events <= 1, "{id} is in the log at most once");
    }
}

fn the_watcher_saw_each_event_once_in_order(log: &[pb::GroupEvent], history: &History) {
    let seen = history.watched.len();
    assert!(seen > 0 && seen <= log.len());
    for (logged, watched) in log.iter().zip(&history.watched) {
        assert_eq!(logged, watched, "the watcher saw the log as it is");
    }
}

async fn state_equals_the_fold(repository: &SeaRepository, log: &[pb::GroupEvent]) {
    let mut folded: BTreeMap<GroupId, Option<Arc<Group>>> = BTreeMap::new();
    for event in log {
        let event = event.to_domain().expect("an event of the domain");
        let id = event.group_id.expect("a group's event");
        fold(folded.entry(id.clone()).or_default(), &id, &event.body);
    }
    let session = "default".parse().expect("a name");
    for (id, state) in folded {
        let page = repository.load_view(&session, &id).await.expect("the group");
        let stored = page.groups.into_iter().next().and_then(|group| group.state);
        let stored =
            stored.map(|(basic, members)| pb::group::decode(&basic, &members).expect("a group"));
        assert_eq!(stored.as_ref(), state.as_deref(), "{id} is the fold of its events");
    }
}

/// Asks the world itself, which outlived every process.
async fn nothing_acted_twice(repository: &Arc<SeaRepository>, history: &History) {
    let engine = SimulatorEngine::open(
        repository.clone(),
        Arc::new(NoSink),
        Arc::new(StoppedClock),
        Arc::new(SystemEntropy),
        simulator::Options::default(),
    )
    .await
    .expect("the world");
    let session = "default".parse().expect("a name");
    let ids = history.acknowledged.iter().map(|answer| &answer.request_id).chain(&history.unknown);
    for id in ids {
        let times = engine.applied(&session, id).await.expect("an answer");
        assert!(times <= 1, "{id} acted {times} times");
    }
}

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

struct NoSink;

#[tonic::async_trait]
impl EngineEventSink for NoSink {
    async fn ingest(
        &self,
        events: Vec<EngineEvent>,
    ) -> Vec<Result<IngestOutcome, wagroups::domain::Error>> {
        events.iter().map(|_| Ok(IngestOutcome::Accepted)).collect()
    }
}
