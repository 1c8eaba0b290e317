//! The durable store over sea-orm, on PostgreSQL and on SQLite.
//!
//! Reads that need one snapshot are one statement each, which is one snapshot on either database.
//! Writes go through `writer`; on SQLite that is the only connection that writes. The commit is
//! each database's own ([`postgres`], [`sqlite`]); everything else is written once for both.

mod aliases;
mod deletions;
mod entity;
mod fault;
mod group_list;
mod groups;
mod log;
mod migration;
mod open;
mod postgres;
mod reservations;
mod rows;
mod sessions;
mod sql;
mod sqlite;
mod webhooks;
mod world;

use sea_orm::sqlx::PgPool;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, FromQueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

pub use self::migration::SchemaError;
pub use self::open::{ConnectOptions, OpenError};

use std::sync::{Arc, Mutex, PoisonError};

use self::open::DatabaseUrl;
use self::sql::Sql;
use crate::domain::port::repository::{Result, StoreError};
use crate::domain::token::LogId;

/// The repository of either database.
#[derive(Debug)]
pub struct SeaRepository {
    /// On SQLite a pool that cannot write; on PostgreSQL the same as `writer`.
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    commits: Commits,
}

/// What a commit goes through.
#[derive(Debug)]
enum Commits {
    /// A pool of one connection of its own, so that the log never waits behind lesser writes.
    Postgres { pool: PgPool, server: Box<postgres::Server> },
    /// The writer's connection. Its files are let go when it is closed, and after the connections.
    Sqlite { files: Mutex<Option<Arc<sqlite::Files>>>, head: sqlite::Head },
}

impl SeaRepository {
    /// Opens the database that `url` names; it is not migrated by this.
    pub async fn connect(url: &str, options: ConnectOptions) -> Result<Self, OpenError> {
        match DatabaseUrl::parse(url)? {
            DatabaseUrl::Postgres(server) => {
                let opened = postgres::open(*server, &options).await?;
                Ok(Self {
                    reader: opened.pool.clone(),
                    writer: opened.pool,
                    commits: Commits::Postgres {
                        pool: opened.commits,
                        server: Box::new(opened.server),
                    },
                })
            }
            DatabaseUrl::Sqlite(file) => {
                let opened = sqlite::open(*file, &options).await?;
                Ok(Self {
                    reader: opened.reader,
                    writer: opened.writer,
                    commits: Commits::Sqlite {
                        files: Mutex::new(Some(opened.files)),
                        head: sqlite::Head::default(),
                    },
                })
            }
        }
    }

    /// Brings the schema up to date, and answers the migrations of a newer version that it found. Processes that
    /// do so at the same time take turns.
    pub async fn migrate(&self) -> Result<Vec<String>, SchemaError> {
        match &self.commits {
            Commits::Postgres { server, .. } => server.migrate().await,
            Commits::Sqlite { .. } => migration::run(&self.writer).await,
        }
    }

    /// Gives the log another id, so that resume tokens from before a restore are refused.
    pub async fn new_log_id(&self) -> Result<LogId> {
        let random = migration::random_number(self.backend());
        let sql = format!("UPDATE log_head SET log_id = {random} WHERE id = 1 RETURNING log_id");
        // In a transaction: a row that RETURNING answers has not been committed yet.
        let transaction = self.begin().await?;
        let row = transaction
            .query_one_raw(Sql::new(&sql).on(self.backend()))
            .await
            .map_err(fault::undecided)?;
        commit(transaction).await?;
        let id: i64 = row
            .ok_or_else(|| StoreError::Corrupt("log_head has no row".to_owned()))?
            .try_get("", "log_id")
            .map_err(fault::undecided)?;
        Ok(LogId::from_random(id.cast_unsigned()))
    }

    /// Ends all connections once they are idle, and lets other processes have the file.
    pub async fn close(&self) {
        let _ = self.reader.close_by_ref().await;
        let _ = self.writer.close_by_ref().await;
        match &self.commits {
            Commits::Postgres { pool, .. } => pool.close().await,
            Commits::Sqlite { files, .. } => {
                files.lock().unwrap_or_else(PoisonError::into_inner).take();
            }
        }
    }

    /// What writes go to. On SQLite only while its files are where they were: see [`sqlite::Files`].
    fn writable(&self) -> Result<&DatabaseConnection> {
        if let Commits::Sqlite { files, .. } = &self.commits
            && let Some(files) = files.lock().unwrap_or_else(PoisonError::into_inner).as_deref()
        {
            files.are_in_place().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        }
        Ok(&self.writer)
    }

    fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    async fn read_all<T: FromQueryResult>(&self, sql: Sql) -> Result<Vec<T>> {
        let rows =
            self.reader.query_all_raw(sql.on(self.backend())).await.map_err(fault::undecided)?;
        rows.iter()
            .map(|row| T::from_query_result(row, ""))
            .collect::<Result<_, _>>()
            .map_err(fault::undecided)
    }

    async fn read_one<T: FromQueryResult>(&self, sql: Sql) -> Result<Option<T>> {
        let row =
            self.reader.query_one_raw(sql.on(self.backend())).await.map_err(fault::undecided)?;
        row.map(|row| T::from_query_result(&row, "")).transpose().map_err(fault::undecided)
    }

    /// Runs one statement that commits by itself, and says how many rows it wrote.
    async fn write(&self, sql: Sql) -> Result<u64> {
        let writer = self.writable()?;
        let done = writer.execute_raw(sql.on(self.backend())).await.map_err(fault::committing)?;
        Ok(done.rows_affected())
    }

    /// Begins a transaction that writes. sea-orm's own would be DEFERRED on SQLite, which takes
    /// the lock with the first write and may then fail.
    async fn begin(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.writable()?.begin_with_options(options).await.map_err(fault::undecided)
    }
}

async fn execute(transaction: &DatabaseTransaction, sql: Sql) -> Result<u64> {
    let statement: Statement = sql.on(transaction.get_database_backend());
    let done = transaction.execute_raw(statement).await.map_err(fault::undecided)?;
    Ok(done.rows_affected())
}

async fn query_one<T: FromQueryResult>(
    transaction: &DatabaseTransaction,
    sql: Sql,
) -> Result<Option<T>> {
    let statement: Statement = sql.on(transaction.get_database_backend());
    let row = transaction.query_one_raw(statement).await.map_err(fault::undecided)?;
    row.map(|row| T::from_query_result(&row, "")).transpose().map_err(fault::undecided)
}

async fn commit(transaction: DatabaseTransaction) -> Result<()> {
    transaction.commit().await.map_err(fault::committing)
}
