//! The connection that commits. The log never waits behind lesser writes, so it has one of its own.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, Connection, Executor};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout};

use super::pool::TRUSTED_IDLE;
use super::{Fence, prepare};
use crate::domain::port::repository::{Result, StoreError};
use crate::repository::fault::{self, Stage};
use crate::repository::limit;

/// The commit finds a few rows by their keys. One plan is made for arrays of unknown length, so it
/// expects few; and a plan made while the tables were small must not read them whole once they
/// have grown. What is joined in memory may well be hashed: a batch can hold many sessions.
const SET_PLANS: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";

#[derive(Debug)]
pub(in crate::repository) struct CommitConnection {
    server: PgConnectOptions,
    fence: Fence,
    connect_timeout: Duration,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    connection: PgConnection,
    last_used: Instant,
}

impl CommitConnection {
    pub(super) fn new(server: PgConnectOptions, fence: Fence, connect_timeout: Duration) -> Self {
        let connect_timeout = connect_timeout.min(limit::CONNECT);
        Self { server, fence, connect_timeout, open: Mutex::new(None) }
    }

    /// The connection, for one statement. It is closed unless it is [kept](Taken::keep).
    pub async fn take(&self) -> Result<Taken<'_>> {
        let mut place = self.open.lock().await;
        if let Some(mut open) = place.take() {
            let is_alive = open.last_used.elapsed() < TRUSTED_IDLE
                || matches!(timeout(limit::PING, open.connection.ping()).await, Ok(Ok(())));
            if is_alive {
                return Ok(Taken { place, connection: open.connection });
            }
        }
        let connecting = async {
            let mut connection = PgConnection::connect_with(&self.server).await?;
            prepare(&mut connection, &self.fence).await?;
            connection.execute(SET_PLANS).await?;
            Ok::<_, sqlx::Error>(connection)
        };
        let connection = timeout(self.connect_timeout, connecting)
            .await
            .unwrap_or_else(|_| Err(limit::timed_out(self.connect_timeout)))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Taken { place, connection })
    }

    pub async fn close(&self) {
        if let Some(open) = self.open.lock().await.take() {
            let _ = timeout(limit::PING, open.connection.close()).await;
        }
    }
}

/// The connection in use. An error or a limit that passes closes it hard, by dropping it: whatever still
/// comes over it must not be taken for another answer.
#[derive(Debug)]
pub(in crate::repository) struct Taken<'a> {
    place: MutexGuard<'a, Option<Open>>,
    connection: PgConnection,
}

impl Taken<'_> {
    pub fn keep(mut self) {
        *self.place = Some(Open { connection: self.connection, last_used: Instant::now() });
    }
}

impl Deref for Taken<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// The answer of a statement, or what its lack means.
pub(super) async fn answer<T>(
    stage: Stage,
    patience: Duration,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T> {
    timeout(patience, statement)
        .await
        .unwrap_or_else(|_| Err(limit::timed_out(patience)))
        .map_err(|error| fault::of_driver(stage, &error))
}
