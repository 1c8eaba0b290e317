//! The durable append: commits of the repository beside one raw statement that writes the same rows.

use std::time::Instant;

use prost::Message;
use sea_orm::sqlx::{self, Connection, PgConnection};
use tempfile::TempDir;
use wagroups::domain::clock::{Clock, Timestamp};
use wagroups::domain::event::{EventId, EventType};
use wagroups::domain::port::repository::{
    CommitBatch, EventLog, GroupColumns, GroupWrite, NewEvent, SessionCommit, SessionInsert,
    SessionStore,
};
use wagroups::domain::session::{EngineConfig, EngineKind, Session, SessionStatus};
use wagroups::pb;
use wagroups::repository::{ConnectOptions, SeaRepository};
use wagroups::telemetry::{SystemClock, SystemEntropy};

use super::table::{Better, Table, median, percentile};
use super::{Effort, postgres};

/// The same rows that a commit writes: head, session, events, one group, one dedupe row.
const RAW: &str = "WITH s AS (UPDATE sessions SET sequence = sequence + $1, revision = revision + 1 \
     WHERE name = 'bench' RETURNING sequence - $1 AS base), \
     h AS (UPDATE log_head SET position = position + $1, event_id = $2[array_length($2, 1)], last_record_time = $4 \
     WHERE id = 1 RETURNING position - $1 AS base), \
     g AS (INSERT INTO groups SELECT * FROM groups WHERE session = 'bench' AND id = '120363000000000001@g.us' \
     ON CONFLICT (session, id) DO UPDATE SET sequence = groups.sequence + $1, basic = excluded.basic, \
     participants = excluded.participants, facts = excluded.facts, synced_time = $4), \
     d AS (INSERT INTO source_ids (session, source_id, recorded_time) VALUES ('bench', $2[1], $4)) \
     INSERT INTO events (position, session, sequence, event_id, group_id, event_type, occur_time, record_time, payload) \
     SELECT h.base + e.n, 'bench', s.base + e.n, e.id, '120363000000000001@g.us', 4, $4, $4, e.payload \
     FROM s, h, unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS e (id, payload, n)";

pub async fn measure(effort: Effort, table: &mut Table) {
    if let Some(server) = postgres::server("append on PostgreSQL") {
        on_postgres(&server, effort, table).await;
    }
    let dir = TempDir::new().expect("a temporary folder");
    let url = format!("sqlite://{}/bench.db?mode=rwc", dir.path().display());
    let repository = open(&url).await;
    for events in [1, 100] {
        let ours = commits(&repository, events, effort.seconds).await;
        table.add(
            format!("append {events} on SQLite (no limit beside)"),
            ours.rate,
            ours.rate,
            "events/s",
            None,
        );
    }
}

async fn on_postgres(server: &str, effort: Effort, table: &mut Table) {
    let database = postgres::Database::create(server, "append").await;
    let repository = open(&database.url).await;
    // The group's row must be there for the raw statement to rewrite.
    commits(&repository, 1, 0.2).await;
    let mut raw = PgConnection::connect(&database.url).await.expect("the database");
    sqlx::raw_sql("SET synchronous_commit = on").execute(&mut raw).await.expect("set");
    for events in [1, 10, 100] {
        let mut figures: [Vec<Figures>; 2] = Default::default();
        for _ in 0..effort.rounds {
            figures[1].push(raw_commits(&mut raw, events, effort.seconds).await);
            figures[0].push(commits(&repository, events, effort.seconds).await);
        }
        let [ours, limit] = figures;
        let middle =
            |of: &[Figures], pick: fn(&Figures) -> f64| median(of.iter().map(pick).collect());
        let rate = |f: &Figures| f.rate;
        let goal = (events == 100).then_some((Better::Higher, 0.7));
        table.add(
            format!("append {events} on PostgreSQL"),
            middle(&ours, rate),
            middle(&limit, rate),
            "events/s",
            goal,
        );
        let goal = (events == 1).then_some((Better::Lower, 1.5));
        table.add(
            format!("append {events} on PostgreSQL: p50"),
            middle(&ours, |f| f.p50),
            middle(&limit, |f| f.p50),
            "ms",
            goal,
        );
    }
    repository.close().await;
    let _ = raw.close().await;
    database.drop().await;
}

struct Figures {
    rate: f64,
    p50: f64,
}

fn figures(events: usize, mut latencies: Vec<f64>, elapsed: f64) -> Figures {
    let rate = (latencies.len() * events) as f64 / elapsed;
    Figures { rate, p50: percentile(&mut latencies, 0.5) }
}

async fn open(url: &str) -> SeaRepository {
    let repository =
        SeaRepository::connect(url, ConnectOptions::default()).await.expect("the database");
    repository.migrate().await.expect("migrated");
    let epoch = repository.begin_epoch().await.expect("an epoch");
    let inserted = repository.insert_session(&session("bench", true), epoch).await;
    assert_eq!(inserted.expect("a session"), SessionInsert::Inserted);
    repository
}

pub fn session(name: &str, wanted: bool) -> Session {
    let now = SystemClock.now();
    Session {
        name: name.parse().expect("a name"),
        engine: EngineKind::Simulator,
        config: EngineConfig::default_of(EngineKind::Simulator),
        status: SessionStatus::Working,
        status_reason: String::new(),
        status_time: now,
        account: None,
        push_name: String::new(),
        metadata: Default::default(),
        wanted,
        sequence: 0.into(),
        create_time: now,
        synced_time: None,
    }
}

fn payload(id: &EventId) -> bytes::Bytes {
    let event = pb::GroupEvent {
        id: id.to_string(),
        session: "bench".into(),
        group_id: "120363000000000001@g.us".into(),
        actor: "4915100000001@c.us".into(),
        request_id: "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d11".into(),
        ..Default::default()
    };
    event.encode_to_vec().into()
}

async fn commits(repository: &SeaRepository, events: usize, seconds: f64) -> Figures {
    let name = "bench".parse().expect("a name");
    let heads = repository.session_heads(std::slice::from_ref(&name)).await.expect("the heads");
    let mut head = heads[&name];
    let (started, mut latencies) = (Instant::now(), Vec::new());
    while started.elapsed().as_secs_f64() < seconds {
        let now = SystemClock.now();
        let batch = CommitBatch {
            epoch: head.epoch,
            now,
            sessions: vec![session_commit(&name, head, events, now)],
        };
        let began = Instant::now();
        let receipt = repository.commit(&batch).await.expect("a commit");
        latencies.push(began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(receipt.won, [true]);
        head.sequence = head.sequence.plus(events as u64);
        head.revision = head.revision.next();
    }
    figures(events, latencies, started.elapsed().as_secs_f64())
}

pub fn session_commit(
    name: &wagroups::domain::SessionName,
    head: wagroups::domain::port::repository::SessionHead,
    events: usize,
    now: Timestamp,
) -> SessionCommit {
    let new_events: Vec<NewEvent> = (0..events)
        .map(|_| {
            let id = EventId::new(now, &SystemEntropy);
            NewEvent {
                payload: payload(&id),
                id,
                group_id: "120363000000000001@g.us".parse().ok(),
                event_type: EventType::Updated,
                occur_time: now,
            }
        })
        .collect();
    SessionCommit {
        session: name.clone(),
        expected_revision: head.revision,
        expected_sequence: head.sequence,
        groups: vec![GroupWrite {
            id: "120363000000000001@g.us".parse().expect("an id"),
            state: Some(GroupColumns {
                subject: "Bench".into(),
                create_time: now,
                member_count: 8,
                my_role: None,
                basic: vec![1; 200].into(),
                participants: vec![2; 500].into(),
            }),
            facts: vec![3; 200].into(),
            sequence: head.sequence.plus(events as u64),
            synced_time: now,
            members_added: Vec::new(),
            members_removed: Vec::new(),
        }],
        source_ids: vec![new_events[0].id.to_string()],
        events: new_events,
        answers: Vec::new(),
        deletes_session: false,
    }
}

async fn raw_commits(connection: &mut PgConnection, events: usize, seconds: f64) -> Figures {
    let (started, mut latencies) = (Instant::now(), Vec::new());
    while started.elapsed().as_secs_f64() < seconds {
        let now = SystemClock.now();
        let ids: Vec<EventId> = (0..events).map(|_| EventId::new(now, &SystemEntropy)).collect();
        let payloads: Vec<Vec<u8>> = ids.iter().map(|id| payload(id).to_vec()).collect();
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let began = Instant::now();
        sqlx::query(RAW)
            .bind(i64::try_from(events).expect("small"))
            .bind(ids)
            .bind(payloads)
            .bind(now.as_micros())
            .execute(&mut *connection)
            .await
            .expect("the raw statement");
        latencies.push(began.elapsed().as_secs_f64() * 1e3);
    }
    figures(events, latencies, started.elapsed().as_secs_f64())
}
