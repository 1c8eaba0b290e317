//! PostgreSQL: its connections, and the commit as one statement.

mod cluster;
mod commit;
mod commits;
mod pool;
mod probe;

use sea_orm::SqlxPostgresConnector;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::{self, Connection, Executor};

use super::fault::{self, Stage};
use super::limit;
use super::migration::{self, SchemaError};
use super::open::{ConnectOptions, OpenError};
use crate::domain::cluster::ReplicaId;
use crate::domain::counter::Epoch;
use crate::domain::port::repository::{Result, StoreError};

pub(super) use self::cluster::{CHANNEL, Listener, begin_epoch, claim, free_lease, payload};
pub(super) use self::commit::commit;
pub(super) use self::commits::CommitConnection;
pub(super) use self::pool::Pool;
pub(super) use self::probe::{current_epoch, probe};

/// An acknowledged commit is on the disk. A server that asks for more than that keeps it.
const SET_SYNCHRONOUS_COMMIT: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";
/// The holder of this advisory lock may change the schema.
const MIGRATION_LOCK: i64 = 0x7761_6772_6f75_7073;

/// For whom a connection writes, as this process was given it: owner and epoch, or a single process. The database
/// refuses what another one would have to write (migration `add_cluster`).
pub(super) type Fence = Option<(ReplicaId, Epoch)>;

#[derive(Debug)]
pub(super) struct Opened {
    pub pool: Pool,
    pub commits: CommitConnection,
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
    let server = Server { options, settings: settings.clone() };
    server.check(settings).await?;
    let (pool, commits) = server.connections(None);
    Ok(Opened { pool, commits, server })
}

/// Sets up every connection before its first use. A transaction that has lost its client gives its
/// locks back before others give up waiting for them.
async fn prepare(connection: &mut PgConnection, fence: &Fence) -> Result<(), sqlx::Error> {
    let (statement, transaction) = (limit::STATEMENT.as_millis(), limit::STATEMENT.as_millis() / 2);
    let sql = format!(
        "SET statement_timeout = {statement}; SET idle_in_transaction_session_timeout = {transaction}"
    );
    connection.execute(sqlx::AssertSqlSafe(sql)).await?;
    connection.execute(SET_SYNCHRONOUS_COMMIT).await?;
    if let Some((owner, epoch)) = fence {
        sqlx::query("SELECT set_config('wagroups.owner', $1, false), set_config('wagroups.epoch', $2, false)")
            .bind(owner.as_str())
            .bind(epoch.to_string())
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// For people: which user connects to what, without the password.
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
    settings: ConnectOptions,
}

impl Server {
    /// Connections that write for one owner; they are opened when they are used.
    pub fn connections(&self, fence: Fence) -> (Pool, CommitConnection) {
        let name = self.options.get_application_name().unwrap_or_default();
        let commits = self.options.clone().application_name(&format!("{name} commits"));
        (
            Pool::new(self.options.clone(), fence.clone(), &self.settings),
            CommitConnection::new(commits, fence, self.settings.connect_timeout),
        )
    }

    pub fn listener(&self) -> Listener {
        Listener::new(self.options.clone(), self.settings.connect_timeout)
    }

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
