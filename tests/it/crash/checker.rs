//! What must hold after any number of deaths.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use wagroups::domain::clock::{Clock, Timestamp};
use wagroups::domain::counter::Position;
use wagroups::domain::fold::fold;
use wagroups::domain::group::Group;
use wagroups::domain::id::{GroupId, SessionName};
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

pub async fn check(process: Process, store: TestStore, history: History) {
    check_sessions(process, store, history, &["default".to_owned()]).await;
}

/// The same where these sessions are the simulator's, and others are somewhere else.
pub async fn check_sessions(
    mut process: Process,
    store: TestStore,
    history: History,
    simulated: &[String],
) {
    assert!(!history.acknowledged.is_empty());
    state_equals_the_world(&process, simulated).await;
    process.kill().await;

    let repository =
        SeaRepository::connect(&store.url(), ConnectOptions::default()).await.expect("the store");
    let repository = Arc::new(repository);
    let log = positions_are_dense(&repository).await;
    sequences_have_no_gap(&log);
    acknowledged_changes_are_logged_once(&log, &history);
    the_watchers_saw_each_event_once_in_order(&log, &history);
    state_equals_the_fold(&repository, &log).await;
    nothing_acted_twice(&repository, &history, simulated).await;
}

/// What got lost between the simulator and a dead process was delivered later, and merged in.
async fn state_equals_the_world(process: &Process, simulated: &[String]) {
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
            let mut held: Vec<pb::Group> = Vec::new();
            for session in simulated {
                let request = pb::ListGroupsRequest {
                    session: session.clone(),
                    page_size: 1000,
                    view: pb::GroupView::Full.into(),
                    ..Default::default()
                };
                let listed = groups.list_groups(request).await.ok()?.into_inner();
                assert!(listed.next_page_token.is_empty(), "one page holds the state");
                let decoded = |bytes| pb::Group::decode(bytes).expect("a group");
                held.extend(listed.groups.into_iter().map(decoded));
            }
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
    let mut heads: BTreeMap<&str, i64> = BTreeMap::new();
    for event in log {
        let head = heads.entry(&event.session).or_default();
        *head += 1;
        assert_eq!(event.sequence, *head, "the sequences of {} are 1, 2, 3, …", event.session);
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
    for (_, id) in &history.unknown {
        let events = log.iter().filter(|event| event.request_id == *id).count();
        assert!(events <= 1, "{id} is in the log at most once");
    }
}

fn the_watchers_saw_each_event_once_in_order(log: &[pb::GroupEvent], history: &History) {
    for (watcher, watched) in history.watched.iter().enumerate() {
        assert!(!watched.is_empty() && watched.len() <= log.len());
        for (logged, watched) in log.iter().zip(watched) {
            assert_eq!(logged, watched, "watcher {watcher} saw the log as it is");
        }
    }
}

async fn state_equals_the_fold(repository: &SeaRepository, log: &[pb::GroupEvent]) {
    let mut folded: BTreeMap<(SessionName, GroupId), Option<Arc<Group>>> = BTreeMap::new();
    for event in log {
        let event = event.to_domain().expect("an event of the domain");
        let id = event.group_id.expect("a group's event");
        fold(folded.entry((event.session, id.clone())).or_default(), &id, &event.body);
    }
    for ((session, id), state) in folded {
        let page = repository.load_view(&session, &id).await.expect("the group");
        let stored = page.groups.into_iter().next().and_then(|group| group.state);
        let stored =
            stored.map(|(basic, members)| pb::group::decode(&basic, &members).expect("a group"));
        assert_eq!(stored.as_ref(), state.as_deref(), "{id} is the fold of its events");
    }
}

/// Asks the world itself, which outlived every process.
async fn nothing_acted_twice(
    repository: &Arc<SeaRepository>,
    history: &History,
    simulated: &[String],
) {
    let engine = SimulatorEngine::open(
        repository.clone(),
        Arc::new(NoSink),
        Arc::new(StoppedClock),
        Arc::new(SystemEntropy),
        simulator::Options::default(),
    )
    .await
    .expect("the world");
    let acknowledged =
        history.acknowledged.iter().map(|answer| (&answer.session, &answer.request_id));
    let calls = acknowledged.chain(history.unknown.iter().map(|(session, id)| (session, id)));
    for (session, id) in calls.filter(|(session, _)| simulated.contains(session)) {
        let session = session.parse().expect("a name");
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
