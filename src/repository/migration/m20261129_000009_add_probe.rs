//! A row that is written only to learn whether commits work, and what distinguishes one attempt to take a
//! request id from another.

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
            .execute("ALTER TABLE reservations ADD COLUMN nonce bigint NOT NULL DEFAULT 0")
            .await?;
        schema
            .create_table("probe", vec![schema.number_key("id"), schema.bytes("filler")], &[])
            .await
    }
}
