//! PostgreSQL: its connections, and the commit as one statement.

mod commit;

use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sea_orm::sqlx::{self, Connection, Executor};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};

use super::fault::{self, Stage};
use super::migration::{self, SchemaError};
use super::open::{ConnectOptions, OpenError};
use crate::domain::port::repository::{Result, StoreError};

pub(super) use self::commit::commit;

/// A connection that has rested for longer is asked whether it is still alive before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// What a statement may take before the server gives it up, so that a lock that is never released
/// does not hold callers for ever.
const SET_STATEMENT_TIMEOUT: &str = "SET statement_timeout = '30s'";
/// An acknowledged commit is on the disk. A server that asks for more than that keeps it.
const SET_SYNCHRONOUS_COMMIT: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";
/// The commit finds a few rows by their keys. One plan is made for arrays of unknown length, so it
/// expects few; and a plan made while the tables were small must not read them whole once they
/// have grown. What is joined in memory may well be hashed: a batch can hold many sessions.
const SET_PLANS: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";
/// Whoever holds this advisory lock may change the schema.
const MIGRATION_LOCK: i64 = 0x7761_6772_6f75_7073;

#[derive(Debug)]
pub(super) struct Opened {
    pub pool: DatabaseConnection,
    pub commits: PgPool,
    pub server: Server,
}

pub(super) async fn open(
    options: PgConnectOptions,
    settings: &ConnectOptions,
) -> Result<Opened, OpenError> {
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("wagroups"),
    };
    let server = Server { options };
    server.check(settings).await?;

    let pool = pool_options(settings)
        .max_connections(settings.max_connections.max(1))
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SET_STATEMENT_TIMEOUT).await?;
                connection.execute(SET_SYNCHRONOUS_COMMIT).await?;
                Ok(())
            })
        })
        .connect_lazy_with(server.options.clone());
    let commits = pool_options(settings)
        .max_connections(1)
        .idle_timeout(None)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SET_STATEMENT_TIMEOUT).await?;
                connection.execute(SET_SYNCHRONOUS_COMMIT).await?;
                connection.execute(SET_PLANS).await?;
                Ok(())
            })
        })
        .connect_lazy_with(server.options.clone());
    Ok(Opened { pool: SqlxPostgresConnector::from_sqlx_postgres_pool(pool), commits, server })
}

fn pool_options(settings: &ConnectOptions) -> PgPoolOptions {
    PgPoolOptions::new()
        .acquire_timeout(settings.connect_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, rest| {
            Box::pin(async move {
                if rest.idle_for >= TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// For people: who connects to what, without the password.
pub(super) fn name(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    format!(
        "{}:{}/{database} as {}",
        options.get_host(),
        options.get_port(),
        options.get_username()
    )
}

/// Where the database is.
#[derive(Debug)]
pub(super) struct Server {
    options: PgConnectOptions,
}

impl Server {
    fn name(&self) -> String {
        name(&self.options)
    }

    async fn check(&self, settings: &ConnectOptions) -> Result<(), OpenError> {
        let unreachable = |cause: String| OpenError::Unreachable { server: self.name(), cause };
        let look = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let answer: (String, bool) =
                sqlx::query_as("SELECT current_setting('fsync'), pg_is_in_recovery()")
                    .fetch_one(&mut connection)
                    .await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(answer)
        };
        let (fsync, standby) = tokio::time::timeout(settings.connect_timeout, look)
            .await
            .map_err(|_| unreachable(format!("no answer within {:?}", settings.connect_timeout)))?
            .map_err(|error| unreachable(error.to_string()))?;
        if standby {
            return Err(OpenError::Standby(self.name()));
        }
        if fsync != "on" && !settings.allow_unsafe_fsync {
            return Err(OpenError::UnsafeFsync(self.name()));
        }
        Ok(())
    }

    /// Migrates over connections of its own, without a limit of time.
    pub async fn migrate(&self) -> Result<Vec<String>, SchemaError> {
        let direct = |error: sqlx::Error| fault::of_driver(Stage::Undecided, &error);
        // The lock goes with the connection, whatever happens to this process.
        let mut lock = PgConnection::connect_with(&self.options)
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(MIGRATION_LOCK)
            .execute(&mut lock)
            .await
            .map_err(direct)?;
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(self.options.clone());
        let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        let migrated = migration::run(&connection).await;
        pool.close().await;
        lock.close().await.map_err(direct)?;
        migrated
    }
}
