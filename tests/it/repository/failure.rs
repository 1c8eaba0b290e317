//! A commit that the server or the network cuts off.

use std::sync::Arc;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, Connection, Row, Transaction};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use wagroups::domain::event::EventId;
use wagroups::domain::port::repository::{
    CommitBatch, CommitReceipt, EventLog, Result, StoreError,
};
use wagroups::repository::SeaRepository;

use super::given::{batch, events, made, of_events};
use crate::harness::database::Database;

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
    let proxy = Proxy::before(database).await;
    let through_proxy = Arc::new(
        SeaRepository::connect(&proxy.url, Database::options()).await.expect("the database opens"),
    );
    let direct = database.open().await;
    let a = made(&direct, "a").await;
    let mut observer = PgConnection::connect(&database.url()).await.expect("a connection");
    let mut holder = PgConnection::connect(&database.url()).await.expect("a connection");
    let held = hold_head(&mut holder).await;
    let batch = batch(vec![of_events(&a, 0, 0, events(2))]);

    let commit = in_background(&through_proxy, &batch);
    waiting_for_locks(&mut observer, 1).await;
    proxy.cut().await;

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
    assert_eq!(recorded.into_values().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(direct.commit(&batch).await.expect("a commit").won, [false], "a repetition loses");
}

/// A network between the repository and the server, which can break.
struct Proxy {
    url: String,
    task: JoinHandle<()>,
}

impl Proxy {
    async fn before(database: &Database) -> Self {
        let url = database.url();
        let server: PgConnectOptions = url.parse().expect("a URL");
        let target = format!("{}:{}", server.get_host(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address").to_string();
        assert!(url.contains(&target), "the server of the tests must be named as host:port");
        let url = url.replacen(&target, &own, 1);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let mut server = TcpStream::connect(&target).await.expect("the server answers");
                connections.spawn(async move {
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self { url, task }
    }

    async fn cut(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
