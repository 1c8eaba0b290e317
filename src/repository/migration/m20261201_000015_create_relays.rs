//! How far the log was handed to a message bus.

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
                "relays",
                vec![
                    schema.text("name"),
                    schema.bytes("place_token"),
                    schema.number("replay_count"),
                    schema.number("replay_until"),
                    schema.number("published_count"),
                    schema.number("lost_count"),
                    schema.number("last_publish_time"),
                    schema.number("write_number"),
                ],
                &["name"],
            )
            .await?;
        schema.fence("relays", "INSERT OR UPDATE OR DELETE").await
    }
}
