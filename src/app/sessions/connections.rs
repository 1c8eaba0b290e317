//! What engines report of their connections: it moves a session's status, and a new connection is
//! followed by a comparison with WhatsApp.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::app::{App, Call, ENGINE_PAUSES};
use crate::domain::id::SessionName;
use crate::domain::port::engine::ConnectionEvent;

type Reported = (SessionName, ConnectionEvent);

#[derive(Debug)]
pub(in crate::app) struct Connections {
    /// A handful of small messages for each session and hour, so that there is no bound on them.
    sender: mpsc::UnboundedSender<Reported>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<Reported>>>,
}

impl Default for Connections {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Connections {
    pub fn report(&self, session: &SessionName, event: ConnectionEvent) {
        // The receiver ends with the service only.
        let _ = self.sender.send((session.clone(), event));
    }
}

impl App {
    /// Follows the connections of all sessions until the service stops. Sessions do not wait for each
    /// other; within one, events are dealt with in their order.
    pub async fn follow_connections(&self) {
        let connections = &self.inner.sessions.connections;
        let taken = connections.receiver.lock().take();
        let Some(mut receiver) = taken else { return };
        let mut followers: HashMap<SessionName, mpsc::UnboundedSender<ConnectionEvent>> =
            HashMap::new();
        loop {
            let (session, event) = tokio::select! {
                received = receiver.recv() => match received {
                    Some(received) => received,
                    None => return,
                },
                () = self.inner.lifecycle.draining.cancelled() => return,
            };
            followers.retain(|name, _| self.inner.sessions.directory.contains(name));
            let follower = followers.entry(session.clone()).or_insert_with(|| {
                let (sender, events) = mpsc::unbounded_channel();
                let app = self.clone();
                tokio::spawn(async move { app.follow_one(&session, events).await });
                sender
            });
            // It ends only when its sender is dropped.
            let _ = follower.send(event);
        }
    }

    /// Deals with one session's connection events. One that could not be applied is tried again until a newer one
    /// comes: it is not reported again.
    async fn follow_one(
        &self,
        session: &SessionName,
        mut events: mpsc::UnboundedReceiver<ConnectionEvent>,
    ) {
        let mut pauses = ENGINE_PAUSES;
        let mut again: Option<(Instant, ConnectionEvent)> = None;
        // A newer connection's comparison covers that of an older one.
        let mut _comparing = None;
        loop {
            let due = again.as_ref().map_or_else(Instant::now, |(due, _)| *due);
            let next = tokio::select! {
                biased;
                received = events.recv() => match received {
                    Some(received) => received,
                    None => return,
                },
                () = sleep_until(due), if again.is_some() => match again.take() {
                    Some((_, event)) => event,
                    None => continue,
                },
            };
            again = None;
            if self.inner.is_draining() {
                continue;
            }
            let is_online = next == ConnectionEvent::Online;
            match self.connection_changed(session, next.clone()).await {
                Ok(()) => {
                    pauses.reset();
                    if is_online {
                        let (app, session) = (self.clone(), session.clone());
                        let comparing = async move { app.compare_after_connect(&session).await };
                        _comparing = Some(AbortOnDropHandle::new(tokio::spawn(comparing)));
                    }
                }
                Err(error) => {
                    tracing::warn!(%session, %error, "a session could not follow its connection");
                    if error.reason().invites_retry() {
                        let pause = pauses.pause(error.retry_delay(), self.inner.entropy.as_ref());
                        let event = match next {
                            // The session may have left the state that the link belongs to.
                            ConnectionEvent::Linked => ConnectionEvent::Online,
                            event => event,
                        };
                        again = Some((Instant::now() + pause, event));
                    }
                }
            }
        }
    }

    /// What changed while no report reached us becomes events now. A connection that comes and goes does not
    /// make WhatsApp list all groups each time; but until a list was made after it came, it is tried again.
    async fn compare_after_connect(&self, session: &SessionName) {
        let inner = &self.inner;
        let since = Instant::now();
        let mut pauses = ENGINE_PAUSES;
        loop {
            if let Some(compared) = inner.sessions.directory.compared(session) {
                if compared >= since {
                    return;
                }
                let passed = compared.elapsed();
                let pause = inner.options.min_compare_interval.saturating_sub(passed);
                tokio::select! {
                    () = sleep(pause) => {}
                    () = inner.lifecycle.draining.cancelled() => return,
                }
            }
            match self.refresh_groups(&Call::internal(), session, &[], false).await {
                // Perhaps it was one that had begun before.
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%session, %error, "the groups could not be compared with WhatsApp's");
                    // What is no longer up is compared when it is up again.
                    if !error.reason().invites_retry() || !inner.sessions.directory.is_up(session) {
                        return;
                    }
                    let pause = pauses.pause(error.retry_delay(), inner.entropy.as_ref());
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = inner.lifecycle.draining.cancelled() => return,
                    }
                }
            }
        }
    }
}
