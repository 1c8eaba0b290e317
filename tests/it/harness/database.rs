//! One test on both databases.

use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;
use wagroups::repository::{ConnectOptions, SeaRepository};

use super::postgres::{self, TestDatabase};

/// A migrated database of the test's own.
#[derive(Debug)]
pub enum Database {
    Postgres(TestDatabase),
    Sqlite(TempDir),
}

impl Database {
    /// `None` where there is no server to make one on.
    pub async fn postgres() -> Option<Self> {
        TestDatabase::create().await.map(Self::Postgres)
    }

    pub async fn sqlite() -> Option<Self> {
        let database = Self::Sqlite(TempDir::new().expect("a temporary folder"));
        let repository = database.open().await;
        repository.migrate().await.expect("the database migrates");
        // Not only dropped: SQLite counts its locks for the whole process, also those that went with the lock's
        // file while a connection was still closing.
        repository.close().await;
        Some(database)
    }

    pub fn url(&self) -> String {
        match self {
            Self::Postgres(database) => database.url().to_owned(),
            Self::Sqlite(dir) => format!("sqlite://{}/wagroups.db?mode=rwc", dir.path().display()),
        }
    }

    pub fn options() -> ConnectOptions {
        postgres::options()
    }

    /// Says something to the database past the repository.
    pub async fn execute(&self, sql: &str) {
        let database = sea_orm::Database::connect(self.url()).await.expect("a connection");
        database.execute_unprepared(sql).await.expect("done");
        database.close().await.expect("closed");
    }

    /// As a process of its own would open it.
    pub async fn open(&self) -> SeaRepository {
        SeaRepository::connect(&self.url(), Self::options()).await.expect("the database opens")
    }
}

/// Makes a test of each listed function, which takes a `&Database`, on PostgreSQL and on SQLite:
/// `postgres::name` and `sqlite::name`. What `only_postgres` lists needs several processes.
macro_rules! on_both_databases {
    (
        both: {$($module:ident: [$($case:ident),* $(,)?],)*}
        only_postgres: {$($pg_module:ident: [$($pg_case:ident),* $(,)?],)*}
    ) => {
        mod postgres {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(database) = crate::harness::database::Database::postgres().await {
                        super::$module::$case(&database).await;
                    }
                }
            )*)*
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $pg_case() {
                    if let Some(database) = crate::harness::database::Database::postgres().await {
                        super::$pg_module::$pg_case(&database).await;
                    }
                }
            )*)*
        }

        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(database) = crate::harness::database::Database::sqlite().await {
                        super::$module::$case(&database).await;
                    }
                }
            )*)*
        }
    };
}
pub(crate) use on_both_databases;
