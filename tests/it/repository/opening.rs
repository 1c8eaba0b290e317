//! Opening a database, or being told why not.

use tempfile::TempDir;
use wagroups::domain::port::repository::EventLog;
use wagroups::repository::{ConnectOptions, OpenError, SeaRepository};

use super::given::{NOW, append, events, made};
use crate::harness::database::Database;

pub async fn migrating_twice_changes_nothing(database: &Database) {
    let repository = database.open().await;
    let before = repository.bounds().await.expect("bounds");
    let a = made(&repository, "a").await;
    append(&repository, &a, NOW, |commit| commit.events = events(1)).await;
    repository.migrate().await.expect("a migration");
    let after = repository.bounds().await.expect("bounds");
    assert_eq!((after.log_id, after.head), (before.log_id, 1));
}

/// After a rollback, the older version finds what the newer one has migrated.
pub async fn a_schema_of_a_newer_version_is_taken_as_it_is(database: &Database) {
    let repository = database.open().await;
    let newer =
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)";
    database.execute(newer).await;
    repository.migrate().await.expect("it has all that this version needs");
    made(&repository, "a").await;
    // One that lacks something is of no use.
    let lacking = "DELETE FROM seaql_migrations WHERE version LIKE '%create_webhooks'";
    database.execute(lacking).await;
    let refused = repository.migrate().await.expect_err("it lacks a table");
    let said = refused.to_string();
    assert!(said.contains("m29991231_000001_later") && said.contains("create_webhooks"), "{said}");
}

pub async fn ping_answers(database: &Database) {
    database.open().await.ping().await.expect("an answer");
}

async fn refusal(url: &str) -> OpenError {
    SeaRepository::connect(url, ConnectOptions::default()).await.expect_err("a refusal")
}

#[tokio::test]
async fn a_second_process_is_kept_away_from_an_sqlite_database() {
    let database = Database::sqlite().await.expect("a database");
    let first = database.open().await;
    let refused = refusal(&database.url()).await;
    assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
    assert!(refused.to_string().contains("wagroups.db.lock"), "{refused}");
    drop(first);
    database.open().await.ping().await.expect("an answer");
}

#[tokio::test]
async fn a_missing_sqlite_file_is_made_only_when_asked_for() {
    let dir = TempDir::new().expect("a temporary folder");
    let url = format!("sqlite://{}/none.db", dir.path().display());
    let refused = refusal(&url).await;
    assert!(refused.to_string().contains("mode=rwc"), "{refused}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("the folder").count(), 0);
    let unreachable = format!("sqlite://{}/no/folder/x.db?mode=rwc", dir.path().display());
    assert!(matches!(refusal(&unreachable).await, OpenError::File { .. }));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    // A port of ours that nobody listens on any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let refused = refusal(&format!("postgres://me:secret@127.0.0.1:{port}/groups")).await;
    let text = refused.to_string();
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{text}");
    assert!(text.contains(&format!("127.0.0.1:{port}/groups as me")), "{text}");
    assert!(!text.contains("secret") && !format!("{refused:?}").contains("secret"), "{text}");
}
