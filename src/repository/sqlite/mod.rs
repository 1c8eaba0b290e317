//! SQLite: one connection that writes, a pool that reads, and a lock against a second process.

mod commit;
mod files;
mod probe;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{Error, error::DatabaseError};
use sea_orm::{DatabaseConnection, SqlxSqliteConnector};

use super::open::{ConnectOptions, OpenError, SqliteFile};

pub(super) use self::commit::{Head, commit};
pub(super) use self::files::Files;
pub(super) use self::probe::{current_epoch, probe};

/// Only a backup tool can hold the file for longer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Opened {
    pub reader: DatabaseConnection,
    pub writer: DatabaseConnection,
    /// To be dropped last: see [`Files`].
    pub files: Arc<Files>,
}

pub(super) async fn open(file: SqliteFile, settings: &ConnectOptions) -> Result<Opened, OpenError> {
    let SqliteFile { path, create, options } = file;
    let files = Arc::new(Files::take(&path, create)?);
    let options = options
        .filename(files.path())
        // It is there. Should it be removed later, no connection is to make an empty one in its place.
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode NORMAL would lose acknowledged commits when the machine loses power.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true);
    let fault = |error: Error| OpenError::File { path: path.clone(), cause: cause(&error) };
    let writer = writer::pool(&files)
        .acquire_timeout(settings.connect_timeout)
        .connect_with(options.clone())
        .await
        .map_err(fault)?;
    let opened = Arc::downgrade(&files);
    let reader = SqlitePoolOptions::new()
        .max_connections(settings.max_connections.max(1))
        // One is always open: the last connection to close would remove `-wal`, and be it for the moment in
        // which the writer's is opened anew.
        .min_connections(1)
        .max_lifetime(None)
        .acquire_timeout(settings.connect_timeout)
        .test_before_acquire(false)
        .after_connect(move |_, _| {
            let opened = opened.clone();
            Box::pin(async move { files::are_in_place(&opened).map_err(Error::Io) })
        })
        .connect_with(options.pragma("query_only", "ON"))
        .await
        .map_err(fault)?;
    Ok(Opened {
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        files,
    })
}

/// What went wrong while opening, and what it may come from.
fn cause(error: &Error) -> String {
    let is_busy =
        error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "5");
    let hint = if is_busy {
        " (if no other program has it open, its file system takes the locks of SQLite and of this program for the \
         same, as NFS does; use a local disk)"
    } else {
        ""
    };
    format!("{error}{hint}")
}

#[cfg(test)]
mod tests;
