//! Reading one group anew from WhatsApp.

use std::time::Duration;

use crate::app::report::Report;
use crate::app::{App, Call};
use crate::domain::error::{Error, Result};
use crate::domain::event::Origin;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::reason::Reason;
use crate::domain::reducer::{Change, Observation};
use crate::telemetry;

/// How often a group is read again because it changed meanwhile.
const ATTEMPTS: u32 = 4;

impl App {
    /// Asks WhatsApp for the group and writes what differs as events of origin RECONCILED.
    pub(in crate::app) async fn refresh_group(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<()> {
        let inner = &self.inner;
        let engine = inner.working_engine(session)?;
        for _ in 0..ATTEMPTS {
            // A change that is logged while the answer is on its way is newer than the answer.
            let known = self.current(session, group_id).await?.map_or(0, |view| view.sequence);
            let mut timeout = inner.options.engine_read_timeout;
            if let Some(deadline) = call.deadline {
                timeout =
                    timeout.min(deadline.saturating_duration_since(tokio::time::Instant::now()));
            }
            let started = tokio::time::Instant::now();
            let fetched =
                tokio::time::timeout(timeout, engine.fetch_group(session, group_id)).await;
            let outcome = match &fetched {
                Ok(Ok(_)) => "ok",
                Ok(Err(_)) => "failed",
                Err(_) => "timeout",
            };
            telemetry::engine_call(
                engine.kind().as_str(),
                "FetchGroup",
                outcome,
                started.elapsed(),
            );
            let fetched = fetched
                .map_err(|_| {
                    Error::new(Reason::DeadlineExceeded, "WhatsApp did not answer in time")
                })?
                .map_err(|error| error.error)?;
            let change = match fetched.group {
                Some(group) => Change::Full(Box::new(group)),
                None => Change::Left,
            };
            let report = Report {
                observations: vec![Observation {
                    group_id: group_id.clone(),
                    change,
                    actor: None,
                    occur_time: inner.clock.now(),
                    stamp: fetched.stamp,
                }],
                only_at_sequence: Some(known),
                ..Report::new(session.clone(), engine.kind(), Origin::Reconciled)
            };
            if !inner.writer.write(report).await?.overtaken {
                return Ok(());
            }
        }
        Err(Error::new(
            Reason::ConcurrentUpdate,
            "the group keeps changing while it is read; try again",
        )
        .with("session", session)
        .retry_after(Duration::from_secs(1)))
    }
}
