//! What the writer's connection does after something failed on it.

use std::collections::BTreeMap;

use bytes::Bytes;
use sea_orm::ConnectionTrait;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions as _, Row};
use tempfile::TempDir;

use crate::domain::clock::Timestamp;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::port::repository::{
    Deletion, DeletionStore, EventLog, SessionStore as _, StoreError,
};
use crate::domain::port::world::WorldStore;
use crate::domain::session::{EngineConfig, EngineKind, Session, SessionStatus};
use crate::repository::{ConnectOptions, SeaRepository};

struct Opened {
    repository: SeaRepository,
    dir: TempDir,
}

impl Opened {
    async fn new() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite://{}/x.db?mode=rwc", dir.path().display());
        let repository =
            SeaRepository::connect(&url, ConnectOptions::default()).await.expect("it opens");
        repository.migrate().await.expect("it migrates");
        let session = Session {
            name: "a".parse().expect("a name"),
            engine: EngineKind::Simulator,
            config: EngineConfig::default_of(EngineKind::Simulator),
            status: SessionStatus::Working,
            status_reason: String::new(),
            status_time: Timestamp::EPOCH,
            account: None,
            push_name: String::new(),
            metadata: BTreeMap::new(),
            wanted: true,
            sequence: 0.into(),
            create_time: Timestamp::EPOCH,
            synced_time: None,
        };
        repository.insert_session(&session, 0.into()).await.expect("a session");
        Self { repository, dir }
    }

    async fn say(&self, sql: &str) -> Result<(), sea_orm::DbErr> {
        self.repository.writer().connection.execute_unprepared(sql).await.map(drop)
    }

    /// Marks the writer's connection.
    async fn mark(&self) {
        self.say("CREATE TEMP TABLE mark (x)").await.expect("a mark");
    }

    async fn is_marked(&self) -> bool {
        let sql = "SELECT 1 FROM sqlite_temp_schema WHERE name = 'mark'";
        let rows = self
            .repository
            .writer()
            .connection
            .query_all_raw(crate::repository::sql::Sql::new(sql).on(sea_orm::DbBackend::Sqlite))
            .await;
        !rows.expect("an answer").is_empty()
    }

    async fn save(&self, keys: &[&str], bytes: usize) -> Result<(), StoreError> {
        let value = Bytes::from(vec![b'x'; bytes]);
        let changes = keys.iter().map(|key| ((*key).to_owned(), Some(value.clone()))).collect();
        self.repository.save(changes).await
    }

    /// The keys of the world, as a program that opens the file anew finds them.
    async fn keys_in_the_file(&self) -> Vec<String> {
        let options =
            SqliteConnectOptions::new().filename(self.dir.path().join("x.db")).read_only(true);
        let mut connection = options.connect().await.expect("a connection");
        sqlx::query("SELECT key FROM world ORDER BY key")
            .fetch_all(&mut connection)
            .await
            .expect("rows")
            .iter()
            .map(|row| row.get(0))
            .collect()
    }
}

fn deletion(group: u32, bytes: usize) -> Deletion {
    let group_id: GroupId = format!("1203630000000{group:05}@g.us").parse().expect("an id");
    let session: SessionName = "a".parse().expect("a name");
    Deletion {
        session,
        group_id,
        key_name: "k".repeat(bytes),
        request_id: None,
        trace: None,
        removed_count: 0,
        start_time: Timestamp::EPOCH,
    }
}

/// SQLite undoes the first kind of failed write as a whole, and of the second the statement only. One after the
/// other, they once left a transaction open in which everything that followed was written, and lost.
#[tokio::test]
async fn what_is_confirmed_after_the_file_was_full_is_in_the_file() {
    let opened = Opened::new().await;
    let mut confirmed = Vec::new();
    for round in 0..4 {
        opened.say("PRAGMA max_page_count = 1").await.expect("as small as it is");
        let full = opened.repository.put_deletion(&deletion(round, 400_000)).await;
        assert!(full.is_err(), "no room");
        let _ = opened.say("PRAGMA max_page_count = 1").await;
        let full = opened.save(&["big"], 400_000).await.expect_err("no room");
        assert!(matches!(full, StoreError::Unavailable(_)), "{full}");
        let _ = opened.say("PRAGMA max_page_count = 1").await;
        let full = opened.save(&["big", "bigger", "biggest"], 400_000).await;
        assert!(full.is_err(), "no room");
        // What SQLite does not undo as a whole.
        let transaction = opened.repository.begin().await.expect("a transaction");
        let failed = transaction.execute_unprepared("INSERT INTO nothing VALUES (1)").await;
        failed.expect_err("no such table");
        drop(transaction);

        opened.say("PRAGMA max_page_count = 1000000").await.expect("room");
        let key = format!("after {round}");
        opened.save(&[&key], 10).await.expect("there is room");
        opened.repository.put_deletion(&deletion(round, 1)).await.expect("there is room");
        confirmed.push(key);
        assert_eq!(opened.keys_in_the_file().await, confirmed);
        let deletions = opened.repository.deletions().await.expect("deletions");
        assert_eq!(deletions.len(), confirmed.len());
    }
}

#[tokio::test]
async fn a_connection_on_which_nothing_failed_is_kept() {
    let opened = Opened::new().await;
    opened.mark().await;
    opened.save(&["a", "b"], 10).await.expect("saved");
    opened.repository.put_deletion(&deletion(1, 1)).await.expect("written");
    opened.repository.trim(Timestamp::EPOCH, 10).await.expect("nothing to trim");
    opened.repository.begin_epoch().await.expect("an epoch");
    assert!(opened.is_marked().await);
}

#[tokio::test]
async fn a_connection_on_which_a_statement_failed_is_not_used_again() {
    let opened = Opened::new().await;
    opened.mark().await;
    opened.say("INSERT INTO log_head SELECT * FROM log_head").await.expect_err("a second row");
    assert!(!opened.is_marked().await, "a statement that commits by itself");

    opened.mark().await;
    let transaction = opened.repository.begin().await.expect("a transaction");
    let failed = transaction.execute_unprepared("INSERT INTO nothing VALUES (1)").await;
    failed.expect_err("no such table");
    drop(transaction);
    assert!(!opened.is_marked().await, "a statement in a transaction");
}

#[tokio::test]
async fn a_connection_whose_transaction_was_not_committed_is_not_used_again() {
    let opened = Opened::new().await;
    opened.mark().await;
    drop(opened.repository.begin().await.expect("a transaction"));
    assert!(!opened.is_marked().await, "dropped");

    let tables = "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child \
                  (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)";
    opened.say(tables).await.expect("tables");
    opened.mark().await;
    let transaction = opened.repository.begin().await.expect("a transaction");
    transaction.execute_unprepared("INSERT INTO child VALUES (7)").await.expect("a row");
    crate::repository::commit(transaction).await.expect_err("SQLite refuses the COMMIT");
    assert!(!opened.is_marked().await, "its COMMIT failed");
}

/// sea-orm makes a SAVEPOINT of a BEGIN on a connection that the driver counts as in a transaction, without an error.
#[tokio::test]
async fn a_transaction_is_never_a_savepoint() {
    let opened = Opened::new().await;
    let transaction = opened.repository.begin().await.expect("a transaction");
    // As SQLite does by itself where the disk is full; the driver goes on counting it.
    transaction.execute_unprepared("ROLLBACK").await.expect("undone");
    drop(transaction);
    let transaction = opened.repository.begin().await.expect("a transaction");
    let released = transaction.execute_unprepared("RELEASE _sqlx_savepoint_1").await;
    released.expect_err("there is no savepoint");
}

#[tokio::test]
async fn nothing_is_written_to_a_file_that_was_moved_or_replaced() {
    let opened = Opened::new().await;
    opened.save(&["before"], 10).await.expect("saved");
    let (path, away) = (opened.dir.path().join("x.db"), opened.dir.path().join("away.db"));

    std::fs::rename(&path, &away).expect("moved");
    let refused = opened.save(&["lost"], 10).await.expect_err("it is gone");
    assert!(
        matches!(&refused, StoreError::Unavailable(why) if why.contains("moved or removed")),
        "{refused}"
    );
    assert!(opened.repository.put_deletion(&deletion(1, 1)).await.is_err());

    std::fs::write(&path, b"").expect("another file");
    let refused = opened.save(&["lost"], 10).await.expect_err("it is another one");
    assert!(
        matches!(&refused, StoreError::Unavailable(why) if why.contains("replaced")),
        "{refused}"
    );

    std::fs::rename(&away, &path).expect("moved back");
    opened.save(&["after"], 10).await.expect("it is there again");
    assert_eq!(opened.keys_in_the_file().await, ["after", "before"]);

    std::fs::remove_file(opened.dir.path().join("x.db-wal")).expect("removed");
    let refused = opened.save(&["lost"], 10).await.expect_err("it would be written to no file");
    assert!(
        matches!(&refused, StoreError::Unavailable(why) if why.contains("x.db-wal")),
        "{refused}"
    );
    // The last connection to close brings what it has into the database itself.
    opened.repository.close().await;
    assert_eq!(opened.keys_in_the_file().await, ["after", "before"]);
}
