//! Budgets of full fetches: of each session, the time at which all that it has taken is earned again.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::FromQueryResult;

use super::SeaRepository;
use super::sql::Sql;
use crate::domain::clock::Timestamp;
use crate::domain::id::SessionName;
use crate::domain::port::fetch_budget::{Allowance, FetchBudgetStore};
use crate::domain::port::repository::{Result, StoreError};

#[derive(FromQueryResult)]
struct Row {
    fetches_earned_time: i64,
}

#[async_trait]
impl FetchBudgetStore for SeaRepository {
    async fn take_fetch(
        &self,
        session: &SessionName,
        now: Timestamp,
        allowance: Allowance,
    ) -> Result<Option<Duration>> {
        let spare = allowance.period.saturating_mul(allowance.at_once.saturating_sub(1));
        // One more may be taken as long as what was taken is earned by then.
        let latest = now + spare;
        let period = i64::try_from(allowance.period.as_micros()).unwrap_or(i64::MAX);
        let take =
            Sql::new("UPDATE sessions SET fetches_earned_time = CASE WHEN fetches_earned_time > ")
                .bind(now.as_micros())
                .push(" THEN fetches_earned_time ELSE ")
                .bind(now.as_micros())
                .push(" END + ")
                .bind(period)
                .push(" WHERE name = ")
                .bind(session.as_str())
                .push(" AND fetches_earned_time <= ")
                .bind(latest.as_micros());
        match self.write(take).await {
            Ok(0) => {}
            // Where the answer was lost it is taken rather than taken twice.
            Ok(_) | Err(StoreError::CommitUnknown(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        let look = Sql::new("SELECT fetches_earned_time FROM sessions WHERE name = ")
            .bind(session.as_str());
        let earned = self.read_one::<Row>(look).await?;
        let wait = earned.map(|row| row.fetches_earned_time.saturating_sub(latest.as_micros()));
        // Taken by another call meanwhile, or earned: the next try shows which.
        Ok(wait.map(|wait| Duration::from_micros(u64::try_from(wait).unwrap_or_default().max(1))))
    }
}
