//! Until when WhatsApp wants each session's account to be left alone. The fence does not ask for it: what a stale owner
//! writes of it makes whoever acts next careful, and nothing else.

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
            .execute("ALTER TABLE sessions ADD COLUMN rests_until_time bigint NOT NULL DEFAULT 0")
            .await
    }
}
