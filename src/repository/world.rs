//! What the simulator knows.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use sea_orm::{FromQueryResult, Value};

use super::log::KEYS_PER_QUERY;
use super::sql::{Sql, insert_rows};
use super::{SeaRepository, commit, execute, fault};
use crate::domain::port::repository::Result;
use crate::domain::port::world::WorldStore;

#[derive(FromQueryResult)]
struct WorldRow {
    key: String,
    value: Vec<u8>,
}

#[async_trait]
impl WorldStore for SeaRepository {
    async fn load(&self) -> Result<Vec<(String, Bytes)>> {
        let rows: Vec<WorldRow> =
            self.read_all(Sql::new("SELECT key, value FROM world ORDER BY key")).await?;
        Ok(rows.into_iter().map(|row| (row.key, row.value.into())).collect())
    }

    async fn save(&self, changes: Vec<(String, Option<Bytes>)>) -> Result<()> {
        // The last change of each key, in the order of keys: two processes must not wait for each other.
        let changes: BTreeMap<String, Option<Bytes>> = changes.into_iter().collect();
        let mut gone: Vec<Vec<Value>> = Vec::new();
        let mut kept: Vec<Vec<Value>> = Vec::new();
        for (key, value) in changes {
            match value {
                Some(value) => kept.push(vec![key.into(), value.to_vec().into()]),
                None => gone.push(vec![key.into()]),
            }
        }
        if gone.is_empty() && kept.is_empty() {
            return Ok(());
        }
        self.noted(self.save_rows(gone, kept).await)
    }
}

impl SeaRepository {
    async fn save_rows(&self, gone: Vec<Vec<Value>>, kept: Vec<Vec<Value>>) -> Result<()> {
        let transaction = self.begin().await?;
        for keys in gone.chunks(KEYS_PER_QUERY) {
            let sql = Sql::new("DELETE FROM world WHERE key IN (VALUES ")
                .bind_rows(keys.to_vec())
                .push(")");
            execute(&transaction, sql).await?;
        }
        let suffix = " ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        insert_rows(&transaction, "INSERT INTO world (key, value)", kept, suffix)
            .await
            .map_err(fault::undecided)?;
        commit(transaction).await
    }
}
