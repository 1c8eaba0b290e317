//! Whether commits work, and whether this process may still make them: both through the writer's
//! connection.

use sea_orm::{DatabaseTransaction, FromQueryResult};

use crate::domain::counter::Epoch;
use crate::domain::port::repository::Result;
use crate::repository::sql::Sql;
use crate::repository::{execute, query_one};

#[derive(FromQueryResult)]
struct EpochRow {
    epoch: i64,
}

/// Writes the filler where the epoch is still the current one; returns whether it was.
pub(in crate::repository) async fn probe(
    transaction: &DatabaseTransaction,
    epoch: Epoch,
    filler: &[u8],
) -> Result<bool> {
    let sql = Sql::new("INSERT INTO probe (id, filler) SELECT h.id, ")
        .bind(filler.to_vec())
        .push(" FROM log_head h WHERE h.id = 1 AND h.epoch = ")
        .bind(epoch.as_i64())
        .push(" ON CONFLICT (id) DO UPDATE SET filler = excluded.filler");
    Ok(execute(transaction, sql).await? > 0)
}

pub(in crate::repository) async fn current_epoch(
    transaction: &DatabaseTransaction,
) -> Result<Option<i64>> {
    let sql = Sql::new("SELECT epoch FROM log_head WHERE id = 1");
    let row = query_one::<EpochRow>(transaction, sql).await?;
    Ok(row.map(|row| row.epoch))
}
