//! Whether commits work, and whether this process may still make them.

use std::time::Duration;

use sea_orm::sqlx;

use super::commits::{CommitConnection, answer};
use crate::domain::counter::Epoch;
use crate::domain::port::repository::Result;
use crate::repository::fault::Stage;

/// Less than a commit gets: a readiness probe does not wait for long.
const PATIENCE: Duration = Duration::from_secs(3);

const WRITE: &str = "INSERT INTO probe (id, filler) SELECT h.id, $2 FROM log_head h \
     WHERE h.id = 1 AND h.epoch = $1 ON CONFLICT (id) DO UPDATE SET filler = excluded.filler";
const EPOCH: &str = "SELECT epoch FROM log_head WHERE id = 1";

pub(in crate::repository) async fn probe(
    commits: &CommitConnection,
    epoch: Epoch,
    filler: &[u8],
) -> Result<bool> {
    let mut connection = commits.take().await?;
    let statement = sqlx::query(WRITE).bind(epoch.as_i64()).bind(filler).execute(&mut *connection);
    let done = answer(Stage::Committing, PATIENCE, statement).await?;
    connection.keep();
    Ok(done.rows_affected() > 0)
}

pub(in crate::repository) async fn current_epoch(
    commits: &CommitConnection,
) -> Result<Option<i64>> {
    let mut connection = commits.take().await?;
    let statement = sqlx::query_scalar(EPOCH).fetch_optional(&mut *connection);
    let epoch = answer(Stage::Undecided, PATIENCE, statement).await?;
    connection.keep();
    Ok(epoch)
}
