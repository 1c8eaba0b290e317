//! Rows that are written by single statements carry the number of their last write, so that one that comes late
//! undoes nothing.

use sea_orm_migration::prelude::*;

use super::schema::Schema;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// A migration happens as a whole or not at all, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::new(manager);
        for table in ["sessions", "webhooks"] {
            let add =
                format!("ALTER TABLE {table} ADD COLUMN write_number bigint NOT NULL DEFAULT 0");
            schema.execute(&add).await?;
        }
        Ok(())
    }
}
