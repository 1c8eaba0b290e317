//! The schema, step by step. It is the same on both databases but for what [`schema`] names.

mod m20261123_000001_create_log;
mod m20261123_000002_create_sessions;
mod m20261123_000003_create_groups;
mod m20261123_000004_create_reservations;
mod m20261123_000005_create_world;
mod m20261123_000006_add_jobs;
mod m20261125_000007_create_aliases;
mod m20261126_000008_create_webhooks;
mod m20261129_000009_add_probe;
mod m20261129_000010_number_writes;
mod m20261129_000011_add_fetch_budgets;
mod m20261130_000012_add_cluster;
mod m20261130_000013_add_spellings;
mod m20261130_000014_add_rests;
mod m20261201_000015_create_relays;
mod m20261201_000016_add_trace_of_deletions;
mod schema;

pub(super) use self::schema::random_number;

use std::collections::BTreeSet;

use sea_orm_migration::sea_orm::DatabaseConnection;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use super::fault;
use crate::domain::port::repository::StoreError;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(
        "a newer version has migrated the database: this one does not know {unknown}, and misses {lacking}, so that it \
         cannot serve; run a version that knows both"
    )]
    TooNew { unknown: String, lacking: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings the schema up to date. One that a newer version has migrated is taken as it is, so that a rollback
/// needs no restore: migrations only add, and what they add has defaults. Answers the newer version's migrations.
pub(super) async fn run(db: &DatabaseConnection) -> Result<Vec<String>, SchemaError> {
    let stored = |error| SchemaError::Store(fault::undecided(error));
    let known: BTreeSet<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied = Migrator::get_migration_models(db).await.map_err(stored)?;
    let applied: BTreeSet<String> = applied.into_iter().map(|model| model.version).collect();
    let newer: Vec<String> = applied.difference(&known).cloned().collect();
    if newer.is_empty() {
        Migrator::up(db, None).await.map_err(stored)?;
        return Ok(Vec::new());
    }
    let lacking: Vec<&str> = known.difference(&applied).map(String::as_str).collect();
    if !lacking.is_empty() {
        return Err(SchemaError::TooNew { unknown: newer.join(", "), lacking: lacking.join(", ") });
    }
    tracing::warn!(
        migrations = newer.join(", "),
        "a newer version has migrated the schema; this one runs on what it knows of it"
    );
    Ok(newer)
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_create_log::Migration),
            Box::new(m20261123_000002_create_sessions::Migration),
            Box::new(m20261123_000003_create_groups::Migration),
            Box::new(m20261123_000004_create_reservations::Migration),
            Box::new(m20261123_000005_create_world::Migration),
            Box::new(m20261123_000006_add_jobs::Migration),
            Box::new(m20261125_000007_create_aliases::Migration),
            Box::new(m20261126_000008_create_webhooks::Migration),
            Box::new(m20261129_000009_add_probe::Migration),
            Box::new(m20261129_000010_number_writes::Migration),
            Box::new(m20261129_000011_add_fetch_budgets::Migration),
            Box::new(m20261130_000012_add_cluster::Migration),
            Box::new(m20261130_000013_add_spellings::Migration),
            Box::new(m20261130_000014_add_rests::Migration),
            Box::new(m20261201_000015_create_relays::Migration),
            Box::new(m20261201_000016_add_trace_of_deletions::Migration),
        ]
    }
}
