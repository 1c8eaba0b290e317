//! What the server of a session reports.
//!
//! Each event carries which session it is about, which account that session is, and when the event was
//! made. The server repeats events until they are acknowledged, in any order and at the same time; what is
//! acknowledged here is durable.

use crate::app::Inner;
use crate::app::log::{EngineChanges, WriteContent, WriteRequest};
use crate::app::sessions::ReportedStatus;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::{Lid, PhoneNumber, SessionName};
use crate::domain::port::engine::{
    ConnectionEvent, IngestOutcome, ServerEvent, ServerEventContent,
};
use crate::domain::reducer::{Change, Observation};
use crate::domain::session::SessionStatus;
use crate::domain::trace_context::TraceContext;

/// Which report of a server it is.
struct LateReport {
    source_id: String,
    time: Timestamp,
    trace: Option<TraceContext>,
}

impl Inner {
    /// On return the event is durable. On an error it must be sent again.
    pub(super) async fn ingest_server_event(
        &self,
        name: &SessionName,
        event: ServerEvent,
    ) -> Result<IngestOutcome> {
        self.refuse_if_draining()?;
        let ServerEvent { source_id, time, login, mut aliases, trace, content } = event;
        if let Some(login) = &login {
            self.adopt_reported_account(name, login).await?;
            aliases.extend(login.account.both_names());
        }
        let made = (time, source_id.clone());
        let (outcome, status, reason) = match content {
            ServerEventContent::Status(status, reason) => {
                drop(self.identify(name, &mut [], &aliases, time).await?);
                if self.is_carried(name)? {
                    self.sessions
                        .connections
                        .report(name, ConnectionEvent::of_status(status, reason));
                    return Ok(IngestOutcome::Accepted);
                }
                (IngestOutcome::Accepted, status, reason)
            }
            ServerEventContent::Changes(changes) => {
                let report = LateReport { source_id, time, trace };
                let outcome = self.ingest_late_changes(name, report, &aliases, changes).await?;
                if self.is_carried(name)? {
                    return Ok(outcome);
                }
                // A session whose groups change is linked and connected.
                (outcome, SessionStatus::Working, String::new())
            }
        };
        self.follow_status(name, ReportedStatus { made, status, reason }).await?;
        Ok(outcome)
    }

    /// Whether an engine carries the session, so that its connection is followed as any other.
    fn is_carried(&self, name: &SessionName) -> Result<bool> {
        Ok(!self.sessions.directory.get(name)?.config.takes_webhooks_only())
    }

    async fn ingest_late_changes(
        &self,
        name: &SessionName,
        report: LateReport,
        aliases: &[(Lid, PhoneNumber)],
        mut observations: Vec<Observation>,
    ) -> Result<IngestOutcome> {
        let LateReport { source_id, time, trace } = report;
        let _under_way = self.identify(name, &mut observations, aliases, time).await?;
        // A person the event names beside the changes may be known in this group under one name only.
        let beside = observations.last().filter(|_| !aliases.is_empty()).map(|last| Observation {
            change: Change::Aliases(aliases.to_vec()),
            actor: None,
            ..last.clone()
        });
        observations.extend(beside);
        let engine = self.sessions.directory.get(name)?.engine;
        let content = WriteContent::EngineChanges(EngineChanges {
            source_id,
            observations,
            call_key: None,
            trace,
            may_be_late: true,
        });
        let request = WriteRequest { session: name.clone(), engine, content };
        Ok(self.log.write(request).await?.ingested())
    }
}
