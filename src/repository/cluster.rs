//! Replicas and the lease.

use async_trait::async_trait;
use sea_orm::FromQueryResult;

use super::rows::{parsed, unsigned};
use super::sql::{Sql, number};
use super::{Connections, SeaRepository, commit, postgres};
use crate::domain::clock::Timestamp;
use crate::domain::cluster::{ClusterView, Lease, ReplicaId, ReplicaRecord};
use crate::domain::counter::Epoch;
use crate::domain::port::cluster::{Claimable, ClusterStore, Wakeup};
use crate::domain::port::repository::{Result, StoreError};

#[derive(FromQueryResult)]
pub(super) struct LeaseRow {
    pub owner: String,
    pub epoch: i64,
}

#[derive(FromQueryResult)]
pub(super) struct EpochRow {
    pub epoch: i64,
}

#[derive(FromQueryResult)]
struct MarkRow {
    mark: String,
}

/// That a row is there.
#[derive(FromQueryResult)]
pub(super) struct Present {
    #[expect(dead_code, reason = "a row has a column")]
    id: String,
}

const VIEW: &str = "l.owner AS owner, l.epoch AS epoch, h.position AS head, \
    CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) AS time, r.id AS id, r.address AS address, \
    r.version AS version, r.heartbeat AS heartbeat, r.draining AS draining \
    FROM leases l JOIN log_head h ON h.id = 1 LEFT JOIN replicas r ON TRUE WHERE l.key = 'all' ORDER BY r.id";

/// The lease, and one replica of those that there are; without any, the replica's columns are empty.
#[derive(FromQueryResult)]
struct ViewRow {
    owner: String,
    epoch: i64,
    beat: i64,
    head: i64,
    time: i64,
    id: Option<String>,
    address: Option<String>,
    version: Option<String>,
    heartbeat: Option<i64>,
    draining: Option<bool>,
}

#[async_trait]
impl ClusterStore for SeaRepository {
    async fn join(&self, replica: &ReplicaRecord) -> Result<()> {
        let sql =
            Sql::new("INSERT INTO replicas (id, address, version, heartbeat, draining) VALUES ")
                .bind_rows([vec![
                    replica.id.as_str().into(),
                    replica.address.as_str().into(),
                    replica.version.as_str().into(),
                    number(replica.heartbeat).into(),
                    replica.draining.into(),
                ]])
                .push(" ON CONFLICT (id) DO NOTHING");
        self.insist(sql).await.map(drop)
    }

    async fn heartbeat(&self, id: &ReplicaId, draining: bool) -> Result<ClusterView> {
        // The reading part sees the rows as they were before.
        let sql =
            Sql::new("WITH beat AS (UPDATE replicas SET heartbeat = heartbeat + 1, draining = ")
                .bind(draining)
                .push(" WHERE id = ")
                .bind(id.as_str())
                .push(" RETURNING id) SELECT (SELECT count(*) FROM beat) AS beat, ")
                .push(VIEW);
        view(self.read_all(sql).await?)
    }

    async fn cluster_view(&self) -> Result<ClusterView> {
        view(self.read_all(Sql::new("SELECT CAST(0 AS bigint) AS beat, ").push(VIEW)).await?)
    }

    async fn claim(&self, id: &ReplicaId, seen: &Claimable) -> Result<Option<Epoch>> {
        self.on_postgres()?;
        let transaction = self.begin().await?;
        let epoch = postgres::claim(&transaction, id, seen).await?;
        commit(transaction).await?;
        epoch.map(|epoch| unsigned("leases.epoch", epoch)).transpose()
    }

    async fn release(&self, id: &ReplicaId, epoch: Epoch) -> Result<bool> {
        let sql = Sql::new("UPDATE leases SET owner = '' WHERE key = 'all' AND owner = ")
            .bind(id.as_str())
            .push(" AND epoch = ")
            .bind(epoch.as_i64());
        let released = self.insist(sql).await?;
        Ok(released.rows > 0 || released.in_doubt)
    }

    async fn evict(&self, dead: &ReplicaRecord) -> Result<()> {
        let sql = Sql::new("DELETE FROM replicas WHERE id = ")
            .bind(dead.id.as_str())
            .push(" AND heartbeat = ")
            .bind(number(dead.heartbeat));
        self.insist(sql).await.map(drop)
    }

    async fn leave(&self, id: &ReplicaId) -> Result<()> {
        let sql = Sql::new("DELETE FROM replicas WHERE id = ").bind(id.as_str());
        self.insist(sql).await.map(drop)
    }

    async fn sessions_mark(&self) -> Result<String> {
        // Each write of a row raises its number, so the sum grows, in whichever order writes are seen. A deletion is
        // written by a commit, which gives no number.
        let sql = "SELECT concat_ws(' ', count(*), sum(write_number), sum(deleted_time)) AS mark FROM sessions";
        let row: Option<MarkRow> = self.read_one(Sql::new(sql)).await?;
        Ok(row.map_or_else(String::new, |row| row.mark))
    }

    async fn notify(&self, wakeup: Wakeup) -> Result<()> {
        let sql = Sql::new("SELECT pg_notify(").bind(postgres::CHANNEL).push(", ");
        self.write(sql.bind(postgres::payload(wakeup)).push(")")).await.map(drop)
    }

    async fn notified(&self) -> Result<Wakeup> {
        match &self.connections {
            Connections::Postgres { listener, .. } => listener.notified().await,
            Connections::Sqlite { .. } => std::future::pending().await,
        }
    }
}

impl SeaRepository {
    /// The same database for the owner of a lease: what it writes is refused once somebody else has the lease.
    pub fn fenced(&self, owner: &ReplicaId, epoch: Epoch) -> Result<Self> {
        let server = self.on_postgres()?;
        let (pool, commits) = server.connections(Some((owner.clone(), epoch)));
        let connections = Connections::Postgres {
            pool: Box::new(pool),
            commits: Box::new(commits),
            listener: Box::new(server.listener()),
            server: server.clone(),
        };
        // A role that begins anew within a term goes on with the numbers that the one before it has given.
        self.order.begin(epoch);
        Ok(Self { order: self.order.clone(), ..Self::over(connections) })
    }

    fn on_postgres(&self) -> Result<&std::sync::Arc<postgres::Server>> {
        match &self.connections {
            Connections::Postgres { server, .. } => Ok(server),
            Connections::Sqlite { .. } => {
                Err(StoreError::Failed("several replicas need PostgreSQL".to_owned()))
            }
        }
    }
}

fn view(rows: Vec<ViewRow>) -> Result<ClusterView> {
    let first = rows.first().ok_or_else(|| StoreError::Corrupt("leases has no row".to_owned()))?;
    let owner = Some(first.owner.as_str()).filter(|owner| !owner.is_empty());
    let time = Timestamp::from_micros(first.time);
    let (is_member, head) = (first.beat > 0, unsigned("log_head.position", first.head)?);
    let lease = Lease {
        owner: owner.map(|owner| parsed("leases.owner", owner)).transpose()?,
        epoch: unsigned("leases.epoch", first.epoch)?,
    };
    let replicas = rows.into_iter().filter_map(|row| {
        Some((row.id?, row.address?, row.version?, row.heartbeat?, row.draining?))
    });
    let replicas = replicas
        .map(|(id, address, version, heartbeat, draining)| {
            let (id, heartbeat) = (
                parsed("replicas.id", &id)?,
                unsigned::<Epoch>("replicas.heartbeat", heartbeat)?.get(),
            );
            Ok(ReplicaRecord { id, address, version, heartbeat, draining })
        })
        .collect::<Result<_>>()?;
    Ok(ClusterView { is_member, lease, head, time, replicas })
}
