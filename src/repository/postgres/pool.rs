//! The connections for everything but the commit.
//!
//! A pool is given up as a whole once one of its connections has fallen silent. Places that hang in the
//! driver go with it: whatever is returned to a pool is asked once more whether it lives, without a limit
//! of time (sqlx 0.9, `PoolConnection::return_to_pool`).

use std::time::Duration;

use parking_lot::Mutex;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sea_orm::sqlx::{self, Connection};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};

use super::{Fence, prepare};
use crate::repository::limit::{self, Bounded, Silence};
use crate::repository::open::ConnectOptions;

/// A connection that has rested for longer is asked whether it is still alive before it is used.
pub(super) const TRUSTED_IDLE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(in crate::repository) struct Pool {
    server: PgConnectOptions,
    fence: Fence,
    max_connections: u32,
    connect_timeout: Duration,
    current: Mutex<Bounded>,
}

impl Pool {
    pub(super) fn new(server: PgConnectOptions, fence: Fence, settings: &ConnectOptions) -> Self {
        let (max_connections, connect_timeout) =
            (settings.max_connections.max(1), settings.connect_timeout.min(limit::CONNECT));
        let current = Mutex::new(open(&server, &fence, max_connections, connect_timeout));
        Self { server, fence, max_connections, connect_timeout, current }
    }

    /// The pool, or a new one where it has fallen silent. What still runs on the old one ends there.
    pub fn current(&self) -> Bounded {
        let mut current = self.current.lock();
        if current.silence.as_ref().is_some_and(Silence::is_noted) {
            *current = open(&self.server, &self.fence, self.max_connections, self.connect_timeout);
        }
        Bounded { connection: current.connection.clone(), silence: current.silence.clone() }
    }

    /// Ends the connections once they are idle.
    pub async fn close(&self) {
        let connection = self.current().connection;
        // A connection that has just fallen silent may never finish closing.
        let _ = tokio::time::timeout(limit::PING, connection.close_by_ref()).await;
    }
}

fn open(
    server: &PgConnectOptions,
    fence: &Fence,
    max_connections: u32,
    connect_timeout: Duration,
) -> Bounded {
    let silence = Silence::default();
    let fence = fence.clone();
    let (before, after) = (silence.clone(), silence.clone());
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(connect_timeout)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let fence = fence.clone();
            Box::pin(async move { prepare(connection, &fence).await })
        })
        .before_acquire(move |connection, rest| {
            let silence = before.clone();
            Box::pin(async move {
                if rest.idle_for >= TRUSTED_IDLE || silence.is_noted() {
                    answers(connection, &silence).await?;
                }
                Ok(true)
            })
        })
        .after_release(move |connection, _| {
            let silence = after.clone();
            Box::pin(async move {
                answers(connection, &silence).await?;
                Ok(true)
            })
        })
        .connect_lazy_with(server.clone());
    let connection: DatabaseConnection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    Bounded { connection, silence: Some(silence) }
}

/// Fails where the connection does not answer at once, or is not worth asking: an error makes the pool
/// close it hard.
async fn answers(connection: &mut PgConnection, silence: &Silence) -> Result<(), sqlx::Error> {
    if silence.is_noted() {
        return Err(limit::timed_out(Duration::ZERO));
    }
    match tokio::time::timeout(limit::PING, connection.ping()).await {
        Ok(answer) => answer,
        Err(_) => {
            silence.note();
            Err(limit::timed_out(limit::PING))
        }
    }
}
