//! A group's invite code.

use super::Reading;
use crate::app::{App, Call};
use crate::domain::counter::Sequence;
use crate::domain::error::Result;
use crate::domain::id::{GroupId, InviteCode, SessionName};
use crate::domain::operation::{EngineCall, GetInviteCode, OperationName};

impl App {
    /// The code, which is asked for once; an event reports when it is void.
    pub async fn invite_code(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
        refresh: bool,
        min_sequence: Sequence,
    ) -> Result<Reading<InviteCode>> {
        self.view(call, session, group_id, min_sequence).await?;
        let inner = &self.inner;
        let engine = inner.working_engine(session, OperationName::GetInviteCode)?;
        let key = (session.clone(), group_id.clone());
        let (name, id) = key.clone();
        let judge = inner.clone();
        let known = inner
            .groups
            .reads
            .invite_codes
            .ask(call, inner, key, refresh, async move {
                let query = GetInviteCode { group_id: id.clone() };
                match engine.perform(EngineCall::of_query(&name), &query).await {
                    Ok(code) => Ok(code),
                    Err(failed) => Err(judge.believed(&name, Some(&id), failed).await.error),
                }
            })
            .await
            .map_err(|error| error.with_context("group_id", group_id))?;
        Ok(self.reading(session, known))
    }
}
