//! Sessions learn when they were compared in full and how their engine is set; deletions of groups
//! become jobs that survive a restart.

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
            .execute("ALTER TABLE sessions ADD COLUMN synced_time bigint NOT NULL DEFAULT 0")
            .await?;
        schema.execute("ALTER TABLE sessions ADD COLUMN config text NOT NULL DEFAULT ''").await?;
        schema
            .create_table(
                "deletions",
                vec![
                    schema.text("session"),
                    schema.text("group_id"),
                    schema.text("key_name"),
                    schema.text("request_id"),
                    schema.number("removed_count"),
                    schema.number("start_time"),
                ],
                &["session", "group_id"],
            )
            .await
    }
}
