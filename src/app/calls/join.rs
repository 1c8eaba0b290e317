//! How a group is joined: it is read where the engine's answer does not describe it.

use std::time::Duration;

use prost::Message as _;

use super::context::{MutationContext, plainly};
use crate::app::App;
use crate::domain::answer::MutationOutcome;
use crate::domain::clock::Clock;
use crate::domain::counter::Sequence;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::invite::JoinOutcome;
use crate::domain::operation::{self, EngineAnswer, EngineCall, FetchGroup, JoinGroup};
use crate::domain::port::engine::GroupEngine;
use crate::domain::reducer::{Change, Observation};
use crate::pb;

/// How long the event that describes a joined group may take before the group is read.
const ECHO: Duration = Duration::from_secs(3);

impl App {
    /// Waits a moment until events describe a group that we have joined; returns the sequence of its last one.
    async fn described_soon(&self, session: &SessionName, group_id: &GroupId) -> Option<Sequence> {
        let described = async {
            loop {
                let subscription = self.inner.log.subscribe(std::slice::from_ref(session));
                match self.current(session, group_id).await {
                    Ok(Some(view)) if is_whole(&view.basic()) => return Some(view.sequence),
                    Ok(_) => subscription.wait().await,
                    Err(_) => return None,
                }
            }
        };
        tokio::time::timeout(ECHO, described).await.unwrap_or(None)
    }
}

/// Joins, and waits for the group's description or reads it where the engine's answer has none.
pub(super) async fn perform(
    context: &MutationContext<'_>,
    engine: &dyn GroupEngine,
    call: EngineCall<'_>,
    command: &JoinGroup,
) -> operation::Result<EngineAnswer<MutationOutcome>> {
    let MutationContext { inner, session, .. } = *context;
    let before = inner.log.sequence(session);
    let mut answer = plainly(engine, call, command).await?;
    let has_joined = answer.value.join_outcome == Some(JoinOutcome::Joined);
    let Some(group_id) = answer.value.group_id.clone().filter(|_| has_joined) else {
        return Ok(answer);
    };
    let described = if engine.fetches_all(session) {
        App { inner: inner.clone() }.described_soon(session, &group_id).await
    } else {
        None
    };
    if let Some(sequence) = described {
        if sequence > before {
            // The event came before the answer, and is the event of this call.
            answer.observations.push(Observation {
                group_id,
                change: Change::Fields(Vec::new()),
                actor: None,
                occur_time: inner.clock.now(),
                stamp: None,
            });
        }
    } else if answer.observations.is_empty() {
        answer.observations.push(look_at(engine, session, &*inner.clock, group_id).await);
    }
    Ok(answer)
}

fn is_whole(basic: &[u8]) -> bool {
    pb::Group::decode(basic).is_ok_and(|group| !group.partial)
}

/// Reads the group that was joined, for engines whose answer does not describe it. Where that fails, all
/// that is known is that we are in it; it is read again later.
async fn look_at(
    engine: &dyn GroupEngine,
    session: &SessionName,
    clock: &dyn Clock,
    group_id: GroupId,
) -> Observation {
    let query = FetchGroup { group_id: group_id.clone() };
    let (change, stamp) = match engine.perform(EngineCall::of_query(session), &query).await {
        Ok(fetched) if fetched.group.is_some() => {
            let stamp = fetched.stamp.clone();
            (fetched.into_change(), stamp)
        }
        Ok(_) => (Change::Fields(Vec::new()), None),
        Err(error) => {
            tracing::warn!(%session, %error, "a joined group could not be read");
            (Change::Fields(Vec::new()), None)
        }
    };
    Observation { group_id, change, actor: None, occur_time: clock.now(), stamp }
}
