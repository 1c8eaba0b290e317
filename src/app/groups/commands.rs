//! How each command is carried out: what is made of it before it goes to an engine, and what the caller is answered.

use std::sync::Arc;

use super::Mutated;
use super::members::Meant;
use crate::app::mutate::{Mutation, Sending};
use crate::app::{App, Call, Inner};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, RequestId, SessionName};
use crate::domain::operation::{
    self, Command, CommandValue as _, EngineAnswer, EngineCall, GroupCommand, Perform,
};
use crate::domain::port::engine::GroupEngine;
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
        let view = match &answer.verdict.group_id {
            // The mutation is done; a database that is away now must not make it look undone. Who repeats a
            // call has sent nothing by it, and hears of an outage as any reader does.
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

/// A command as it is carried out.
#[derive(Debug)]
pub(in crate::app) struct Prepared {
    command: Command,
    /// Whom it means, where it is about people.
    meant: Option<Meant>,
}

impl Prepared {
    /// Refuses what could mean several people.
    pub async fn of(inner: &Inner, session: &SessionName, mut command: Command) -> Result<Self> {
        let meant = match &mut command {
            Command::CreateGroup(create) => {
                let meant = Meant::literally(std::mem::take(&mut create.participants));
                create.participants = meant.ids().to_vec();
                Some(meant)
            }
            Command::ChangeParticipants(change) => {
                let asked = std::mem::take(&mut change.participants);
                let meant = inner.meant(session, &change.group_id, change.action, asked).await?;
                change.participants = meant.ids().to_vec();
                Some(meant)
            }
            Command::LeaveGroup(_)
            | Command::JoinGroup(_)
            | Command::SetGroupSubject(_)
            | Command::SetGroupDescription(_)
            | Command::SetGroupPicture(_)
            | Command::DeleteGroupPicture(_)
            | Command::ChangeSetting(_)
            | Command::AnswerJoinRequests(_)
            | Command::RevokeInviteCode(_) => None,
        };
        Ok(Self { command, meant })
    }

    /// Of a command that names people as the group does.
    pub fn literally(command: Command) -> Self {
        Self { command, meant: None }
    }

    pub fn command(&self) -> &Command {
        &self.command
    }

    /// What a caller gave goes as soon as nothing needs it any more: a picture's file has megabytes.
    pub async fn perform(
        self,
        sending: &Sending<'_>,
        engine: Arc<dyn GroupEngine>,
    ) -> operation::Result<EngineAnswer<Verdict>> {
        let call = EngineCall { session: sending.session, key: &sending.call_key };
        let engine = &*engine;
        let mut answer = match self.command {
            Command::CreateGroup(create) => plainly(engine, call, &create).await,
            Command::LeaveGroup(leave) => plainly(engine, call, &leave).await,
            Command::JoinGroup(join) => super::join::perform(sending, engine, call, &join).await,
            Command::SetGroupSubject(set) => plainly(engine, call, &set).await,
            Command::SetGroupDescription(set) => plainly(engine, call, &set).await,
            Command::SetGroupPicture(set) => {
                let made = super::picture::made(sending, set).await?;
                plainly(engine, call, &made).await
            }
            Command::DeleteGroupPicture(delete) => plainly(engine, call, &delete).await,
            Command::ChangeSetting(change) => plainly(engine, call, &change).await,
            Command::ChangeParticipants(change) => plainly(engine, call, &change).await,
            Command::AnswerJoinRequests(answers) => plainly(engine, call, &answers).await,
            Command::RevokeInviteCode(revoke) => plainly(engine, call, &revoke).await,
        }?;
        if let Some(meant) = &self.meant {
            answer.value.results = meant.as_requested(&answer.value.results);
        }
        Ok(answer)
    }
}

pub(super) async fn plainly<C: GroupCommand>(
    engine: &dyn GroupEngine,
    call: EngineCall<'_>,
    command: &C,
) -> operation::Result<EngineAnswer<Verdict>>
where
    dyn GroupEngine: Perform<C>,
{
    let answer = engine.perform(call, command).await?;
    Ok(answer.map(|value| value.verdict(command.group_id())))
}
