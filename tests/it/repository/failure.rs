//! A commit that the server or the network cuts off.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{self, Connection, Row, Transaction};
use tokio::task::JoinHandle;
use wagroups::domain::counter::Position;
use wagroups::domain::event::EventId;
use wagroups::domain::port::repository::{
    CommitBatch, CommitReceipt, EventLog, Reservation, ReservationStore, Reserved, Result,
    SessionPatch, SessionStore, StoreError,
};
use wagroups::repository::SeaRepository;

use super::given::{NOW, append, batch, events, group, made, of_events};
use super::reservations::reservation;
use crate::harness::database::Database;
use crate::harness::proxy::Proxy;

/// A transaction that holds the log's head, so that commits get as far as that and wait.
pub async fn hold_head(connection: &mut PgConnection) -> Transaction<'_, sqlx::Postgres> {
    let mut transaction = connection.begin().await.expect("a transaction");
    sqlx::query("SELECT 1 FROM log_head FOR UPDATE")
        .execute(&mut *transaction)
        .await
        .expect("the head is held");
    transaction
}

/// The process ids of the connections that wait for a lock, once there are so many.
pub async fn waiting_for_locks(observer: &mut PgConnection, count: usize) -> Vec<i32> {
    loop {
        let waiting = sqlx::query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_all(&mut *observer)
        .await
        .expect("the activity");
        if waiting.len() >= count {
            return waiting.into_iter().map(|row| row.get(0)).collect();
        }
        tokio::task::yield_now().await;
    }
}

pub fn in_background(
    repository: &Arc<SeaRepository>,
    batch: &CommitBatch,
) -> JoinHandle<Result<CommitReceipt>> {
    let (repository, batch) = (repository.clone(), batch.clone());
    tokio::spawn(async move { repository.commit(&batch).await })
}

fn ids(batch: &CommitBatch) -> Vec<EventId> {
    batch.sessions.iter().flat_map(|session| &session.events).map(|event| event.id).collect()
}

pub async fn a_commit_that_the_server_gives_up_may_be_repeated(database: &Database) {
    let repository = Arc::new(database.open().await);
    let a = made(&repository, "a").await;
    let mut observer = PgConnection::connect(&database.url()).await.expect("a connection");
    let mut holder = PgConnection::connect(&database.url()).await.expect("a connection");
    let held = hold_head(&mut holder).await;
    let batch = batch(vec![of_events(&a, 0, 0, events(1))]);

    let commit = in_background(&repository, &batch);
    let waiting = waiting_for_locks(&mut observer, 1).await;
    sqlx::query("SELECT pg_terminate_backend($1)")
        .bind(waiting[0])
        .execute(&mut observer)
        .await
        .expect("terminated");

    let error = commit.await.expect("no panic").expect_err("an error");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    held.rollback().await.expect("the head is free");
    assert!(repository.recorded(&ids(&batch)).await.expect("positions").is_empty());
    assert_eq!(repository.commit(&batch).await.expect("a commit").won, [true]);
}

/// The answer is lost, but the server goes on: exactly what must not be reported as a failure.
pub async fn a_commit_whose_connection_breaks_is_unknown_and_can_be_looked_up(database: &Database) {
    let proxy = Proxy::before(&database.url()).await;
    let through_proxy = Arc::new(
        SeaRepository::connect(proxy.url(), Database::options()).await.expect("the database opens"),
    );
    let direct = database.open().await;
    let a = made(&direct, "a").await;
    let mut observer = PgConnection::connect(&database.url()).await.expect("a connection");
    let mut holder = PgConnection::connect(&database.url()).await.expect("a connection");
    let held = hold_head(&mut holder).await;
    let batch = batch(vec![of_events(&a, 0, 0, events(2))]);

    let commit = in_background(&through_proxy, &batch);
    waiting_for_locks(&mut observer, 1).await;
    proxy.cut();

    let error = commit.await.expect("no panic").expect_err("an error");
    assert!(matches!(error, StoreError::CommitUnknown(_)), "{error}");
    held.rollback().await.expect("the head is free");
    let recorded = loop {
        let recorded = direct.recorded(&ids(&batch)).await.expect("positions");
        if !recorded.is_empty() {
            break recorded;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(recorded.into_values().map(Position::get).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(direct.commit(&batch).await.expect("a commit").won, [false], "a repetition loses");
}

/// What one caller waits for at most, as the operators' handbook says.
const LIMIT: Duration = Duration::from_secs(15);

/// A firewall has forgotten the connections: they carry nothing, and new ones work.
pub async fn connections_that_fall_silent_are_replaced_in_time(database: &Database) {
    let proxy = Proxy::before(&database.url()).await;
    let repository = Arc::new(
        SeaRepository::connect(proxy.url(), Database::options()).await.expect("the database opens"),
    );
    let a = made(&repository, "a").await;
    let first = batch(vec![of_events(&a, 0, 0, events(1))]);
    repository.commit(&first).await.expect("a commit");
    // More at once than the pool has places, so that all of them are open and in use.
    let reads = || join_all((0..64).map(|_| async { repository.bounds().await }));
    reads().await.into_iter().for_each(|bounds| assert!(bounds.is_ok(), "{bounds:?}"));
    let under_way = tokio::spawn({
        let repository = repository.clone();
        async move {
            loop {
                let _ = join_all((0..64).map(|_| repository.bounds())).await;
                tokio::task::yield_now().await;
            }
        }
    });
    tokio::task::yield_now().await;

    proxy.silence();
    let silent_since = tokio::time::Instant::now();
    let second = batch(vec![of_events(&a, 1, 1, events(1))]);
    let works = async {
        let commits = async { while repository.commit(&second).await.is_err() {} };
        let is_read = async { while !reads().await.iter().all(Result::is_ok) {} };
        tokio::join!(commits, is_read);
    };
    tokio::time::timeout(LIMIT, works).await.expect("it works again in time");
    assert!(silent_since.elapsed() < LIMIT);
    under_way.abort();
    // Every place of the pool is there, all at once.
    let lasting = |_| async { repository.trim(wagroups::domain::clock::Timestamp::EPOCH, 1).await };
    let trimmed = tokio::time::timeout(LIMIT, join_all((0..8).map(lasting))).await;
    trimmed.expect("in time").into_iter().for_each(|done| assert!(done.is_ok(), "{done:?}"));
}

/// Each statement has an end at the server, too, earlier than here.
pub async fn the_server_gives_up_a_statement_that_waits_for_a_lock(database: &Database) {
    let repository = Arc::new(database.open().await);
    let a = made(&repository, "a").await;
    let mut holder = PgConnection::connect(&database.url()).await.expect("a connection");
    let _held = hold_head(&mut holder).await;
    let batch = batch(vec![of_events(&a, 0, 0, events(1))]);
    let commit = tokio::time::timeout(LIMIT, repository.commit(&batch)).await.expect("in time");
    let error = commit.expect_err("the head is held");
    // Said by the server, so that it is certain; the limit here would leave it unknown.
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}

/// What waits for a table that somebody holds, while its connection is cut: the server goes on with it.
async fn cut_while_held<T: Send + 'static>(
    database: &Database,
    proxy: &Proxy,
    table: &str,
    before_cut: &str,
    write: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let mut observer = PgConnection::connect(&database.url()).await.expect("a connection");
    let mut holder = PgConnection::connect(&database.url()).await.expect("a connection");
    let mut held = holder.begin().await.expect("a transaction");
    let lock = format!("LOCK TABLE {table} IN EXCLUSIVE MODE");
    sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *held).await.expect("the table is held");
    let write = tokio::spawn(write);
    waiting_for_locks(&mut observer, 1).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(before_cut.to_owned()))
        .execute(&mut observer)
        .await
        .expect("done");
    proxy.cut();
    held.rollback().await.expect("the table is free");
    write
}

async fn through(proxy: &Proxy) -> Arc<SeaRepository> {
    let opened = SeaRepository::connect(proxy.url(), Database::options()).await;
    Arc::new(opened.expect("the database opens"))
}

/// The answer of a single statement is lost: what it wrote is found to be ours when it is repeated.
pub async fn a_single_write_whose_answer_was_lost_is_repeated(database: &Database) {
    let proxy = Proxy::before(&database.url()).await;
    let repository = through(&proxy).await;
    let reservation = reservation("lost");
    let reserve = {
        let (repository, reservation) = (repository.clone(), reservation.clone());
        async move { repository.reserve(&reservation).await }
    };
    let reserve = cut_while_held(database, &proxy, "reservations", "", reserve).await;
    assert_eq!(reserve.await.expect("no panic").expect("an answer"), Reserved::New);
    let other = Reservation { nonce: 1, ..reservation };
    assert!(matches!(repository.reserve(&other).await, Ok(Reserved::Existing(_))));
}

pub async fn a_patch_whose_answer_was_lost_is_repeated(database: &Database) {
    let proxy = Proxy::before(&database.url()).await;
    let repository = through(&proxy).await;
    let a = made(&repository, "a").await;
    let patch = SessionPatch { push_name: Some("Yara".to_owned()), ..Default::default() };
    let patching = {
        let (repository, a) = (repository.clone(), a.clone());
        async move { repository.patch_session(&a, &patch).await }
    };
    let patched = cut_while_held(database, &proxy, "sessions", "", patching).await;
    assert!(patched.await.expect("no panic").expect("an answer"), "it exists");
    let held = repository.session(&a).await.expect("an answer").expect("a session");
    assert_eq!(held.push_name, "Yara");
}

/// New connections find no table of ours.
const LOSE_THE_TABLES: &str = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = nowhere', \
     current_database()); END $$";

/// That a repetition fails for a reason of its own does not say that the first try did.
pub async fn another_error_does_not_end_the_doubt_about_a_lost_answer(database: &Database) {
    let proxy = Proxy::before(&database.url()).await;
    let repository = through(&proxy).await;
    let reserve = {
        let repository = repository.clone();
        async move { repository.reserve(&reservation("lost")).await }
    };
    let reserve = cut_while_held(database, &proxy, "reservations", LOSE_THE_TABLES, reserve).await;
    let error = reserve.await.expect("no panic").expect_err("there is no table");
    assert!(matches!(error, StoreError::CommitUnknown(_)), "{error}");
    // Where nothing is in doubt it is what it is, and no refusal of the data.
    let error = repository.reserve(&reservation("next")).await.expect_err("there is no table");
    assert!(matches!(error, StoreError::Failed(_)), "{error}");
}

/// A session may have millions of rows, and somebody reads or removes one of them.
pub async fn a_session_ends_without_touching_its_rows(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    append(&repository, &a, NOW, |commit| {
        commit.groups = vec![group(1, "Chess")];
        commit.source_ids = vec!["source".to_owned()];
    })
    .await;
    let mut holder = PgConnection::connect(&database.url()).await.expect("a connection");
    let mut held = holder.begin().await.expect("a transaction");
    sqlx::query("SELECT 1 FROM groups, source_ids FOR UPDATE")
        .execute(&mut *held)
        .await
        .expect("the rows are held");
    append(&repository, &a, NOW, |commit| commit.deletes_session = true).await;
    held.rollback().await.expect("the rows are free");
}

/// A write that fails is a sign that commits may, too.
pub async fn retention_that_fails_is_noted(database: &Database) {
    let repository = database.open().await;
    repository.trim(NOW, 1).await.expect("a trim");
    assert!(!repository.has_failed());
    database.execute("ALTER TABLE log_trim RENAME TO elsewhere").await;
    repository.trim(NOW, 1).await.expect_err("there is no table");
    assert!(repository.has_failed());
}
