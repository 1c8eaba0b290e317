//! What runs besides the calls: sessions that shall run, other processes' events, retention.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{App, Call};
use crate::telemetry;

/// Rows that one step of retention removes.
const TRIM_ROWS: u32 = 1000;
/// Between two steps, so that retention leaves the disk to the writer.
const TRIM_PAUSE: Duration = Duration::from_millis(20);

/// How often in an interval it is checked which sessions are due.
const COMPARISON_STEPS: u32 = 20;

impl App {
    /// All that has to run for as long as the service does.
    pub fn background(&self) -> Vec<BoxFuture<'static, ()>> {
        let app = || self.clone();
        let (starts, follows, refreshes, retains) = (app(), app(), app(), app());
        let (connections, comparisons, deletions, aliases) = (app(), app(), app(), app());
        let (webhooks, relays) = (app(), app());
        vec![
            async move { connections.follow_connections().await }.boxed(),
            async move { starts.start_wanted_sessions().await }.boxed(),
            async move { follows.follow().await }.boxed(),
            async move { refreshes.run_refresh_queue().await }.boxed(),
            async move { aliases.spread_aliases().await }.boxed(),
            async move { comparisons.compare_regularly().await }.boxed(),
            async move { deletions.resume_deletions().await }.boxed(),
            async move { retains.retain().await }.boxed(),
            async move { webhooks.deliver_webhooks().await }.boxed(),
            async move { relays.relay_events().await }.boxed(),
        ]
    }

    /// Follows the log of other processes, should there be any, until the service stops. Wake-ups
    /// can get lost, so this asks by itself.
    pub async fn follow(&self) {
        let interval = self.inner.options.poll_interval;
        loop {
            // 75 to 125 %, so that replicas that began together do not stay together.
            let pause = self.inner.entropy.jittered(interval, 0.25);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.inner.wake.notified() => {}
                () = self.inner.lifecycle.cut_off.cancelled() => return,
            }
            self.catch_up().await;
        }
    }

    /// Removes what is older than the retention, now and then, until the service stops.
    pub async fn retain(&self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.inner.options.retention_interval) => {}
                () = self.inner.lifecycle.draining.cancelled() => return,
            }
            if let Err(error) = self.retain_once().await {
                tracing::warn!(%error, cause = error.cause(), "retention failed");
            }
        }
    }

    /// One round of retention, in steps small enough not to be noticed.
    pub async fn retain_once(&self) -> crate::domain::error::Result<()> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let before = now - inner.options.retention;
        loop {
            let trimmed = inner.repository.trim(before, TRIM_ROWS).await?;
            telemetry::retention_removed(usize::try_from(trimmed.removed).unwrap_or(usize::MAX));
            if !trimmed.more || inner.is_draining() {
                break;
            }
            tokio::time::sleep(TRIM_PAUSE).await;
        }
        self.expire_webhooks().await?;
        self.clear_deleted_sessions().await?;
        while inner.repository.purge(now, before, TRIM_ROWS).await? && !inner.is_draining() {
            tokio::time::sleep(TRIM_PAUSE).await;
        }
        Ok(())
    }

    /// Compares each session now and then, without any cause, until the service stops.
    pub async fn compare_regularly(&self) {
        let inner = &self.inner;
        let interval = inner.options.compare_interval;
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval / COMPARISON_STEPS) => {}
                () = inner.lifecycle.draining.cancelled() => return,
            }
            for session in inner.sessions.directory.all() {
                let name = &session.name;
                // 90 to 110 %, so that sessions that began together do not stay together.
                let age = inner.entropy.jittered(interval, 0.1);
                let is_due = inner
                    .sessions
                    .directory
                    .compared(name)
                    .is_none_or(|began| began.elapsed() >= age);
                if !is_due || !inner.sessions.directory.is_up(name) || inner.is_draining() {
                    continue;
                }
                let compared = self.refresh_groups(&Call::internal(), name, &[], false).await;
                if let Err(error) = compared {
                    tracing::warn!(session = %name, %error, "the groups could not be compared with WhatsApp's");
                }
            }
        }
    }
}
