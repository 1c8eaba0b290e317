//! The schema, step by step. It is the same on both databases but for what [`schema`] names.

mod m20261123_000001_create_log;
mod m20261123_000002_create_sessions;
mod m20261123_000003_create_groups;
mod m20261123_000004_create_reservations;
mod m20261123_000005_create_world;
mod m20261123_000006_add_jobs;
mod m20261125_000007_create_aliases;
mod m20261126_000008_create_webhooks;
mod schema;

pub(super) use self::schema::random_number;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub(super) struct Migrator;

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
        ]
    }
}
