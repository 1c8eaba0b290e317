//! How each command is carried out: what is made of it before it goes to an engine, and what the caller is answered.

use super::Mutated;

use crate::app::calls::Mutation;
use crate::app::{App, Call};
use crate::domain::answer::Answer;
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, RequestId, SessionName};
use crate::domain::operation::Command;
use crate::domain::reason::Reason;

/// The group that a call is to change.
#[derive(Debug, Clone)]
pub struct Target {
    pub session: SessionName,
    pub group_id: GroupId,
    pub request_id: Option<RequestId>,
}

impl Target {
    /// What is asked to be changed of it.
    pub fn mutation<C: Into<Command>>(self, command: impl FnOnce(GroupId) -> C) -> Mutation {
        let Self { session, group_id, request_id } = self;
        Mutation { session, request_id, command: command(group_id).into() }
    }
}

impl App {
    /// Does what a caller asks for, at most once for each request id.
    pub async fn execute(&self, call: &Call, mutation: Mutation) -> Result<Mutated> {
        let session = mutation.session.clone();
        let answer = self.mutate(call, mutation).await?;
        self.mutated(&session, answer).await
    }

    async fn mutated(&self, session: &SessionName, answer: Answer) -> Result<Mutated> {
        let view = match &answer.outcome.group_id {
            // The mutation is done; a database that is away now must not make it look undone. A repetition has
            // sent nothing, and gets the error of an outage as any read does.
            Some(group_id) => self.current(session, group_id).await.map_err(|error| {
                if answer.repeated {
                    return error;
                }
                Error::new(
                    Reason::OutcomeUnknown,
                    "the call took effect, but the group could not be read; repeat it under the same request_id, \
                     or look at the group",
                )
                .with("sequence", answer.sequence)
                .caused_by(error)
            })?,
            None => None,
        };
        Ok(Mutated { answer, view })
    }
}
