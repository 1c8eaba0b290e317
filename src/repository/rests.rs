//! Rests of sessions.

use async_trait::async_trait;
use sea_orm::FromQueryResult;

use super::SeaRepository;
use super::rows::parsed;
use super::sql::Sql;
use crate::domain::clock::Timestamp;
use crate::domain::id::SessionName;
use crate::domain::port::repository::Result;
use crate::domain::port::rests::RestStore;

#[derive(FromQueryResult)]
struct Row {
    name: String,
    rests_until_time: i64,
}

#[async_trait]
impl RestStore for SeaRepository {
    async fn keep_rest(&self, session: &SessionName, until: Timestamp) -> Result<()> {
        let sql = Sql::new("UPDATE sessions SET rests_until_time = ")
            .bind(until.as_micros())
            .push(" WHERE name = ")
            .bind(session.as_str())
            .push(" AND rests_until_time < ")
            .bind(until.as_micros());
        self.write(sql).await.map(drop)
    }

    async fn rests(&self, now: Timestamp) -> Result<Vec<(SessionName, Timestamp)>> {
        let sql = Sql::new("SELECT name, rests_until_time FROM sessions WHERE rests_until_time > ")
            .bind(now.as_micros());
        let rows: Vec<Row> = self.read_all(sql).await?;
        rows.into_iter()
            .map(|row| {
                let name = parsed("sessions.name", &row.name)?;
                Ok((name, Timestamp::from_micros(row.rests_until_time)))
            })
            .collect()
    }
}
