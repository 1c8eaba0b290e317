//! The durable store over sea-orm, on PostgreSQL and on SQLite.
//!
//! Reads that need one snapshot are one statement each, which is one snapshot on either database.
//! Writes go through `writer`; on SQLite that is the only connection that writes. The commit is
//! each database's own ([`postgres`], [`sqlite`]); everything else is written once for both.

mod aliases;
mod clearing;
mod cluster;
mod deletions;
mod entity;
mod fault;
mod fetch_budget;
mod group_list;
mod groups;
mod limit;
mod log;
mod migration;
mod open;
mod postgres;
mod relay;
mod reservations;
mod rests;
mod rows;
mod sessions;
mod spellings;
mod sql;
mod sqlite;
mod webhooks;
mod world;
mod write_order;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, FromQueryResult,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

pub use self::migration::SchemaError;
pub use self::open::{ConnectOptions, OpenError};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::limit::Bounded;
use self::open::DatabaseUrl;
use self::sql::Sql;
use self::write_order::WriteOrder;
use crate::domain::port::repository::{Result, StoreError};
use crate::domain::token::LogId;
use parking_lot::Mutex;

/// Between two tries of a statement whose answer was lost.
const INSIST_PAUSES: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1000),
];

/// What became of a statement that was repeated until it was answered.
#[derive(Debug, Clone, Copy)]
struct Insisted {
    rows: u64,
    in_doubt: bool,
}

/// The repository of either database.
#[derive(Debug)]
pub struct SeaRepository {
    connections: Connections,
    /// Whether a write beside the commits has failed since that was asked last.
    has_failed: AtomicBool,
    /// Of rows that are written by single statements.
    order: Arc<WriteOrder>,
}

#[derive(Debug)]
enum Connections {
    Postgres {
        pool: Box<postgres::Pool>,
        /// Of its own, so that the log never waits behind lesser writes.
        commits: Box<postgres::CommitConnection>,
        listener: Box<postgres::Listener>,
        server: Arc<postgres::Server>,
    },
    Sqlite {
        /// A pool that cannot write.
        reader: DatabaseConnection,
        writer: DatabaseConnection,
        /// Let go when it is closed, and after the connections.
        files: Mutex<Option<Arc<sqlite::Files>>>,
        head: sqlite::Head,
    },
}

impl SeaRepository {
    /// Opens the database that `url` names; it is not migrated by this.
    pub async fn connect(url: &str, options: ConnectOptions) -> Result<Self, OpenError> {
        match DatabaseUrl::parse(url)? {
            DatabaseUrl::Postgres(server) => {
                let opened = postgres::open(*server, &options).await?;
                let postgres::Opened { pool, commits, server } = opened;
                let (pool, commits) = (Box::new(pool), Box::new(commits));
                let (listener, server) = (Box::new(server.listener()), Arc::new(server));
                Ok(Self::over(Connections::Postgres { pool, commits, listener, server }))
            }
            DatabaseUrl::Sqlite(file) => {
                let sqlite::Opened { reader, writer, files } =
                    sqlite::open(*file, &options).await?;
                let (files, head) = (Mutex::new(Some(files)), sqlite::Head::default());
                Ok(Self::over(Connections::Sqlite { reader, writer, files, head }))
            }
        }
    }

    fn over(connections: Connections) -> Self {
        let (has_failed, order) = (AtomicBool::new(false), Arc::default());
        Self { connections, has_failed, order }
    }

    /// Brings the schema up to date, and answers the migrations of a newer version that it found. Processes that
    /// do so at the same time take turns.
    pub async fn migrate(&self) -> Result<Vec<String>, SchemaError> {
        match &self.connections {
            Connections::Postgres { server, .. } => server.migrate().await,
            Connections::Sqlite { writer, .. } => migration::run(writer).await,
        }
    }

    /// Gives the log another id, so that resume tokens from before a restore are refused.
    pub async fn new_log_id(&self) -> Result<LogId> {
        let random = migration::random_number(self.backend());
        let sql = format!("UPDATE log_head SET log_id = {random} WHERE id = 1 RETURNING log_id");
        // In a transaction: a row that RETURNING answers has not been committed yet.
        let transaction = self.begin().await?;
        if self.backend() == DbBackend::Postgres {
            // A backup holds the lease of a replica that is gone.
            postgres::free_lease(&transaction).await?;
        }
        let writer = self.writer();
        let row = transaction.query_one_raw(Sql::new(&sql).on(self.backend()));
        let row = writer.limited(row).await.map_err(fault::undecided)?;
        commit(transaction).await?;
        let id: i64 = row
            .ok_or_else(|| StoreError::Corrupt("log_head has no row".to_owned()))?
            .try_get("", "log_id")
            .map_err(fault::undecided)?;
        Ok(LogId::from_random(id.cast_unsigned()))
    }

    /// Ends all connections once they are idle, and lets other processes have the file.
    pub async fn close(&self) {
        match &self.connections {
            Connections::Postgres { pool, commits, .. } => {
                pool.close().await;
                commits.close().await;
            }
            Connections::Sqlite { reader, writer, files, .. } => {
                let _ = reader.close_by_ref().await;
                // SQLite does this by itself with the last connection, but for a lock that another one, which closes
                // at the same time, still has. Where somebody has removed `-wal`, it is the last chance.
                let emptied = "PRAGMA wal_checkpoint(TRUNCATE)";
                if let Err(error) = writer.execute_unprepared(emptied).await {
                    tracing::warn!(%error, "the log of SQLite could not be written into its file");
                }
                let _ = writer.close_by_ref().await;
                files.lock().take();
            }
        }
    }

    /// What writes go to. On SQLite only while its files are where they were: see [`sqlite::Files`].
    fn writable(&self) -> Result<Bounded> {
        if let Connections::Sqlite { files, .. } = &self.connections
            && let Some(files) = files.lock().as_deref()
        {
            files.are_in_place().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        }
        Ok(self.writer())
    }

    fn backend(&self) -> DbBackend {
        match &self.connections {
            Connections::Postgres { .. } => DbBackend::Postgres,
            Connections::Sqlite { .. } => DbBackend::Sqlite,
        }
    }

    fn reader(&self) -> Bounded {
        match &self.connections {
            Connections::Postgres { pool, .. } => pool.current(),
            Connections::Sqlite { reader, .. } => {
                Bounded { connection: reader.clone(), silence: None }
            }
        }
    }

    fn writer(&self) -> Bounded {
        match &self.connections {
            Connections::Postgres { pool, .. } => pool.current(),
            Connections::Sqlite { writer, .. } => {
                Bounded { connection: writer.clone(), silence: None }
            }
        }
    }

    async fn read_all<T: FromQueryResult>(&self, sql: Sql) -> Result<Vec<T>> {
        let reader = self.reader();
        let rows = reader.connection.query_all_raw(sql.on(self.backend()));
        let rows = reader.limited(rows).await.map_err(fault::undecided)?;
        rows.iter()
            .map(|row| T::from_query_result(row, ""))
            .collect::<Result<_, _>>()
            .map_err(fault::undecided)
    }

    async fn read_one<T: FromQueryResult>(&self, sql: Sql) -> Result<Option<T>> {
        let reader = self.reader();
        let row = reader.connection.query_one_raw(sql.on(self.backend()));
        let row = reader.limited(row).await.map_err(fault::undecided)?;
        row.map(|row| T::from_query_result(&row, "")).transpose().map_err(fault::undecided)
    }

    /// Runs one statement that commits by itself, and returns how many rows it wrote.
    async fn write(&self, sql: Sql) -> Result<u64> {
        let writer = self.noted(self.writable())?;
        let done = writer.connection.execute_raw(sql.on(self.backend()));
        let done = writer.limited(done).await.map_err(fault::committing);
        Ok(self.noted(done)?.rows_affected())
    }

    /// Remembers a write that failed for reasons that are not its data's.
    fn noted<T>(&self, written: Result<T>) -> Result<T> {
        if let Err(
            StoreError::Unavailable(_)
            | StoreError::CommitUnknown(_)
            | StoreError::Failed(_)
            | StoreError::Corrupt(_),
        ) = &written
        {
            self.has_failed.store(true, Ordering::Release);
        }
        written
    }

    /// Runs one statement that may be repeated, and repeats it while its answer is lost: returns how many
    /// rows the last try wrote, and whether an earlier one may have been written.
    async fn insist(&self, sql: Sql) -> Result<Insisted> {
        let mut in_doubt = false;
        let mut pauses = INSIST_PAUSES.iter();
        loop {
            let error = match self.write(sql.clone()).await {
                Ok(rows) => return Ok(Insisted { rows, in_doubt }),
                Err(error) => error,
            };
            in_doubt |= matches!(error, StoreError::CommitUnknown(_));
            match (error, pauses.next()) {
                // The same data was sent before, and is refused each time.
                (error @ StoreError::Refused(_), _) => return Err(error),
                // Why this try fails shows nothing of the one whose answer was lost.
                (_, Some(pause)) if in_doubt => tokio::time::sleep(*pause).await,
                (error, None) if in_doubt => {
                    return Err(StoreError::CommitUnknown(error.to_string()));
                }
                (error, _) => return Err(error),
            }
        }
    }

    /// Begins a transaction that writes. sea-orm's own would be DEFERRED on SQLite, which takes
    /// the lock with the first write and may then fail.
    async fn begin(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let writer = self.writable()?;
        let begun = writer.connection.begin_with_options(options);
        writer.limited(begun).await.map_err(fault::undecided)
    }
}

async fn execute(transaction: &DatabaseTransaction, sql: Sql) -> Result<u64> {
    let backend = transaction.get_database_backend();
    let done = transaction.execute_raw(sql.on(backend));
    let done = limit::in_transaction(backend, done).await.map_err(fault::undecided)?;
    Ok(done.rows_affected())
}

async fn query_one<T: FromQueryResult>(
    transaction: &DatabaseTransaction,
    sql: Sql,
) -> Result<Option<T>> {
    let backend = transaction.get_database_backend();
    let row = transaction.query_one_raw(sql.on(backend));
    let row = limit::in_transaction(backend, row).await.map_err(fault::undecided)?;
    row.map(|row| T::from_query_result(&row, "")).transpose().map_err(fault::undecided)
}

async fn commit(transaction: DatabaseTransaction) -> Result<()> {
    let backend = transaction.get_database_backend();
    limit::in_transaction(backend, transaction.commit()).await.map_err(fault::committing)
}
