//! Watchers that are slow, and watchers that are many.

use std::time::Duration;

use prost::Message;
use tonic::transport::Channel;
use wagroups::domain::clock::{Clock, Timestamp};
use wagroups::domain::event::{EventId, EventType};
use wagroups::domain::port::repository::{
    CommitBatch, EventLog, NewEvent, SessionCommit, SessionStore,
};
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::watch_group_events_request::Start;
use wagroups::repository::{ConnectOptions, SeaRepository};
use wagroups::telemetry::{SystemClock, SystemEntropy};

use crate::harness::process::{Process, TestStore};
use crate::harness::service::{PATIENCE, Service};

const EVENTS: u64 = 100_000;
const BATCH: u64 = 1_000;

/// Lets events go by as fast as the database takes them, past the service as another process would.
async fn write_events(repository: &SeaRepository, count: u64) {
    let session = "default".parse().expect("a name");
    let entropy = SystemEntropy;
    let mut written = 0;
    while written < count {
        let heads =
            repository.session_heads(std::slice::from_ref(&session)).await.expect("the heads");
        let head = heads[&session];
        let now = SystemClock.now();
        let events = (0..BATCH.min(count - written)).map(|_| new_event(now, &entropy)).collect();
        let batch = CommitBatch {
            epoch: head.epoch,
            now,
            sessions: vec![SessionCommit {
                session: session.clone(),
                expected_revision: head.revision,
                expected_sequence: head.sequence,
                events,
                groups: Vec::new(),
                source_ids: Vec::new(),
                answers: Vec::new(),
                deletes_session: false,
            }],
        };
        let receipt = repository.commit(&batch).await.expect("a commit");
        assert_eq!(receipt.won, [true]);
        written += BATCH;
    }
}

fn new_event(now: Timestamp, entropy: &SystemEntropy) -> NewEvent {
    let id = EventId::new(now, entropy);
    let payload = pb::GroupEvent {
        id: id.to_string(),
        session: "default".into(),
        group_id: "120363000000000001@g.us".into(),
        r#type: pb::EventType::Updated.into(),
        occur_time: Some(pb::wire::timestamp(now)),
        // About as large as most events are.
        actor: "4915100000001@c.us".into(),
        request_id: "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d11".into(),
        ..Default::default()
    };
    NewEvent {
        id,
        group_id: "120363000000000001@g.us".parse().ok(),
        event_type: EventType::Updated,
        occur_time: now,
        payload: payload.encode_to_vec().into(),
    }
}

type Stream = tonic::Streaming<pb::WatchGroupEventsResponse>;

async fn watch(mut groups: GroupsServiceClient<Channel>, start: Start) -> Stream {
    let request = pb::WatchGroupEventsRequest { start: Some(start), ..Default::default() };
    groups.watch_group_events(request).await.expect("a watch").into_inner()
}

/// Reads until so many events have come, and checks that none is missing or repeated.
async fn read_all(stream: &mut Stream, count: u64) -> u64 {
    read_some(stream, 0, count).await
}

async fn read_some(stream: &mut Stream, mut last: u64, count: u64) -> u64 {
    while last < count {
        // A thousand watchers share two cores with whatever else runs.
        let item = tokio::time::timeout(4 * PATIENCE, stream.message()).await.expect("in time");
        let response = item.expect("no error").expect("an item");
        for bytes in response.events {
            let event = pb::GroupEvent::decode(bytes).expect("an event");
            last += 1;
            assert_eq!(event.sequence, i64::try_from(last).expect("small"));
        }
    }
    last
}

/// 100,000 events go by while one watcher does not read. The shared history holds 1 MiB of them,
/// far less than there are: the watcher goes on from the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_stops_reading_gets_everything_later() {
    let service = Service::on_sqlite_with(|settings| {
        settings.events.history_bytes = "1MiB".parse().expect("a size");
        settings.events.poll_interval = Duration::from_millis(50);
    })
    .await;
    let mut stalled = watch(service.groups(), Start::Earliest(pb::Earliest {})).await;
    let mut lively = watch(service.groups(), Start::Earliest(pb::Earliest {})).await;
    let repository = service.repository();
    let ((), seen) = tokio::join!(write_events(&repository, EVENTS), read_all(&mut lively, EVENTS));
    assert_eq!(seen, EVENTS, "the other watcher was not held up");
    assert_eq!(read_all(&mut stalled, EVENTS).await, EVENTS);
}

/// The same against the program as a process of its own, whose memory is nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_stops_reading_costs_no_memory() {
    let Some(store) = TestStore::postgres().await else { return };
    let settings =
        [("WAGROUPS_EVENTS__HISTORY_BYTES", "1MiB"), ("WAGROUPS_EVENTS__POLL_INTERVAL", "50ms")];
    let process = Process::start_with(&store, &settings).await;
    let groups = || GroupsServiceClient::new(process.channel());
    let mut stalled = watch(groups(), Start::Earliest(pb::Earliest {})).await;
    let mut lively = watch(groups(), Start::Earliest(pb::Earliest {})).await;
    let options = ConnectOptions { allow_unsafe_fsync: true, ..ConnectOptions::default() };
    let repository = SeaRepository::connect(&store.url(), options).await.expect("the database");
    // What the first events cost once and for all is not what is measured.
    write_events(&repository, 2 * BATCH).await;
    let mut seen = read_some(&mut lively, 0, 2 * BATCH).await;
    let before = process.resident_bytes();
    let ((), ()) = tokio::join!(write_events(&repository, EVENTS - 2 * BATCH), async {
        seen = read_some(&mut lively, seen, EVENTS).await;
    });
    assert_eq!(seen, EVENTS);
    let grown = process.resident_bytes().saturating_sub(before);
    // The bound: the history, the chunks of those who are behind, batches on their way. A queue
    // with the events of the stalled watcher would hold more than 30 MB of them.
    assert!(grown < 24 << 20, "memory grew by {} MiB", grown >> 20);
    assert_eq!(read_all(&mut stalled, EVENTS).await, EVENTS);
}

/// A thousand watchers come back at once after a restart. The log is read in chunks that they share.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_watchers_that_resume_read_the_log_once() {
    const WATCHERS: usize = 1_000;
    const KEPT: u64 = 5_000;
    let mut service = Service::on_sqlite().await;
    write_events(&service.repository(), KEPT).await;
    let reads_of = async |service: &Service, watchers: usize| {
        let before = service.log_reads();
        let mut streams = Vec::with_capacity(watchers);
        for _ in 0..watchers {
            streams.push(watch(service.groups(), Start::Earliest(pb::Earliest {})).await);
        }
        let reading = streams.iter_mut().map(|stream| read_all(stream, KEPT));
        futures::future::join_all(reading).await;
        service.log_reads() - before
    };
    // After the restart nothing of the log is in memory.
    service.restart().await;
    let by_one = reads_of(&service, 1).await;
    service.restart().await;
    let by_all = reads_of(&service, WATCHERS).await;
    assert!(by_one >= 9, "one watcher reads {KEPT} events in chunks: {by_one} reads");
    assert_eq!(by_all, by_one, "log reads do not grow with the number of watchers");
}

/// What a stream that nobody reads holds is one step of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_step_of_a_watch_is_longer_than_64_kibibytes() {
    const LONGEST: usize = 64 << 10;
    let mut service = Service::on_sqlite().await;
    for number in 0..100 {
        let people: Vec<String> = (0..60).map(|at| format!("+49151{number:03}{at:05}")).collect();
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        service.create_group(&format!("Team {number}"), &people).await;
    }
    write_events(&service.repository(), 5_000).await;
    // From the history in memory, then from the log itself, and with the groups first.
    for is_restarted in [false, true] {
        if is_restarted {
            service.restart().await;
        }
        let requests = [
            pb::WatchGroupEventsRequest {
                start: Some(Start::Earliest(pb::Earliest {})),
                ..Default::default()
            },
            pb::WatchGroupEventsRequest { send_initial_state: true, ..Default::default() },
        ];
        for request in requests {
            let is_initial = request.send_initial_state;
            let watch = service.groups().watch_group_events(request).await;
            let mut stream = watch.expect("a watch").into_inner();
            let (mut groups, mut events, mut is_whole) = (0, 0, false);
            while !is_whole {
                let next = tokio::time::timeout(PATIENCE, stream.message()).await;
                let item = next.expect("in time").expect("no error").expect("an item");
                let bytes = item.encoded_len();
                assert!(bytes <= LONGEST, "{bytes} bytes, {} groups", item.initial_groups.len());
                groups += item.initial_groups.len();
                events += item.events.len();
                is_whole =
                    if is_initial { item.initial_state_end.is_some() } else { events >= 5_100 };
            }
            assert_eq!(groups, if is_initial { 100 } else { 0 });
        }
    }
}
