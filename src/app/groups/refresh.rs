//! Reading one group anew from WhatsApp.

use std::time::Duration;

use crate::app::report::{Committed, Report};
use crate::app::{App, Call, Inner};
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::event::Origin;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::operation::{EngineCall, FetchGroup, OperationName};
use crate::domain::reason::Reason;
use crate::domain::reducer::Observation;

/// How often a group is read again because it changed meanwhile.
const ATTEMPTS: u32 = 4;

impl App {
    /// Asks WhatsApp for the group and writes what differs as events of origin RECONCILED. Who asks for
    /// the same group meanwhile shares the answer.
    pub(in crate::app) async fn refresh_group(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Committed> {
        let inner = self.inner.clone();
        inner.working_engine(session, OperationName::FetchGroup)?;
        let key = (session.clone(), group_id.clone());
        let (name, id) = key.clone();
        let fetch = async move { inner.read_anew(&name, &id).await };
        let known = self.inner.asked.groups.ask(call, &self.inner, key, true, fetch).await;
        Ok(known.map_err(|error| error.with_context("group_id", group_id))?.value)
    }
}

impl Inner {
    async fn read_anew(&self, session: &SessionName, group_id: &GroupId) -> Result<Committed> {
        let engine = self.working_engine(session, OperationName::FetchGroup)?;
        let query = FetchGroup { group_id: group_id.clone() };
        for _ in 0..ATTEMPTS {
            // A change that is logged while the answer is on its way is newer than the answer.
            let held = self.live.views.get(self.repository.as_ref(), session, group_id).await?;
            let known = held.map_or(Sequence::ZERO, |view| view.sequence);
            let fetched = engine.perform(EngineCall::of_query(session), &query).await;
            let fetched = fetched.map_err(|failed| failed.error)?;
            let stamp = fetched.stamp.clone();
            let report = Report {
                observations: vec![Observation {
                    group_id: group_id.clone(),
                    change: fetched.into_change(),
                    actor: None,
                    occur_time: self.clock.now(),
                    stamp,
                }],
                only_at_sequence: Some(known),
                ..Report::new(session.clone(), engine.kind(), Origin::Reconciled)
            };
            let committed = self.writer.write(report).await?;
            if !committed.overtaken {
                return Ok(committed);
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
