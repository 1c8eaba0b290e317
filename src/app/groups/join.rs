//! Joining by an invite, and looking at the group behind one.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;

use super::commands::plainly;
use crate::app::asked::{Asked, Known};
use crate::app::mutate::Sending;
use crate::app::{App, Call};
use crate::domain::answer::Verdict;
use crate::domain::clock::Clock;
use crate::domain::counter::Sequence;
use crate::domain::error::Result;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::invite::{GroupPreview, Invite, JoinOutcome};
use crate::domain::operation::{
    self, EngineAnswer, EngineCall, FetchGroup, GetJoinInfo, JoinGroup, OperationName,
};
use crate::domain::port::engine::GroupEngine;
use crate::domain::reducer::{Change, Observation};
use crate::pb;

/// How long the event that tells of a joined group may take before the group is read.
const ECHO: Duration = Duration::from_secs(3);

/// An invite as a key: who looks, and at what.
pub(in crate::app) type InviteKey = (SessionName, String);

/// Answered previews, for the minute that the contract names.
pub(in crate::app) type Previews = Asked<InviteKey, Arc<GroupPreview>>;

impl App {
    /// Waits a moment for the event that tells of a group that we have joined; answers the sequence of the last one.
    async fn described_soon(&self, session: &SessionName, group_id: &GroupId) -> Option<Sequence> {
        let described = async {
            loop {
                let bell = self.inner.live.bells.hang(std::slice::from_ref(session));
                match self.current(session, group_id).await {
                    Ok(Some(view)) if is_whole(&view.basic()) => return Some(view.sequence),
                    Ok(_) => bell.wait().await,
                    Err(_) => return None,
                }
            }
        };
        tokio::time::timeout(ECHO, described).await.unwrap_or(None)
    }

    /// The group behind an invite, as WhatsApp showed it within the last minute.
    pub async fn join_info(
        &self,
        call: &Call,
        session: &SessionName,
        invite: Invite,
    ) -> Result<Known<Arc<GroupPreview>>> {
        self.admit_read(call, session, Sequence::ZERO).await?;
        let inner = &self.inner;
        let engine = inner.working_engine(session, OperationName::GetJoinInfo)?;
        let key = (session.clone(), preview_key(&invite));
        let name = session.clone();
        inner
            .asked
            .previews
            .ask(call, inner, key, false, async move {
                let query = GetJoinInfo { invite };
                let seen = engine.perform(EngineCall::of_query(&name), &query).await;
                Ok(Arc::new(seen.map_err(|failed| failed.error)?))
            })
            .await
    }
}

/// Joins, and finds out what the group looks like where the engine does not say.
pub(super) async fn perform(
    sending: &Sending<'_>,
    engine: &dyn GroupEngine,
    call: EngineCall<'_>,
    command: &JoinGroup,
) -> operation::Result<EngineAnswer<Verdict>> {
    let Sending { inner, session, .. } = *sending;
    let before = inner.live.sequence(session);
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
            // The event told of it first, and this call is what it told of.
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

fn preview_key(invite: &Invite) -> String {
    match invite {
        Invite::Code(code) => code.as_str().to_owned(),
        Invite::Private(private) => format!("{}/{}", private.group_id, private.code),
    }
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
