//! The relay to NATS JetStream, beside a bare publisher of the same messages: one of each session out at a time, each
//! behind the one before it, all acknowledged.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tempfile::TempDir;
use wagroups::domain::port::repository::{CommitBatch, EventLog as _, SessionStore as _};
use wagroups::repository::{ConnectOptions, SeaRepository};
use wagroups::telemetry::SystemClock;

use super::nats_server::{Message, NatsServer, SERVER};
use super::table::{Better, Table, median};
use super::{Child, Effort, append};
use wagroups::domain::clock::Clock as _;

const SESSIONS: usize = 50;
/// Events of one commit.
const AT_ONCE: usize = 20;

pub async fn measure(effort: Effort, table: &mut Table) {
    if std::env::var(SERVER).is_err() {
        return println!("jetstream: left out, {SERVER} is not set");
    }
    let count = if effort.rounds > 1 { 50_000 } else { 5_000 };
    let dir = TempDir::new().expect("a temporary folder");
    fill(dir.path(), count).await;
    let (mut relayed, mut bare, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let nats = NatsServer::start("").await.expect("a server");
        // A copy, in which the relay was never begun.
        let copy = TempDir::new().expect("a temporary folder");
        let file = "wagroups.db";
        std::fs::copy(dir.path().join(file), copy.path().join(file)).expect("copied");
        let service = Child::relaying(copy.path(), &nats.url());
        let (rate, seconds) = relay(&nats, &service, count).await;
        relayed.push(rate);
        cpu.push(seconds * 1e6 / count as f64);
        let messages = nats.messages().await;
        drop((service, nats));
        let nats = NatsServer::start("").await.expect("a server");
        bare.push(publish(&nats, messages, count).await);
    }
    table.add(
        format!("relay, {SESSIONS} sessions, beside a bare publisher"),
        median(relayed),
        median(bare),
        "events/s",
        Some((Better::Higher, 0.7)),
    );
    println!("{:<44} {:>12.2} us/event", "the same: the service's processor time", median(cpu));
}

async fn fill(dir: &std::path::Path, count: usize) {
    let url = format!("sqlite://{}/wagroups.db?mode=rwc", dir.display());
    let repository = SeaRepository::connect(&url, ConnectOptions::default()).await;
    let repository = repository.expect("the database");
    repository.migrate().await.expect("migrated");
    let epoch = repository.begin_epoch().await.expect("an epoch");
    let names: Vec<_> = (0..SESSIONS).map(|number| format!("session-{number}")).collect();
    let mut sessions = Vec::new();
    for name in &names {
        let session = append::session(name, false);
        repository.insert_session(&session, epoch).await.expect("a session");
        sessions.push(session.name);
    }
    let mut heads = repository.session_heads(&sessions).await.expect("the heads");
    for turn in 0..count / AT_ONCE {
        let name = &sessions[turn * 7 % SESSIONS];
        let head = heads.get_mut(name).expect("a head");
        let now = SystemClock.now();
        let sessions = vec![append::session_commit(name, *head, AT_ONCE, now)];
        let receipt = repository.commit(&CommitBatch { epoch, now, sessions }).await;
        assert_eq!(receipt.expect("a commit").won, [true]);
        head.sequence = head.sequence.plus(AT_ONCE as u64);
        head.revision = head.revision.next();
    }
    repository.close().await;
}

/// Events a second, and the processor time that all of them took.
async fn relay(nats: &NatsServer, service: &Child, count: usize) -> (f64, f64) {
    let context = nats.context().await;
    let first = loop {
        let held = count_of(&context).await;
        if held > 0 {
            break held;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let began = Instant::now();
    while count_of(&context).await < count as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rate = (count as u64 - first) as f64 / began.elapsed().as_secs_f64();
    (rate, service.cpu_seconds())
}

/// How many messages the stream holds; none before there is one.
async fn count_of(context: &Context) -> u64 {
    match context.get_stream("WAGROUPS").await {
        Ok(stream) => stream.cached_info().state.messages,
        Err(_) => 0,
    }
}

/// Events a second.
async fn publish(nats: &NatsServer, messages: Vec<Message>, count: usize) -> f64 {
    let context = nats.context().await;
    let stream = jetstream::stream::Config {
        name: "WAGROUPS".to_owned(),
        subjects: vec!["wagroups.events.>".to_owned()],
        ..Default::default()
    };
    context.create_stream(stream).await.expect("a stream");
    let mut sessions: BTreeMap<String, Vec<Message>> = BTreeMap::new();
    for message in messages {
        let session = message.subject.split('.').nth(2).expect("a session").to_owned();
        sessions.entry(session).or_default().push(message);
    }
    let began = Instant::now();
    let mut publishers: FuturesUnordered<_> =
        sessions.into_values().map(|messages| publish_session(context.clone(), messages)).collect();
    while publishers.next().await.is_some() {}
    count as f64 / began.elapsed().as_secs_f64()
}

async fn publish_session(context: Context, messages: Vec<Message>) {
    let mut last = 0;
    for Message { subject, headers, payload } in messages {
        let message = PublishMessage::build()
            .headers(headers)
            .payload(payload)
            .expected_last_subject_sequence(last);
        let sent = context.send_publish(subject, message).await.expect("sent");
        last = sent.await.expect("acknowledged").sequence;
    }
}
