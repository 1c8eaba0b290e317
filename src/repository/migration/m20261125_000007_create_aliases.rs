//! Accounts under their two names, as each session has learned them.

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
                "aliases",
                vec![
                    schema.text("session"),
                    schema.number("lid"),
                    schema.number("phone"),
                    schema.number("learned_time"),
                    schema.flag("spread"),
                ],
                &["session", "lid"],
            )
            .await?;
        schema.create_index("aliases_by_phone", "aliases", &["session", "phone"]).await?;
        // There are few of these, and only for a moment.
        schema
            .execute("CREATE INDEX aliases_to_spread ON aliases (session, lid) WHERE NOT spread")
            .await
    }
}
