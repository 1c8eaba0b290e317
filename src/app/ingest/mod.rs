//! The one way in for events and notifications: what engines report unasked, on its way into the log.

mod identities;
mod known_names;
mod server_events;
mod webhook_ingress;

use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::log::{EngineChanges, WriteContent, WriteRequest};
use super::{App, Inner, draining};
use crate::domain::error::Result;
use crate::domain::id::SessionName;
use crate::domain::port::engine::{
    EngineEvent, EngineEventContent, EngineEventSink, GroupChanges, IngestOutcome,
};
use crate::domain::reason::Reason;
use crate::telemetry;
pub(super) use identities::Identities;
pub(super) use known_names::KnownNames;
pub use webhook_ingress::WebhookIngress;

/// Where engines deliver what they report.
pub struct Ingest {
    /// The service holds its engines, and they hold this.
    inner: Weak<Inner>,
}

impl Ingest {
    pub(super) fn new(inner: &Arc<Inner>) -> Self {
        Self { inner: Arc::downgrade(inner) }
    }
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ingest")
    }
}

#[async_trait]
impl EngineEventSink for Ingest {
    async fn ingest(&self, events: Vec<EngineEvent>) -> Vec<Result<IngestOutcome>> {
        match self.inner.upgrade() {
            Some(inner) => App { inner }.ingest(events).await,
            None => events.iter().map(|_| Err(draining())).collect(),
        }
    }
}

impl App {
    /// Takes in what engines report of their sessions; see [`EngineEventSink::ingest`].
    pub async fn ingest(&self, events: Vec<EngineEvent>) -> Vec<Result<IngestOutcome>> {
        futures::future::join_all(events.into_iter().map(|event| self.inner.ingest(event))).await
    }
}

impl Inner {
    async fn ingest(&self, event: EngineEvent) -> Result<IngestOutcome> {
        let EngineEvent { session, content } = event;
        match content {
            EngineEventContent::Changes(changes) => self.ingest_changes(session, changes).await,
            EngineEventContent::Connection(event) => {
                self.sessions.connections.report(&session, event);
                Ok(IngestOutcome::Accepted)
            }
            EngineEventContent::Server(event) => self.ingest_server_event(&session, event).await,
        }
    }

    async fn ingest_changes(
        &self,
        session: SessionName,
        changes: GroupChanges,
    ) -> Result<IngestOutcome> {
        let engine = match self.sessions.directory.get(&session) {
            Ok(known) => known.engine,
            Err(error) => {
                telemetry::notification("none", "no_session");
                return Err(error);
            }
        };
        let content = WriteContent::EngineChanges(EngineChanges {
            source_id: changes.source_id,
            observations: changes.observations,
            call_key: changes.call_key.map(Into::into),
            trace: None,
            may_be_late: false,
        });
        let written = self.log.write(WriteRequest { session, engine, content }).await;
        let outcome = match &written {
            Ok(written) if written.changed => "changed",
            Ok(_) => "unchanged",
            Err(error) if error.reason() == Reason::SessionNotFound => "no_session",
            Err(_) => "failed",
        };
        telemetry::notification(engine.as_str(), outcome);
        written.map(|written| written.ingested())
    }
}
