//! Replicas, what is leased to them, and the fence: the database itself refuses what a stale owner writes.
//!
//! The fence stands in triggers, so that no statement can forget it. A connection says for whom it writes
//! (`wagroups.owner`, `wagroups.epoch`); one that says nothing writes for a single process, and may where nobody holds
//! the lease. Until its transaction ends it shares a lock that a claim takes alone: no write that passed the fence is
//! still on its way when the lease has moved. Commits are fenced by the epoch in each session's row as well; tables
//! that only a commit inserts into have the trigger on DELETE alone, so that a commit pays for one check.
//!
//! SQLite has one process, by the lock on its file.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use super::schema::Schema;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const FENCE: &str = "
CREATE FUNCTION wagroups_fence() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    lease record;
    writer text := coalesce(current_setting('wagroups.owner', true), '');
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8602270478509372261);
    SELECT owner, epoch INTO lease FROM leases WHERE key = 'all';
    IF lease.owner <> writer
        OR (writer <> '' AND lease.epoch::text <> current_setting('wagroups.epoch', true))
    THEN
        RAISE EXCEPTION 'the lease is held by % in epoch %, not by the writer %', lease.owner, lease.epoch, writer
            USING ERRCODE = '57WG1';
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION wagroups_epochs_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the epoch of a lease must not fall from % to %', OLD.epoch, NEW.epoch USING ERRCODE = 'WG002';
END
$$;
CREATE TRIGGER epochs_grow BEFORE UPDATE ON leases
    FOR EACH ROW WHEN (NEW.epoch < OLD.epoch) EXECUTE FUNCTION wagroups_epochs_grow();
";

/// Which writes are fenced.
const FENCED: [(&str, &str); 11] = [
    ("sessions", "INSERT OR DELETE OR UPDATE OF write_number, fetches_earned_time"),
    ("webhooks", "INSERT OR UPDATE OR DELETE"),
    ("reservations", "INSERT OR UPDATE OR DELETE"),
    ("deletions", "INSERT OR UPDATE OR DELETE"),
    ("aliases", "INSERT OR UPDATE OR DELETE"),
    ("world", "INSERT OR UPDATE OR DELETE"),
    ("events", "DELETE"),
    ("groups", "DELETE"),
    ("source_ids", "DELETE"),
    ("log_trim", "UPDATE"),
    ("log_head", "UPDATE OF epoch, log_id"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// A migration happens as a whole or not at all, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::new(manager);
        let (id, address, version) =
            (schema.text("id"), schema.text("address"), schema.text("version"));
        let (heartbeat, draining) = (schema.number("heartbeat"), schema.flag("draining"));
        let columns = vec![id, address, version, heartbeat, draining];
        schema.create_table("replicas", columns, &["id"]).await?;
        let columns = vec![schema.text("key"), schema.text("owner"), schema.number("epoch")];
        schema.create_table("leases", columns, &["key"]).await?;
        let first = "INSERT INTO leases (key, owner, epoch) SELECT 'all', '', epoch FROM log_head WHERE id = 1";
        schema.execute(first).await?;
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        schema.execute(FENCE).await?;
        for (table, writes) in FENCED {
            schema.fence(table, writes).await?;
        }
        Ok(())
    }
}
