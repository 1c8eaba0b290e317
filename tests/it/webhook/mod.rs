//! WAHA's webhooks: what they come to, what they must not do, and that none is lost.

mod abuse;
mod busy_day;
mod cases;
mod import;
mod kills;
mod old_metrics;
mod recorded;
pub mod sender;
mod sessions;
mod shuffle;
mod traces;

use wagroups::config::Settings;

/// Settings of a service that takes webhooks.
pub fn listening(settings: &mut Settings) {
    settings.waha_ingress.listen = "127.0.0.1:0".parse().ok();
}

/// Declares tests that run on SQLite and on PostgreSQL, of services that take webhooks:
/// `async fn name(service: Service)`.
macro_rules! told_on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            use crate::harness::service::Service;
            use crate::webhook::listening;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(Service::on_sqlite_with(listening).await).await;
            })+
        }
        mod postgres {
            use crate::harness::service::Service;
            use crate::webhook::listening;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(service) = Service::on_postgres_with(listening).await {
                    super::$name(service).await;
                }
            })+
        }
    };
}
pub(crate) use told_on_each_database;
