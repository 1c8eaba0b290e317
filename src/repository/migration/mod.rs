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
mod schema;

pub(super) use self::schema::random_number;

use std::collections::BTreeSet;

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Brings the schema up to date. One that a newer version has migrated is taken as it is, so that a rollback
/// needs no restore: migrations only add, and what they add has defaults.
pub(super) async fn run(db: &DatabaseConnection) -> Result<(), DbErr> {
    let known: BTreeSet<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied = Migrator::get_migration_models(db).await?;
    let applied: BTreeSet<String> = applied.into_iter().map(|model| model.version).collect();
    let newer: Vec<&str> = applied.difference(&known).map(String::as_str).collect();
    if newer.is_empty() {
        return Migrator::up(db, None).await;
    }
    let lacking: Vec<&str> = known.difference(&applied).map(String::as_str).collect();
    if !lacking.is_empty() {
        return Err(DbErr::Migration(format!(
            "a newer version has migrated the schema ({}), and it lacks what this one needs ({}); run a version \
             that knows both",
            newer.join(", "),
            lacking.join(", ")
        )));
    }
    tracing::warn!(
        migrations = newer.join(", "),
        "a newer version has migrated the schema; this one runs on what it knows of it"
    );
    Ok(())
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
        ]
    }
}
