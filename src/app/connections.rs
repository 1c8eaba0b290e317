//! What engines say of their connections: it moves a session's status, and a new connection is
//! followed by a comparison with WhatsApp.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use super::{App, Call};
use crate::domain::id::SessionName;
use crate::domain::port::engine::ConnectionNews;

type News = (SessionName, ConnectionNews);

#[derive(Debug)]
pub(super) struct Connections {
    /// A handful of small messages for each session and hour, so that there is no bound on them.
    sender: mpsc::UnboundedSender<News>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<News>>>,
}

impl Default for Connections {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Connections {
    pub fn tell(&self, session: &SessionName, news: ConnectionNews) {
        // The receiver ends with the service only.
        let _ = self.sender.send((session.clone(), news));
    }
}

impl App {
    /// Follows the connections of all sessions until the service stops. Sessions do not wait for each
    /// other; within one, news is dealt with in its order.
    pub async fn follow_connections(&self) {
        let connections = &self.inner.connections;
        let taken = connections.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut receiver) = taken else { return };
        let mut followers: HashMap<SessionName, mpsc::UnboundedSender<ConnectionNews>> =
            HashMap::new();
        loop {
            let (session, news) = tokio::select! {
                received = receiver.recv() => match received {
                    Some(received) => received,
                    None => return,
                },
                () = self.inner.draining.cancelled() => return,
            };
            followers.retain(|name, _| self.inner.directory.contains(name));
            let follower = followers.entry(session.clone()).or_insert_with(|| {
                let (sender, mut news) = mpsc::unbounded_channel();
                let app = self.clone();
                tokio::spawn(async move {
                    while let Some(news) = news.recv().await {
                        app.follow_connection(&session, news).await;
                    }
                });
                sender
            });
            // It ends only when its sender is dropped.
            let _ = follower.send(news);
        }
    }

    async fn follow_connection(&self, session: &SessionName, news: ConnectionNews) {
        let is_online = news == ConnectionNews::Online;
        self.connection_changed(session, news).await;
        if is_online && !self.inner.is_draining() {
            let (app, session) = (self.clone(), session.clone());
            tokio::spawn(async move { app.compare_after_connect(&session).await });
        }
    }

    /// What changed while nobody told us becomes events now. A connection that comes and goes does not
    /// make WhatsApp list all groups each time.
    async fn compare_after_connect(&self, session: &SessionName) {
        let inner = &self.inner;
        if let Some(compared) = inner.directory.compared_time(session) {
            let passed = inner.clock.now().since(compared);
            let pause = inner.options.min_compare_interval.saturating_sub(passed);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = inner.draining.cancelled() => return,
            }
        }
        match self.refresh_groups(&Call::internal(), session, &[], false).await {
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%session, %error, "the groups could not be compared with WhatsApp's");
            }
        }
    }
}
