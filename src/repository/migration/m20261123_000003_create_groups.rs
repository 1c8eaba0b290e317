//! Groups as the log folds to them, who is in them, and which notifications made them so.

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
                "groups",
                vec![
                    schema.text("session"),
                    schema.text("id"),
                    schema.flag("present"),
                    schema.text("subject"),
                    schema.text("subject_folded"),
                    schema.number("create_time"),
                    schema.number("member_count"),
                    schema.code("my_role"),
                    schema.number("sequence"),
                    schema.number("synced_time"),
                    schema.number("updated_time"),
                    schema.bytes("basic"),
                    schema.bytes("participants"),
                    schema.bytes("facts"),
                ],
                &["session", "id"],
            )
            .await?;
        schema
            .create_index(
                "groups_by_subject",
                "groups",
                &["session", "present", "subject_folded", "id"],
            )
            .await?;
        schema
            .create_index(
                "groups_by_create_time",
                "groups",
                &["session", "present", "create_time", "id"],
            )
            .await?;
        schema
            .create_index(
                "groups_by_member_count",
                "groups",
                &["session", "present", "member_count", "id"],
            )
            .await?;
        // Retention alone looks for these, and there are few of them.
        schema
            .execute("CREATE INDEX groups_gone ON groups (updated_time) WHERE NOT present")
            .await?;

        schema
            .create_narrow_table(
                "group_members",
                vec![schema.text("session"), schema.text("member"), schema.text("group_id")],
                &["session", "member", "group_id"],
            )
            .await?;
        schema
            .create_narrow_table(
                "source_ids",
                vec![
                    schema.text("session"),
                    schema.text("source_id"),
                    schema.number("recorded_time"),
                ],
                &["session", "source_id"],
            )
            .await?;
        schema.create_index("source_ids_by_recorded_time", "source_ids", &["recorded_time"]).await
    }
}
