//! How long anything may take that goes to the database over a network, and what happens after that.
//!
//! A firewall that has forgotten a connection, or a pooler that hangs, lets it carry nothing without
//! closing it. The server gives its statements up first, so an answer that is later than that is not waited
//! for; and where one connection has fallen silent, those that were open beside it are not trusted. What was
//! given up here may be written all the same: PostgreSQL ends `statement_timeout` before it commits
//! (`finish_xact_command` in postgres.c), so a COMMIT waits for its disk, or for a replica, as long as that takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::{DatabaseConnection, DbBackend, DbErr, RuntimeErr, sqlx};

/// What the server gives a statement (`statement_timeout`), so that a lock that is never released does
/// not hold callers for ever.
pub(super) const STATEMENT: Duration = Duration::from_secs(6);
/// What a connection may take to be made, and a caller to get one from the pool.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// What a statement may take here, with the wait for a connection: more than both, so that a server that
/// lives answers first, unless its disk or its replica holds up a COMMIT.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// What the shortest of all round trips may take: less than a readiness probe waits.
pub(super) const PING: Duration = Duration::from_millis(1500);

/// Whether a connection of one pool has fallen silent.
#[derive(Debug, Clone, Default)]
pub(super) struct Silence(Arc<AtomicBool>);

impl Silence {
    pub fn note(&self) {
        if !self.0.swap(true, Ordering::AcqRel) {
            tracing::warn!("a connection to the database has fallen silent; all are opened anew");
        }
    }

    pub fn is_noted(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A database as one statement uses it.
#[derive(Debug)]
pub(super) struct Bounded {
    pub connection: DatabaseConnection,
    /// `None` for a file, which is never silent.
    pub silence: Option<Silence>,
}

impl Bounded {
    pub async fn limited<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let Some(silence) = &self.silence else { return statement.await };
        match tokio::time::timeout(ANSWER, statement).await {
            Ok(answer) => answer,
            Err(_) => {
                silence.note();
                Err(no_answer())
            }
        }
    }
}

/// A statement of a transaction. Where it takes too long the transaction is dropped by its caller, and
/// what its connection does then is judged when it comes back to its pool.
pub(super) async fn in_transaction<T>(
    backend: DbBackend,
    statement: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    match backend {
        DbBackend::Postgres => {
            tokio::time::timeout(ANSWER, statement).await.unwrap_or_else(|_| Err(no_answer()))
        }
        // A file is never silent. The enum is open; there is no third database.
        _ => statement.await,
    }
}

/// The error of a connection that broke: whether anything was written is as uncertain.
fn no_answer() -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(timed_out(ANSWER))))
}

pub(super) fn timed_out(limit: Duration) -> sqlx::Error {
    let text = format!("the server did not answer within {limit:?}");
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
}
