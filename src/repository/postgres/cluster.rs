//! What replicas need of PostgreSQL alone: claims under locks, and wake-ups by LISTEN.

use std::time::Duration;

use sea_orm::DatabaseTransaction;
use sea_orm::sqlx::Executor as _;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::domain::cluster::ReplicaId;
use crate::domain::port::cluster::{Claimable, Wakeup};
use crate::domain::port::repository::{Result, StoreError};
use crate::repository::cluster::{EpochRow, LeaseRow, Present};
use crate::repository::limit;
use crate::repository::sql::Sql;
use crate::repository::{execute, query_one};

/// What the trigger `fence` shares, and a claim has alone.
const FENCE_LOCK: i64 = 0x7761_676c_6561_7365;
/// One channel. Notifications say next to nothing: who is woken reads what there is.
pub(in crate::repository) const CHANNEL: &str = "wagroups";
/// The connection that listens is silent by nature; after so long it is asked whether it lives.
const PROBE_AFTER: Duration = Duration::from_secs(5);

/// Commits lock sessions before the head, a new epoch would lock them after it; and a session that is being made
/// must not be left behind with the old epoch. The fence's lock comes second: whoever shares it already waits for no
/// lock of this transaction's.
async fn lock(transaction: &DatabaseTransaction) -> Result<()> {
    execute(transaction, Sql::new("LOCK TABLE sessions IN SHARE ROW EXCLUSIVE MODE")).await?;
    let fence = Sql::new("SELECT pg_advisory_xact_lock(").bind(FENCE_LOCK).push(")");
    execute(transaction, fence).await.map(drop)
}

/// Takes the database for a single process, whoever held the lease.
pub(in crate::repository) async fn begin_epoch(transaction: &DatabaseTransaction) -> Result<i64> {
    free_lease(transaction).await?;
    raise(transaction).await
}

/// Takes the lease from whoever has it: what this transaction writes passes the fence.
pub(in crate::repository) async fn free_lease(transaction: &DatabaseTransaction) -> Result<()> {
    lock(transaction).await?;
    let free = Sql::new("UPDATE leases SET owner = '' WHERE key = 'all'");
    execute(transaction, free).await.map(drop)
}

/// Takes the lease; `None` where it is not as it was seen, or the claimant is no member.
pub(in crate::repository) async fn claim(
    transaction: &DatabaseTransaction,
    id: &ReplicaId,
    seen: &Claimable,
) -> Result<Option<i64>> {
    lock(transaction).await?;
    let lease = Sql::new("SELECT owner, epoch FROM leases WHERE key = 'all' FOR UPDATE");
    let Some(lease) = query_one::<LeaseRow>(transaction, lease).await? else { return Ok(None) };
    // The answer of an earlier try was lost.
    if lease.owner == id.as_str() {
        return Ok(Some(lease.epoch));
    }
    let owner = seen.lease.owner.as_ref().map_or("", ReplicaId::as_str);
    if lease.owner != owner || lease.epoch != seen.lease.epoch.as_i64() {
        return Ok(None);
    }
    let member = Sql::new("SELECT id FROM replicas WHERE id = ").bind(id.as_str());
    if query_one::<Present>(transaction, member.push(" FOR SHARE")).await?.is_none() {
        return Ok(None);
    }
    if !owner.is_empty() {
        let dead = Sql::new("DELETE FROM replicas WHERE id = ")
            .bind(owner)
            .push(" AND heartbeat <= ")
            .bind(crate::repository::sql::number(seen.owner_heartbeat));
        if execute(transaction, dead).await? == 0 {
            let alive = Sql::new("SELECT id FROM replicas WHERE id = ").bind(owner);
            if query_one::<Present>(transaction, alive).await?.is_some() {
                return Ok(None);
            }
        }
    }
    // From here on this transaction writes for the claimant; the trigger of the head asks.
    let take = Sql::new("UPDATE leases SET owner = ")
        .bind(id.as_str())
        .push(", epoch = greatest(leases.epoch, h.epoch) + 1 FROM log_head h WHERE h.id = 1 AND leases.key = 'all' ")
        .push("RETURNING leases.epoch AS epoch, set_config('wagroups.owner', leases.owner, true) AS owner, ")
        .push("set_config('wagroups.epoch', leases.epoch::text, true) AS set_epoch");
    let Some(taken) = query_one::<EpochRow>(transaction, take).await? else { return Ok(None) };
    let head = Sql::new("UPDATE log_head SET epoch = ").bind(taken.epoch).push(" WHERE id = 1");
    execute(transaction, head).await?;
    execute(transaction, Sql::new("UPDATE sessions SET epoch = ").bind(taken.epoch)).await?;
    Ok(Some(taken.epoch))
}

async fn raise(transaction: &DatabaseTransaction) -> Result<i64> {
    let raise = Sql::new(
        "UPDATE log_head SET epoch = greatest(log_head.epoch, l.epoch) + 1 FROM leases l \
         WHERE log_head.id = 1 AND l.key = 'all' RETURNING log_head.epoch AS epoch",
    );
    let no_head = || StoreError::Corrupt("log_head or leases has no row".to_owned());
    let epoch = query_one::<EpochRow>(transaction, raise).await?.ok_or_else(no_head)?.epoch;
    execute(transaction, Sql::new("UPDATE leases SET epoch = ").bind(epoch)).await?;
    execute(transaction, Sql::new("UPDATE sessions SET epoch = ").bind(epoch)).await?;
    Ok(epoch)
}

pub(in crate::repository) fn payload(wakeup: Wakeup) -> &'static str {
    match wakeup {
        Wakeup::Log => "log",
        Wakeup::Lease => "lease",
        Wakeup::Anything => "",
    }
}

/// A connection that waits for wake-ups.
#[derive(Debug)]
pub(in crate::repository) struct Listener {
    server: PgConnectOptions,
    connect_timeout: Duration,
    open: Mutex<Option<PgListener>>,
}

impl Listener {
    pub(super) fn new(server: PgConnectOptions, connect_timeout: Duration) -> Self {
        let name = server.get_application_name().unwrap_or_default();
        let server = server.clone().application_name(&format!("{name} listens"));
        let connect_timeout = connect_timeout.min(limit::CONNECT);
        Self { server, connect_timeout, open: Mutex::new(None) }
    }

    /// Returns with the next wake-up, or once it listens anew: something may have been missed then.
    pub async fn notified(&self) -> Result<Wakeup> {
        let mut place = self.open.lock().await;
        // Taken out while it is used, so that one that was left half-way is closed.
        let Some(mut listener) = place.take() else {
            let connecting = async {
                let pool = PgPoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(self.connect_timeout)
                    .connect_lazy_with(self.server.clone());
                let mut listener = PgListener::connect_with(&pool).await?;
                listener.listen(CHANNEL).await?;
                Ok::<_, sea_orm::SqlxError>(listener)
            };
            let listener = timeout(self.connect_timeout, connecting).await;
            let listener = listener.map_err(|_| silent())?.map_err(unavailable)?;
            *place = Some(listener);
            return Ok(Wakeup::Anything);
        };
        loop {
            match timeout(PROBE_AFTER, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    *place = Some(listener);
                    return Ok(match notification.payload() {
                        "log" => Wakeup::Log,
                        "lease" => Wakeup::Lease,
                        _ => Wakeup::Anything,
                    });
                }
                Ok(Ok(None)) => {
                    return Err(StoreError::Unavailable(
                        "the connection that listens is gone".to_owned(),
                    ));
                }
                Ok(Err(error)) => return Err(unavailable(error)),
                Err(_) => {
                    let probe = timeout(limit::PING, listener.execute("SELECT 1")).await;
                    probe.map_err(|_| silent())?.map_err(unavailable)?;
                }
            }
        }
    }
}

fn unavailable(error: sea_orm::SqlxError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn silent() -> StoreError {
    StoreError::Unavailable("the connection that listens does not answer".to_owned())
}
