//! Request ids, and what was answered under them.

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
                "reservations",
                vec![
                    schema.text("key_name"),
                    schema.text("session"),
                    schema.text("rpc"),
                    schema.text("request_id"),
                    schema.bytes("body_sha256"),
                    schema.text("group_id"),
                    schema.number("incarnation"),
                    schema.number("deadline"),
                    schema.flag("answered"),
                    schema.bytes("answer"),
                    schema.number("expire_time"),
                ],
                &["key_name", "session", "rpc", "request_id"],
            )
            .await?;
        schema.create_index("reservations_by_expire_time", "reservations", &["expire_time"]).await
    }
}
