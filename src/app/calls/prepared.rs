//! A command on its way: whom it means, and what an engine is given of it.

use std::sync::Arc;

use super::context::{MutationContext, plainly};
use super::join;
use super::members::Meant;
use crate::app::Inner;
use crate::domain::answer::MutationOutcome;
use crate::domain::error::Result;
use crate::domain::id::SessionName;
use crate::domain::operation::{
    self, CallEcho, Command, EngineAnswer, EngineCall, EngineError, SetGroupPicture,
};
use crate::domain::port::engine::GroupEngine;
use crate::domain::port::picture::Picture;

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
        context: &MutationContext<'_>,
        engine: Arc<dyn GroupEngine>,
        echo: &Arc<dyn CallEcho>,
    ) -> operation::Result<EngineAnswer<MutationOutcome>> {
        let call = EngineCall::of_command(context.session, &context.call_key).with_echo(echo);
        let engine = &*engine;
        let mut answer = match self.command {
            Command::CreateGroup(create) => plainly(engine, call, &create).await,
            Command::LeaveGroup(leave) => plainly(engine, call, &leave).await,
            Command::JoinGroup(command) => join::perform(context, engine, call, &command).await,
            Command::SetGroupSubject(set) => plainly(engine, call, &set).await,
            Command::SetGroupDescription(set) => plainly(engine, call, &set).await,
            Command::SetGroupPicture(set) => {
                let made = made(context, set).await?;
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

/// Made only now: a repetition by request id needs neither the work nor the URL.
async fn made(
    context: &MutationContext<'_>,
    command: SetGroupPicture,
) -> operation::Result<SetGroupPicture<Picture>> {
    let SetGroupPicture { group_id, picture } = command;
    let picture = context.inner.groups.pictures.make(&context.initiator.key_name, picture).await;
    Ok(SetGroupPicture { group_id, picture: picture.map_err(EngineError::not_sent)? })
}
