//! A group's invite code.

use super::change::Target;
use super::{Mutated, Reading};
use crate::app::{App, Call};
use crate::domain::answer::Verdict;
use crate::domain::error::Result;
use crate::domain::id::{GroupId, InviteCode, SessionName};
use crate::domain::port::engine::EngineOperation;
use crate::domain::reducer::Change;

impl App {
    /// The code, which is asked for once; an event tells when it is void.
    pub async fn invite_code(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
        refresh: bool,
        min_sequence: u64,
    ) -> Result<Reading<InviteCode>> {
        self.view(call, session, group_id, min_sequence).await?;
        let inner = &self.inner;
        let engine = inner.working_engine(session, EngineOperation::GetInviteCode)?;
        let key = (session.clone(), group_id.clone());
        let (name, id) = key.clone();
        let judge = inner.clone();
        let known = inner
            .asked
            .invite_codes
            .ask(call, inner, key, refresh, async move {
                match engine.fetch_invite_code(&name, &id).await {
                    Ok(code) => Ok(code),
                    Err(failed) => Err(judge.believed(&name, Some(&id), failed).await.error),
                }
            })
            .await
            .map_err(|error| error.with_context("group_id", group_id))?;
        Ok(self.reading(session, known))
    }

    /// Voids the code; the answer holds the new one.
    pub async fn revoke_invite_code(&self, call: &Call, target: Target) -> Result<Mutated> {
        let operation = EngineOperation::RevokeInviteCode;
        self.change(call, target, operation, vec![Change::InviteRevoked], |hand| async move {
            let answer = hand
                .engine
                .revoke_invite_code(&hand.session, &hand.group_id, &hand.call_key)
                .await?;
            Ok(answer.map(|code| Verdict { invite_code: Some(code), ..hand.done() }))
        })
        .await
    }
}
