//! Reading one group anew from WhatsApp.

use std::time::Duration;

use crate::app::log::{Fetched, WriteContent, WriteRequest, WriteResult};
use crate::app::{App, Call, Inner};
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::operation::{EngineCall, FetchGroup, OperationName};
use crate::domain::reason::Reason;
use crate::domain::reducer::Observation;

/// How often a group is read again because it changed meanwhile.
const ATTEMPTS: u32 = 4;

impl App {
    /// Asks WhatsApp for the group and writes what differs as events of origin RECONCILED. Callers that ask
    /// for the same group meanwhile share the answer.
    pub(in crate::app) async fn refresh_group(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<WriteResult> {
        let inner = self.inner.clone();
        inner.working_engine(session, OperationName::FetchGroup)?;
        let key = (session.clone(), group_id.clone());
        let (name, id) = key.clone();
        let fetch = async move { inner.read_anew(&name, &id).await };
        let known = self.inner.groups.reads.groups.ask(call, &self.inner, key, true, fetch).await;
        Ok(known.map_err(|error| error.with_context("group_id", group_id))?.value)
    }
}

impl Inner {
    async fn read_anew(&self, session: &SessionName, group_id: &GroupId) -> Result<WriteResult> {
        let engine = self.working_engine(session, OperationName::FetchGroup)?;
        let query = FetchGroup { group_id: group_id.clone() };
        for _ in 0..ATTEMPTS {
            // A change that is logged while the answer is on its way is newer than the answer.
            let held = self.log.view(session, group_id).await?;
            let known = held.map_or(Sequence::ZERO, |view| view.sequence);
            let fetched = engine.perform(EngineCall::of_query(session), &query).await;
            let fetched = fetched.map_err(|failed| failed.error)?;
            let stamp = fetched.stamp.clone();
            let observation = Observation {
                group_id: group_id.clone(),
                change: fetched.into_change(),
                actor: None,
                occur_time: self.clock.now(),
                stamp,
            };
            let content =
                WriteContent::Fetched(Fetched { observation, only_at_sequence: Some(known) });
            let request = WriteRequest { session: session.clone(), engine: engine.kind(), content };
            let committed = self.log.write(request).await?;
            if !committed.is_overtaken() {
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
