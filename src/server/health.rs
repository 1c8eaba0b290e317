//! Whether the service can serve: asked by probes, reported to all who watch grpc.health.v1.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::serving::Current;
use crate::ops::Checks;

/// How often the database is asked while all is well, how often while it is not, and how long it may take
/// to answer.
const INTERVAL: Duration = Duration::from_secs(2);
const INTERVAL_OF_TROUBLE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(2);

/// The state of readiness, shared by the gRPC health service and `/readyz`.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    current: Current,
    reporter: HealthReporter,
    /// Names of the services whose health is reported, besides the overall one.
    services: tokio::sync::Mutex<Vec<&'static str>>,
    checks: watch::Sender<Checks>,
}

impl Readiness {
    pub fn new(current: Current, reporter: HealthReporter) -> Self {
        let (checks, _) = watch::channel(Checks::default());
        Self(Arc::new(Inner {
            current,
            reporter,
            services: tokio::sync::Mutex::new(Vec::new()),
            checks,
        }))
    }

    /// Reports on these services too, from now on.
    pub async fn report_on(&self, services: Vec<&'static str>) {
        *self.0.services.lock().await = services;
        self.publish().await;
    }

    pub fn checks(&self) -> Checks {
        *self.0.checks.borrow()
    }

    /// Asks now and then until the service closes, and learns at once of a commit that failed.
    pub async fn watch(&self, closing: CancellationToken) {
        let mut serving = self.0.current.changes();
        let mut commits = self.0.current.get().app.commits();
        loop {
            let is_well = self.checks().database && self.checks().commits;
            let interval = if is_well { INTERVAL } else { INTERVAL_OF_TROUBLE };
            tokio::select! {
                () = tokio::time::sleep(interval) => self.check().await,
                Ok(()) = commits.changed() => self.note().await,
                Ok(()) = serving.changed() => {
                    commits = self.0.current.get().app.commits();
                    self.check().await;
                }
                () = closing.cancelled() => return,
            }
        }
    }

    pub async fn check(&self) {
        let app = self.0.current.get().app.clone();
        let commits = async {
            // Another replica commits.
            if !app.is_follower() {
                app.check_commits().await;
            }
        };
        let (database, _) = tokio::join!(
            tokio::time::timeout(PATIENCE, app.check_database()),
            tokio::time::timeout(PATIENCE, commits),
        );
        let database = matches!(database, Ok(Ok(())));
        let changed = self.0.checks.send_if_modified(|checks| {
            std::mem::replace(&mut checks.database, database) != database
        });
        if changed && database {
            tracing::info!("the database answers");
        } else if changed {
            tracing::error!("the database does not answer; not ready");
        }
        if changed {
            self.publish().await;
        }
        self.note().await;
    }

    /// Takes over what the writer reports of commits.
    async fn note(&self) {
        let commits = *self.0.current.get().app.commits().borrow();
        let changed = self
            .0
            .checks
            .send_if_modified(|checks| std::mem::replace(&mut checks.commits, commits) != commits);
        if changed {
            self.publish().await;
        }
    }

    pub async fn begin_draining(&self) {
        self.0.checks.send_modify(|checks| checks.draining = true);
        self.publish().await;
    }

    async fn publish(&self) {
        // Under the lock, so that of two that publish at once the later one's status stays.
        let services = self.0.services.lock().await;
        let status = if self.checks().is_ready() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for service in services.iter() {
            self.0.reporter.set_service_status(*service, status).await;
        }
        self.0.reporter.set_service_status("", status).await;
    }
}
