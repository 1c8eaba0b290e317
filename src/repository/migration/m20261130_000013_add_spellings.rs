//! The accounts of numbers with two spellings, as WhatsApp has told each session.

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
        schema
            .create_narrow_table(
                "spellings",
                vec![
                    schema.text("session"),
                    schema.number("asked"),
                    schema.number("lid"),
                    schema.number("phone"),
                    schema.number("told_time"),
                ],
                &["session", "asked"],
            )
            .await?;
        // Retention looks for the old ones.
        schema.create_index("spellings_by_told_time", "spellings", &["told_time"]).await?;
        schema.fence("spellings", "INSERT OR UPDATE OR DELETE").await
    }
}
