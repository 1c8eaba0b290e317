//! Accounts under their two names.

use async_trait::async_trait;
use sea_orm::{FromQueryResult, Value};

use super::SeaRepository;
use super::log::KEYS_PER_QUERY;
use super::rows::{corrupt, parsed, unsigned};
use super::sql::{Sql, number, padded};
use crate::domain::clock::Timestamp;
use crate::domain::id::{Lid, ParticipantId, PhoneNumber, SessionName};
use crate::domain::port::repository::{Alias, AliasStore, Result};

/// Rows that one INSERT takes: five parameters each, far below what either database allows.
const ROWS: usize = 256;

#[derive(FromQueryResult)]
struct AliasRow {
    session: String,
    lid: i64,
    phone: i64,
}

impl AliasRow {
    fn pair(&self) -> Result<(Lid, PhoneNumber)> {
        let lid = Lid::new(unsigned("aliases.lid", self.lid)?);
        let phone = PhoneNumber::new(unsigned("aliases.phone", self.phone)?);
        Ok((
            lid.ok_or_else(|| corrupt("aliases.lid", self.lid))?,
            phone.ok_or_else(|| corrupt("aliases.phone", self.phone))?,
        ))
    }
}

#[async_trait]
impl AliasStore for SeaRepository {
    async fn learn_aliases(
        &self,
        session: &SessionName,
        pairs: &[(Lid, PhoneNumber)],
        time: Timestamp,
    ) -> Result<()> {
        // PostgreSQL refuses a statement that would write a row twice; in one order, statements of
        // several callers cannot deadlock.
        let pairs: std::collections::BTreeMap<Lid, PhoneNumber> = pairs.iter().copied().collect();
        let rows: Vec<Vec<Value>> = pairs
            .into_iter()
            .map(|(lid, phone)| {
                vec![
                    session.as_str().into(),
                    number(lid.get()).into(),
                    number(phone.get()).into(),
                    time.as_micros().into(),
                    false.into(),
                ]
            })
            .collect();
        for rows in rows.chunks(ROWS) {
            let sql =
                Sql::new("INSERT INTO aliases (session, lid, phone, learned_time, spread) VALUES ")
                    .bind_rows(rows.to_vec())
                    .push(
                        " ON CONFLICT (session, lid) DO UPDATE SET phone = excluded.phone, \
                         learned_time = excluded.learned_time, spread = FALSE \
                         WHERE aliases.phone <> excluded.phone \
                         AND aliases.learned_time <= excluded.learned_time",
                    );
            self.insist(sql).await?;
        }
        Ok(())
    }

    async fn aliases(
        &self,
        session: &SessionName,
        names: &[ParticipantId],
    ) -> Result<Vec<(Lid, PhoneNumber)>> {
        let lids: Vec<i64> =
            names.iter().filter_map(|id| id.lid()).map(|lid| number(lid.get())).collect();
        let phones: Vec<i64> =
            names.iter().filter_map(|id| id.phone()).map(|phone| number(phone.get())).collect();
        let mut found = Vec::new();
        for (column, keys) in [("lid", lids), ("phone", phones)] {
            for keys in keys.chunks(KEYS_PER_QUERY) {
                let keys = padded(keys.iter().map(|key| vec![(*key).into()]).collect());
                let sql = Sql::new("SELECT session, lid, phone FROM aliases WHERE session = ")
                    .bind(session.as_str())
                    .push(&format!(" AND {column} IN (VALUES "))
                    .bind_rows(keys)
                    .push(") ORDER BY learned_time");
                for row in self.read_all::<AliasRow>(sql).await? {
                    found.push(row.pair()?);
                }
            }
        }
        Ok(found)
    }

    async fn list_aliases(
        &self,
        session: &SessionName,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<(Lid, PhoneNumber)>> {
        let sql = Sql::new("SELECT session, lid, phone FROM aliases WHERE session = ")
            .bind(session.as_str())
            .push(" ORDER BY lid LIMIT ")
            .bind(i64::from(limit))
            .push(" OFFSET ")
            .bind(i64::try_from(offset).unwrap_or(i64::MAX));
        self.read_all::<AliasRow>(sql).await?.iter().map(AliasRow::pair).collect()
    }

    async fn aliases_to_spread(&self, limit: u32) -> Result<Vec<Alias>> {
        let sql = Sql::new(
            "SELECT session, lid, phone FROM aliases WHERE NOT spread ORDER BY session, lid LIMIT ",
        )
        .bind(i64::from(limit));
        let rows: Vec<AliasRow> = self.read_all(sql).await?;
        rows.into_iter()
            .map(|row| {
                let (lid, phone) = row.pair()?;
                Ok(Alias { session: parsed("aliases.session", &row.session)?, lid, phone })
            })
            .collect()
    }

    async fn spread_alias(&self, alias: &Alias) -> Result<()> {
        let sql = Sql::new("UPDATE aliases SET spread = TRUE WHERE session = ")
            .bind(alias.session.as_str())
            .push(" AND lid = ")
            .bind(number(alias.lid.get()))
            .push(" AND phone = ")
            .bind(number(alias.phone.get()));
        self.insist(sql).await.map(drop)
    }
}

impl SeaRepository {
    /// Removes the aliases of sessions that were deleted; returns whether there may be more.
    pub(super) async fn purge_aliases(&self, limit: u32) -> Result<bool> {
        let sql = Sql::new(
            "DELETE FROM aliases WHERE (session, lid) IN (SELECT a.session, a.lid FROM sessions s \
             JOIN aliases a ON a.session = s.name WHERE s.deleted_time <> 0 LIMIT ",
        )
        .bind(i64::from(limit))
        .push(")");
        Ok(self.write(sql).await? >= u64::from(limit.max(1)))
    }
}
