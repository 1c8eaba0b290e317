//! The one connection that writes: closed and opened anew after anything on it went wrong.
//!
//! SQLite undoes a transaction by itself where the disk is full or fails. The driver (sqlx-sqlite 0.9,
//! `connection/worker.rs`) counts transactions on its own: its ROLLBACK then fails, the count stays above
//! zero, and sea-orm makes of the next BEGIN a SAVEPOINT. Rolled back to, a savepoint stays open, and what
//! is then "committed" inside of it is never in the log, though the driver confirms it. A connection
//! that SQLite opens anew has none of that, so none is used again once something failed on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::sqlite::{SqliteConnection, SqlitePoolOptions};
use sea_orm::sqlx::{Connection, Error};

use super::files::{self, Files};

/// SQLITE_ROW and SQLITE_DONE: not errors, though SQLite keeps them where it keeps its errors.
const ANSWERS: [&str; 2] = ["100", "101"];

/// A pool of one connection, whose hooks see what becomes of it.
pub(super) fn pool(files: &Arc<Files>) -> SqlitePoolOptions {
    let rolled_back = Arc::new(AtomicBool::new(false));
    let (noted, asked) = (rolled_back.clone(), rolled_back);
    // Weak, so that closing the repository lets other processes have the file.
    let opened = Arc::downgrade(files);
    SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let (noted, opened) = (noted.clone(), opened.clone());
            Box::pin(async move {
                files::are_in_place(&opened).map_err(Error::Io)?;
                noted.store(false, Ordering::Release);
                connection
                    .lock_handle()
                    .await?
                    .set_rollback_hook(move || noted.store(true, Ordering::Release));
                Ok(())
            })
        })
        // Whatever it answers but `Ok(true)`, the pool closes the connection, and lets nobody have
        // another one before it is closed.
        .after_release(move |connection, _| {
            let asked = asked.clone();
            Box::pin(async move { Ok(is_sound(connection, &asked).await) })
        })
}

/// Whether all that was asked of the connection was done, and nothing of it is still open.
async fn is_sound(connection: &mut SqliteConnection, rolled_back: &AtomicBool) -> bool {
    // The rollback of a transaction that was dropped is only queued; the handle comes after it.
    let failure = match connection.lock_handle().await {
        Ok(mut handle) => handle.last_error().and_then(|error| {
            let answer = error.code().is_some_and(|code| ANSWERS.contains(&code.as_ref()));
            (!answer).then(|| error.to_string())
        }),
        Err(error) => Some(error.to_string()),
    };
    let undone = rolled_back.load(Ordering::Acquire);
    let open = connection.is_in_transaction();
    if failure.is_none() && !undone && !open {
        return true;
    }
    if failure.is_none() && !open {
        // What failed in it was reported where it failed; some, as of migrations, merely find nothing to do.
        tracing::debug!("a transaction on SQLite was not committed; its connection is opened anew");
        return false;
    }
    tracing::warn!(
        error = failure.unwrap_or_else(|| "none now".to_owned()),
        undone,
        open,
        "a write to SQLite failed; its connection is closed and opened anew"
    );
    false
}
