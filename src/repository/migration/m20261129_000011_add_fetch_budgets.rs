//! How much of its budget of full fetches each session has taken.

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
        Schema::new(manager)
            .execute(
                "ALTER TABLE sessions ADD COLUMN fetches_earned_time bigint NOT NULL DEFAULT 0",
            )
            .await
    }
}
