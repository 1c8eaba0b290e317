//! WAHA's paths over real HTTP: the same answers as gRPC's, in each shape, and errors as WAHA has them.

mod bodies;
pub mod client;
mod document;
mod errors;
mod fields;
mod first_calls;
mod foreign_pages;
mod history;
mod idempotency;
mod keys;
mod kinds;
mod lids;
mod linking;
mod listing;
mod origins;
mod pages;
mod parity;
mod recorded;
mod refusals;
mod routes;
mod sessions;
mod shapes;
pub mod socket;
mod statuses;
mod told;
mod words;

use wagroups::config::Settings;

/// Settings of a service that serves WAHA's paths.
pub fn listening(settings: &mut Settings) {
    settings.rest.listen = "127.0.0.1:0".parse().ok();
}

/// Declares tests that run on SQLite and on PostgreSQL, of services that serve WAHA's paths:
/// `async fn name(service: Service)`.
macro_rules! served_on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            use crate::harness::service::Service;
            use crate::rest::listening;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(Service::on_sqlite_with(listening).await).await;
            })+
        }
        mod postgres {
            use crate::harness::service::Service;
            use crate::rest::listening;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(service) = Service::on_postgres_with(listening).await {
                    super::$name(service).await;
                }
            })+
        }
    };
}
pub(crate) use served_on_each_database;
