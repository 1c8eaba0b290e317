//! The event log: its head, where retention has got to, and the events.

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
        // One row each. The head is what writers queue for; retention has a row of its own, so that
        // it does not queue with them.
        schema
            .create_table(
                "log_head",
                vec![
                    schema.number_key("id"),
                    schema.number("log_id"),
                    schema.number("position"),
                    schema.text("event_id"),
                    schema.number("last_record_time"),
                    schema.number("epoch"),
                ],
                &[],
            )
            .await?;
        schema
            .create_table(
                "log_trim",
                vec![schema.number_key("id"), schema.number("position"), schema.text("event_id")],
                &[],
            )
            .await?;
        schema
            .execute(&format!(
                "INSERT INTO log_head (id, log_id, position, event_id, last_record_time, epoch) \
                 VALUES (1, {}, 0, '', 0, 0)",
                schema.random_number()
            ))
            .await?;
        schema.execute("INSERT INTO log_trim (id, position, event_id) VALUES (1, 0, '')").await?;

        schema
            .create_table(
                "events",
                vec![
                    schema.number_key("position"),
                    schema.text("session"),
                    schema.number("sequence"),
                    schema.text("event_id"),
                    schema.text("group_id"),
                    schema.code("event_type"),
                    schema.number("occur_time"),
                    schema.number("record_time"),
                    schema.bytes("payload"),
                ],
                &[],
            )
            .await?;
        schema
            .create_unique_index("events_by_sequence", "events", &["session", "sequence"])
            .await?;
        schema.create_unique_index("events_by_event_id", "events", &["event_id"]).await?;
        schema
            .create_index("events_by_record_time", "events", &["record_time", "position"])
            .await?;
        schema.create_index("events_by_group", "events", &["session", "group_id", "sequence"]).await
    }
}
