//! Statements that a stalled network delivers when nobody waits for them any more.

use std::sync::Arc;

use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{self, Connection};
use wagroups::domain::port::repository::{
    DeletionStore, EventLog, SessionPatch, SessionStore, StoreError,
};
use wagroups::domain::port::webhooks::{ProgressWrite, WebhookStore};
use wagroups::domain::webhook::Webhook;
use wagroups::repository::{ConnectOptions, SeaRepository};

use super::deletions::deletion;
use super::given::{at, made, name};
use super::webhooks::webhook;
use crate::harness::database::Database;
use crate::harness::proxy::Proxy;

/// Sends a write into a network that stalls, gives it up, writes what follows it, and has the network deliver. `first`
/// is a write of the same kind, so that the statement is prepared: else only its text would have been sent.
async fn deliver_late(
    database: &Database,
    first: impl AsyncFnOnce(&SeaRepository),
    late: impl Future<Output = ()> + Send + 'static,
    then: impl AsyncFnOnce(&SeaRepository),
    (proxy, repository): (&Proxy, &Arc<SeaRepository>),
) {
    first(repository).await;
    let mut observer = PgConnection::connect(&database.url()).await.expect("a connection");
    let of_others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let pids: Vec<i32> =
        sqlx::query_scalar(of_others).fetch_all(&mut observer).await.expect("the activity");
    // What is silenced under the question whether it lives is given up, and the write would go over another connection.
    proxy.until_one_rests().await;
    proxy.silence();
    let late = tokio::spawn(late);
    proxy.until_it_holds().await;
    late.abort();
    assert!(late.await.is_err(), "it was given up");
    then(repository).await;
    proxy.deliver();
    // Its client is gone, so that the server ends it once it has executed what it got.
    let left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)";
    loop {
        let count: i64 =
            sqlx::query_scalar(left).bind(&pids).fetch_one(&mut observer).await.expect("a count");
        if count == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn stage(database: &Database) -> (Proxy, Arc<SeaRepository>) {
    let proxy = Proxy::before(&database.url()).await;
    let options = ConnectOptions { max_connections: 1, ..Database::options() };
    let opened = SeaRepository::connect(proxy.url(), options).await;
    let repository = Arc::new(opened.expect("the database opens"));
    made(&repository, "a").await;
    (proxy, repository)
}

fn named(push_name: &str) -> SessionPatch {
    SessionPatch { push_name: Some(push_name.to_owned()), ..Default::default() }
}

pub async fn a_patch_that_comes_late_undoes_nothing(database: &Database) {
    let (proxy, repository) = stage(database).await;
    let a = name("a");
    let late = {
        let (repository, a) = (repository.clone(), a.clone());
        async move { drop(repository.patch_session(&a, &named("Late")).await) }
    };
    let patch = async |repository: &SeaRepository, push_name: &str| {
        assert!(repository.patch_session(&a, &named(push_name)).await.expect("a patch"));
    };
    deliver_late(
        database,
        async |repository| patch(repository, "First").await,
        late,
        async |repository| patch(repository, "Then").await,
        (&proxy, &repository),
    )
    .await;
    let held = database.open().await.session(&a).await.expect("an answer").expect("a session");
    assert_eq!(held.push_name, "Then");
}

pub async fn a_webhook_that_is_written_late_undoes_nothing(database: &Database) {
    let (proxy, repository) = stage(database).await;
    let of = |key_name: &str| Webhook { key_name: key_name.to_owned(), ..webhook(1) };
    let late = {
        let (repository, webhook) = (repository.clone(), of("late"));
        async move { drop(repository.update_webhook(&webhook).await) }
    };
    deliver_late(
        database,
        async |repository| {
            repository.insert_webhook(&of("made")).await.expect("written");
            assert!(repository.update_webhook(&of("first")).await.expect("written"));
        },
        late,
        async |repository| assert!(repository.update_webhook(&of("then")).await.expect("written")),
        (&proxy, &repository),
    )
    .await;
    assert_eq!(database.open().await.webhooks().await.expect("webhooks"), [of("then")]);
}

/// The group of one that does would be taken apart by the next process, though its caller was told that it is whole.
pub async fn a_deletion_that_comes_late_does_not_begin(database: &Database) {
    let (proxy, repository) = stage(database).await;
    let (other, late) = (deletion("1203630001@g.us", 0, 1), deletion("1203630002@g.us", 0, 2));
    let begin = {
        let (repository, late) = (repository.clone(), late.clone());
        async move { drop(repository.put_deletion(&late).await) }
    };
    deliver_late(
        database,
        async |repository| repository.put_deletion(&other).await.expect("begun"),
        begin,
        async |repository| {
            let removed = repository.remove_deletion(&late.session, &late.group_id).await;
            removed.expect("removed");
        },
        (&proxy, &repository),
    )
    .await;
    assert_eq!(
        database.open().await.deletions().await.expect("deletions"),
        std::slice::from_ref(&other)
    );
}

pub async fn what_a_replaced_process_writes_undoes_nothing(database: &Database) {
    let (old, new) = (database.open().await, database.open().await);
    let a = made(&old, "a").await;
    old.insert_webhook(&webhook(1)).await.expect("written");
    let epoch = old.begin_epoch().await.expect("an epoch");
    new.begin_epoch().await.expect("an epoch");
    assert!(new.patch_session(&a, &named("New")).await.expect("a patch"));
    let changed = Webhook { update_time: at(9), ..webhook(1) };
    assert!(new.update_webhook(&changed).await.expect("written"));

    let error = old.patch_session(&a, &named("Old")).await.expect_err("it was replaced");
    assert!(
        matches!(error, StoreError::Unavailable(_)),
        "it does not say that there is none: {error}"
    );
    assert!(!old.update_webhook(&webhook(1)).await.expect("an answer"));
    let (status, progress) = (&changed.status, &changed.progress);
    let put = old.put_webhook_progress(changed.id, status, progress, epoch).await;
    assert_eq!(put.expect("an answer"), ProgressWrite::Fenced);
    let begun = old.put_deletion(&deletion("1203630001@g.us", 0, 1)).await;
    assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{begun:?}");

    let held = new.session(&a).await.expect("an answer").expect("a session");
    assert_eq!(held.push_name, "New");
    assert_eq!(new.webhooks().await.expect("webhooks"), [changed]);
    assert!(new.deletions().await.expect("deletions").is_empty());
}
