//! A replica that does not act: it reads, and keeps up with what the owner writes.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::App;
use crate::domain::error::Error;
use crate::domain::port::cluster::{ClusterStore, Wakeup};

impl App {
    /// Whether another replica acts.
    pub fn is_follower(&self) -> bool {
        self.inner.follows
    }

    /// All that has to run for as long as this replica follows.
    pub fn background_of_follower(
        &self,
        store: Arc<dyn ClusterStore>,
    ) -> Vec<BoxFuture<'static, ()>> {
        let (follows, sessions) = (self.clone(), self.clone());
        vec![
            async move { follows.follow().await }.boxed(),
            async move { sessions.follow_sessions(store).await }.boxed(),
        ]
    }

    /// Reads what others have written by now.
    pub async fn catch_up(&self) {
        if let Err(error) = self.inner.log.catch_up().await {
            tracing::warn!(%error, cause = error.cause(), "could not follow the log");
        }
    }

    /// Looks for what others have written, at once.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Resolves once the database holds another log than the one that was followed, as after a failover that lost the
    /// end of it: nothing that is in memory can be believed any more.
    pub async fn log_replaced(&self) {
        self.inner.log.replaced().cancelled_owned().await;
    }

    /// Wakes the other replicas whenever there is something in the log, until the service stops.
    pub async fn announce(&self, store: Arc<dyn ClusterStore>) {
        let written = self.inner.log.subscribe(&[]);
        loop {
            tokio::select! {
                () = written.wait() => {}
                () = self.inner.lifecycle.cut_off.cancelled() => return,
            }
            // The others ask by themselves, too.
            if let Err(error) = store.notify(Wakeup::Log).await {
                tracing::debug!(%error, "the other replicas could not be woken");
            }
        }
    }

    /// Reads the sessions anew whenever a row of theirs was written.
    async fn follow_sessions(&self, store: Arc<dyn ClusterStore>) {
        let inner = &self.inner;
        let mut known = String::new();
        loop {
            let read = async {
                let mark = store.sessions_mark().await?;
                if mark != known {
                    inner.sessions.directory.reload(inner.repository.as_ref()).await?;
                    // A sequence is noted once what it numbers has been read: readers wait for it.
                    inner.log.catch_up().await?;
                    for session in inner.sessions.directory.all() {
                        inner.log.note_sequence(&session.name, session.sequence);
                    }
                    known = mark;
                }
                Ok::<_, Error>(())
            };
            if let Err(error) = read.await {
                tracing::warn!(%error, cause = error.cause(), "could not follow the sessions");
            }
            let pause = inner.entropy.jittered(inner.options.poll_interval, 0.25);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = inner.lifecycle.cut_off.cancelled() => return,
            }
        }
    }
}
