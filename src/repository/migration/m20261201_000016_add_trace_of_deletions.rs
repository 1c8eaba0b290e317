//! A deletion keeps the trace of the call that began it, for the events that it causes after a restart.

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
        for column in ["traceparent", "tracestate"] {
            let add = format!("ALTER TABLE deletions ADD COLUMN {column} text NOT NULL DEFAULT ''");
            schema.execute(&add).await?;
        }
        Ok(())
    }
}
