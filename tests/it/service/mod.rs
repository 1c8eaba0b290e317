//! The whole service over real gRPC, on each database: every test starts one of its own.

mod audit;
mod bad_input;
mod broken_requests;
mod deletion;
mod faults;
mod groups;
mod hang_ups;
mod history;
mod idempotency;
pub mod keys;
mod labels;
mod limits;
mod many_groups;
mod omitted;
mod open_commits;
mod ops;
mod outage;
mod readiness;
pub mod refusals;
mod retention;
mod roles;
mod sessions;
mod shares;
mod slow_watchers;
mod strangers;
mod traces;
mod trailers;
mod watch;

/// Declares tests that run on SQLite and on PostgreSQL: `async fn name(service: Service)`.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::harness::service::Service::on_sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(service) = crate::harness::service::Service::on_postgres().await {
                    super::$name(service).await;
                }
            })+
        }
    };
}
pub(crate) use on_each_database;
