//! What engines are told, on its way into the log.

use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::report::Report;
use super::writer::Writer;
use super::{App, Inner, draining};
use crate::domain::error::Error;
use crate::domain::event::Origin;
use crate::domain::id::SessionName;
use crate::domain::port::engine::{
    ConnectionNews, EngineNotification, NotificationSink, Taken, Told,
};
use crate::domain::reason::Reason;
use crate::telemetry;

/// Takes notifications in; each is durable, or known as a duplicate, when its delivery returns.
pub struct Ingest {
    writer: Writer,
    /// The service holds its engines, and they hold this.
    inner: Weak<Inner>,
}

impl Ingest {
    pub(super) fn new(inner: &Arc<Inner>) -> Self {
        Self { writer: inner.writer.clone(), inner: Arc::downgrade(inner) }
    }
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ingest")
    }
}

#[async_trait]
impl NotificationSink for Ingest {
    async fn take_in(&self, session: &SessionName, told: Told) -> Result<Taken, Error> {
        let inner = self.inner.upgrade().ok_or_else(draining)?;
        App { inner }.take_in(session, told).await
    }

    async fn deliver(&self, notifications: Vec<EngineNotification>) -> Result<(), Error> {
        // Handed in together, so that a burst commits together.
        let writes = notifications.into_iter().map(|notification| {
            let engine = notification.engine;
            let report = Report {
                observations: notification.observations,
                source_ids: vec![notification.source_id],
                is_notification: true,
                call_key: notification.call_key.map(Into::into),
                ..Report::new(notification.session, engine, Origin::Engine)
            };
            async move { (engine, self.writer.write(report).await) }
        });
        let mut failure = None;
        for (engine, written) in futures::future::join_all(writes).await {
            match written {
                Ok(committed) => {
                    let outcome = if committed.changed { "changed" } else { "unchanged" };
                    telemetry::notification(engine.as_str(), outcome);
                }
                // A session that is gone needs no news; delivering them again would never end.
                Err(error) if error.reason() == Reason::SessionNotFound => {
                    telemetry::notification(engine.as_str(), "no_session");
                }
                Err(error) => {
                    telemetry::notification(engine.as_str(), "failed");
                    failure = Some(error);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn connection_changed(&self, session: &SessionName, news: ConnectionNews) {
        if let Some(inner) = self.inner.upgrade() {
            inner.connections.tell(session, news);
        }
    }
}
