//! Sessions. A deleted one keeps its row, so that its name goes on with its sequence.

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
                "sessions",
                vec![
                    schema.text("name"),
                    schema.text("engine"),
                    schema.text("status"),
                    schema.text("status_reason"),
                    schema.number("status_time"),
                    schema.number("account_lid"),
                    schema.number("account_phone"),
                    schema.text("push_name"),
                    schema.text("metadata"),
                    schema.flag("wanted"),
                    schema.number("sequence"),
                    schema.number("revision"),
                    schema.number("epoch"),
                    schema.number("create_time"),
                    schema.number("deleted_time"),
                ],
                &["name"],
            )
            .await
    }
}
