//! SQLite: one connection that writes, a pool that reads, and a lock against a second process.

mod commit;
mod probe;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{DatabaseConnection, SqlxSqliteConnector};

use super::open::{ConnectOptions, OpenError, SqliteFile};

pub(super) use self::commit::commit;
pub(super) use self::probe::{is_current, probe};

/// Only a backup tool can hold the file for longer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Opened {
    pub reader: DatabaseConnection,
    pub writer: DatabaseConnection,
    pub lock: Lock,
}

pub(super) async fn open(file: SqliteFile, settings: &ConnectOptions) -> Result<Opened, OpenError> {
    let SqliteFile { path, create, options } = file;
    if !create && !path.exists() {
        return Err(OpenError::NoSuchFile(path));
    }
    let lock = Lock::take(&path)?;
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode NORMAL would lose acknowledged commits when the machine loses power.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(settings.connect_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await
        .map_err(|error| OpenError::File { path, cause: error.to_string() })?;
    let reader = SqlitePoolOptions::new()
        .max_connections(settings.max_connections.max(1))
        .acquire_timeout(settings.connect_timeout)
        .test_before_acquire(false)
        .connect_lazy_with(options.create_if_missing(false).pragma("query_only", "ON"));
    Ok(Opened {
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        lock,
    })
}

/// Keeps a second process away from the database for as long as this one lives, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    fn take(database: &Path) -> Result<Self, OpenError> {
        let path = lock_path(database);
        let fault = |error: std::io::Error| OpenError::File {
            path: database.to_owned(),
            cause: format!("its lock file {}: {error}", path.display()),
        };
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(fault)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(database.to_owned())),
            Err(TryLockError::Error(error)) => Err(fault(error)),
        }
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}
