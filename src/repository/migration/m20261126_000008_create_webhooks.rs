//! Webhooks, each with its place in the log.

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
            .create_table(
                "webhooks",
                vec![
                    schema.text("id"),
                    schema.text("key_name"),
                    schema.bytes("request_sha256"),
                    schema.text("config"),
                    schema.text("state"),
                    schema.text("state_reason"),
                    schema.number("state_time"),
                    schema.bytes("cursor_token"),
                    schema.number("delivered_count"),
                    schema.number("last_delivery_time"),
                    schema.text("failure"),
                    schema.number("lost_count"),
                    schema.number("create_time"),
                    schema.number("update_time"),
                ],
                &["id"],
            )
            .await
    }
}
