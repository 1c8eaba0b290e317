//! Writers that race, and readers that watch them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use sea_orm::sqlx::{self, Connection, PgConnection};
use wagroups::domain::SessionName;
use wagroups::domain::counter::Position;
use wagroups::domain::event::{EventId, EventType};
use wagroups::domain::port::repository::{CommitBatch, EventLog, GroupStore, SessionStore};
use wagroups::repository::SeaRepository;

use super::failure::{hold_head, in_background, waiting_for_locks};
use super::given::{NOW, event_of, group, group_id, made, name, of_events};
use crate::harness::database::Database;

const SESSIONS: usize = 6;
const TASKS: usize = 4;
const COMMITS: usize = 12;
/// The group that counts the commits of its session.
const COUNTER: u32 = 1;

/// Several tasks on each repository commit to overlapping sessions and repeat what loses; a reader
/// follows meanwhile. Then everything acknowledged must be there, once and in order.
pub async fn race(processes: &[&SeaRepository]) {
    let sessions: Vec<SessionName> = (0..SESSIONS).map(|i| name(&format!("s{i}"))).collect();
    for session in &sessions {
        made(processes[0], session.as_str()).await;
    }
    let acknowledged = Mutex::new(BTreeSet::new());
    let done = AtomicBool::new(false);

    let writers = async {
        join_all(processes.iter().enumerate().flat_map(|(process, repository)| {
            let (sessions, acknowledged) = (&sessions, &acknowledged);
            (0..TASKS)
                .map(move |task| write(repository, sessions, process * TASKS + task, acknowledged))
        }))
        .await;
        done.store(true, Ordering::Release);
    };
    let ((), seen) = tokio::join!(writers, follow(processes[processes.len() - 1], &done));

    let acknowledged = acknowledged.into_inner().expect("a whole set");
    assert_eq!(acknowledged.len(), processes.len() * TASKS * COMMITS * 2);
    assert_eq!(seen.iter().map(|(id, ..)| *id).collect::<BTreeSet<_>>(), acknowledged);
    assert_eq!(seen.len(), acknowledged.len(), "an event was seen twice");
    let mut sequences: BTreeMap<SessionName, u64> = BTreeMap::new();
    for (_, session, sequence) in seen {
        let last = sequences.entry(session.clone()).or_default();
        assert_eq!(sequence, *last + 1, "{session}");
        *last = sequence;
    }
    for (session, head) in processes[0].session_heads(&sessions).await.expect("heads") {
        assert_eq!(Some(&head.sequence.get()), sequences.get(&session), "{session}");
    }
    assert_eq!(counters(processes[0], &sessions).await, sequences, "an update was lost");
}

/// Writes `COMMITS` times to two sessions at once, each once or more often until it wins.
async fn write(
    repository: &SeaRepository,
    sessions: &[SessionName],
    task: usize,
    acknowledged: &Mutex<BTreeSet<EventId>>,
) {
    for round in 0..COMMITS {
        let first = (task + round) % sessions.len();
        let second = (first + 1 + task % (sessions.len() - 1)) % sessions.len();
        // In whatever order: that of the locks is the adapter's business.
        let mut open = vec![sessions[first].clone(), sessions[second].clone()];
        while !open.is_empty() {
            let heads = repository.session_heads(&open).await.expect("heads");
            let counters = counters(repository, &open).await;
            let commits = open.iter().map(|session| {
                let head = heads[session];
                let event = event_of(None, EventType::Updated);
                let mut commit = of_events(session, head.revision, head.sequence, vec![event]);
                let mut counted = group(COUNTER, "counted");
                let count = counters.get(session).copied().unwrap_or(0) + 1;
                counted.facts = count.to_string().into_bytes().into();
                commit.groups = vec![counted];
                commit
            });
            let batch = CommitBatch { epoch: 0.into(), now: NOW, sessions: commits.collect() };
            let receipt = repository.commit(&batch).await.expect("a commit");
            let mut won = receipt.won.into_iter();
            for commit in batch
                .sessions
                .iter()
                .zip(won.clone())
                .filter(|(_, won)| *won)
                .map(|(commit, _)| commit)
            {
                acknowledged
                    .lock()
                    .expect("a lock")
                    .extend(commit.events.iter().map(|event| event.id));
            }
            open.retain(|_| !won.next().unwrap_or(false));
        }
    }
}

/// What each session's group counts. Every commit adds one to what it read, so a commit that was
/// built on something old would show.
async fn counters(
    repository: &SeaRepository,
    sessions: &[SessionName],
) -> BTreeMap<SessionName, u64> {
    let keys: Vec<_> =
        sessions.iter().map(|session| (session.clone(), group_id(COUNTER))).collect();
    let groups = repository.load_groups(&keys).await.expect("groups");
    let count = |facts: &[u8]| std::str::from_utf8(facts).ok()?.parse().ok();
    groups
        .into_iter()
        .map(|group| (group.session, count(&group.facts).expect("a number")))
        .collect()
}

/// Reads on from where it stands until the writers are done and nothing is left. A position that
/// appeared late would be missing, and `read` refuses a stretch with a gap.
async fn follow(repository: &SeaRepository, done: &AtomicBool) -> Vec<(EventId, SessionName, u64)> {
    let mut seen = Vec::new();
    loop {
        let finished = done.load(Ordering::Acquire);
        let slice =
            repository.read(Position::ZERO.plus(seen.len() as u64), 64).await.expect("the log");
        if slice.events.is_empty() {
            if finished {
                return seen;
            }
            tokio::task::yield_now().await;
        }
        for event in slice.events {
            assert_eq!(event.position.get(), seen.len() as u64 + 1);
            seen.push((event.id, event.session, event.sequence.get()));
        }
    }
}

pub async fn two_processes_lose_nothing_and_leave_no_gap(database: &Database) {
    let (one, two) = (database.open().await, database.open().await);
    race(&[&one, &two]).await;
}

pub async fn a_reader_never_sees_a_lower_position_later(database: &Database) {
    let (one, two, three) = (database.open().await, database.open().await, database.open().await);
    race(&[&one, &two, &three]).await;
}

/// The first transaction has its position but has not committed; the second one, of another
/// session, must not get a position, let alone show it.
pub async fn a_lower_position_is_visible_before_a_higher_one_is_given(database: &Database) {
    let repository = database.open().await;
    let (a, b) = (made(&repository, "a").await, made(&repository, "b").await);
    let mut observer = PgConnection::connect(&database.url()).await.expect("a connection");
    let mut first = PgConnection::connect(&database.url()).await.expect("a connection");
    let mut open = first.begin().await.expect("a transaction");
    sqlx::query("UPDATE log_head SET position = position + 1, event_id = 'evt_00000000000000000000000001' WHERE id = 1")
        .execute(&mut *open)
        .await
        .expect("the head moves");
    sqlx::query("UPDATE sessions SET sequence = 1, revision = 1 WHERE name = $1")
        .bind(a.as_str())
        .execute(&mut *open)
        .await
        .expect("the session moves");
    sqlx::query(
        "INSERT INTO events (position, session, sequence, event_id, group_id, event_type, occur_time, record_time, payload) \
         VALUES (1, $1, 1, 'evt_00000000000000000000000001', '', 4, 0, 0, '')",
    )
    .bind(a.as_str())
    .execute(&mut *open)
    .await
    .expect("the event is written");

    let batch = CommitBatch {
        epoch: 0.into(),
        now: NOW,
        sessions: vec![of_events(&b, 0, 0, vec![event_of(None, EventType::Updated)])],
    };
    let second = repository.commit(&batch);
    let checks = async {
        waiting_for_locks(&mut observer, 1).await;
        assert!(repository.read(0.into(), 10).await.expect("the log").events.is_empty());
        open.commit().await.expect("the first commits");
    };
    let (receipt, ()) = tokio::join!(second, checks);

    assert_eq!(receipt.expect("a commit").head, 2.into());
    let log = repository.read(0.into(), 10).await.expect("the log");
    assert_eq!(
        log.events.iter().map(|e| (e.position.get(), e.session.clone())).collect::<Vec<_>>(),
        [(1, a), (2, b)]
    );
}

pub async fn processes_that_migrate_at_once_take_turns(database: &Database) {
    let mut admin = PgConnection::connect(&database.url()).await.expect("a connection");
    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .execute(&mut admin)
        .await
        .expect("an empty database");
    let processes = [database.open().await, database.open().await, database.open().await];
    for migrated in join_all(processes.iter().map(SeaRepository::migrate)).await {
        migrated.expect("a migration");
    }
    processes[0].bounds().await.expect("the schema");
}

/// The first one holds the session's row and waits for the head, the second one waits for the row
/// with the old revision before its eyes.
pub async fn of_two_processes_that_expect_the_same_revision_one_loses(database: &Database) {
    let processes = [Arc::new(database.open().await), Arc::new(database.open().await)];
    let a = made(&processes[0], "a").await;
    let mut observer = PgConnection::connect(&database.url()).await.expect("a connection");
    let mut holder = PgConnection::connect(&database.url()).await.expect("a connection");
    let held = hold_head(&mut holder).await;

    let mut commits = Vec::new();
    for (count, process) in processes.iter().enumerate() {
        let event = event_of(None, EventType::Updated);
        let batch = CommitBatch {
            epoch: 0.into(),
            now: NOW,
            sessions: vec![of_events(&a, 0, 0, vec![event])],
        };
        commits.push(in_background(process, &batch));
        waiting_for_locks(&mut observer, count + 1).await;
    }
    held.rollback().await.expect("the head is free");

    let mut won = Vec::new();
    for commit in commits {
        won.extend(commit.await.expect("no panic").expect("a commit").won);
    }
    assert_eq!(won, [true, false]);
    assert_eq!(processes[0].bounds().await.expect("bounds").head.position, 1.into());
}

/// A batch names its sessions in any order; locks are taken by name.
pub async fn sessions_locked_in_opposite_order_do_not_deadlock(database: &Database) {
    let (one, two) = (database.open().await, database.open().await);
    let (a, b) = (made(&one, "a").await, made(&one, "b").await);
    let orders = [[a.clone(), b.clone()], [b, a]];
    let run = |repository: SeaRepository, order: [SessionName; 2]| async move {
        for _ in 0..50 {
            let heads = repository.session_heads(&order).await.expect("heads");
            let sessions = order
                .iter()
                .map(|session| {
                    of_events(
                        session,
                        heads[session].revision,
                        heads[session].sequence,
                        vec![event_of(None, EventType::Left)],
                    )
                })
                .collect();
            repository
                .commit(&CommitBatch { epoch: 0.into(), now: NOW, sessions })
                .await
                .expect("no deadlock");
        }
    };
    let [forwards, backwards] = orders;
    tokio::join!(run(one, forwards), run(two, backwards));
}
