//! What a command needs on its way to an engine.

use std::sync::Arc;

use crate::app::Inner;
use crate::app::log::CallKey;
use crate::domain::answer::MutationOutcome;
use crate::domain::event::Initiator;
use crate::domain::id::SessionName;
use crate::domain::operation::{
    self, CommandValue as _, EngineAnswer, EngineCall, GroupCommand, Perform,
};
use crate::domain::port::engine::GroupEngine;

pub(in crate::app) struct MutationContext<'a> {
    pub inner: &'a Arc<Inner>,
    pub session: &'a SessionName,
    pub initiator: Initiator,
    pub call_key: CallKey,
}

/// As the command is, without anything done before or after it.
pub(super) async fn plainly<C: GroupCommand>(
    engine: &dyn GroupEngine,
    call: EngineCall<'_>,
    command: &C,
) -> operation::Result<EngineAnswer<MutationOutcome>>
where
    dyn GroupEngine: Perform<C>,
{
    let answer = engine.perform(call, command).await?;
    Ok(answer.map(|value| value.outcome(command.group_id())))
}
