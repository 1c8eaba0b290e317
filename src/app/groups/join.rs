//! Joining by an invite, and looking at the group behind one.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;

use super::{Mutated, RequestKey};
use crate::app::asked::{Asked, Known};
use crate::app::mutate::Mutation;
use crate::app::{App, Call};
use crate::domain::answer::Verdict;
use crate::domain::clock::Clock;
use crate::domain::error::Result;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::invite::{GroupPreview, Invite, JoinOutcome};
use crate::domain::participant::PrivateInvite;
use crate::domain::port::engine::{EngineAnswer, EngineOperation, GroupEngine, Joined};
use crate::domain::reducer::{Change, Observation};
use crate::pb;

/// How long the event that tells of a joined group may take before the group is read.
const ECHO: Duration = Duration::from_secs(3);

/// An invite as a key: who looks, and at what.
pub(in crate::app) type InviteKey = (SessionName, String);

/// Answered previews, for the minute that the contract names.
pub(in crate::app) type Previews = Asked<InviteKey, Arc<GroupPreview>>;

impl App {
    /// Joins by a code or a private invite, or asks to, where an admin must approve.
    pub async fn join_group(
        &self,
        call: &Call,
        session: SessionName,
        key: RequestKey,
        invite: Invite,
    ) -> Result<Mutated> {
        let operation = EngineOperation::JoinGroup;
        let group_id = match &invite {
            Invite::Private(PrivateInvite { group_id, .. }) => Some(group_id),
            Invite::Code(_) => None,
        };
        let mutation = Mutation::new(operation, &session, key, group_id, Vec::new());
        let (name, clock, app) = (session.clone(), self.inner.clock.clone(), self.clone());
        let answer = self
            .mutate(call, mutation, move |engine, call_key| async move {
                let before = app.inner.live.sequence(&name);
                let joined = engine.join_group(&name, &invite, &call_key).await?;
                let mut answer = joined.map(|Joined { group_id, outcome }| Verdict {
                    join_outcome: Some(outcome),
                    ..Verdict::about(&group_id)
                });
                let joined = answer.value.join_outcome == Some(JoinOutcome::Joined);
                let group_id = answer.value.group_id.clone().filter(|_| joined);
                let described = match &group_id {
                    Some(group_id) if engine.fetches_all(&name) => {
                        app.described_soon(&name, group_id).await
                    }
                    Some(_) | None => None,
                };
                if let (Some(group_id), Some(sequence)) = (group_id, described) {
                    if sequence > before {
                        // The event told of it first, and this call is what it told of.
                        answer.observations.push(Observation {
                            group_id,
                            change: Change::Fields(Vec::new()),
                            actor: None,
                            occur_time: clock.now(),
                            stamp: None,
                        });
                    }
                } else if joined && answer.observations.is_empty() {
                    look_at(engine.as_ref(), &name, clock.as_ref(), &mut answer).await;
                }
                Ok(answer)
            })
            .await?;
        self.mutated(&session, answer).await
    }

    /// Waits a moment for the event that tells of a group that we have joined; answers the sequence of the last one.
    async fn described_soon(&self, session: &SessionName, group_id: &GroupId) -> Option<u64> {
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
        self.admit_read(call, session, 0).await?;
        let inner = &self.inner;
        let engine = inner.working_engine(session, EngineOperation::GetJoinInfo)?;
        let key = (session.clone(), preview_key(&invite));
        let name = session.clone();
        inner
            .asked
            .previews
            .ask(call, inner, key, false, async move {
                Ok(Arc::new(engine.fetch_join_info(&name, &invite).await.map_err(|e| e.error)?))
            })
            .await
    }
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
    answer: &mut EngineAnswer<Verdict>,
) {
    let Some(group_id) = answer.value.group_id.clone() else { return };
    let observation = |change, stamp| Observation {
        group_id: group_id.clone(),
        change,
        actor: None,
        occur_time: clock.now(),
        stamp,
    };
    let seen = match engine.fetch_group(session, &group_id).await {
        Ok(fetched) if fetched.group.is_some() => {
            let stamp = fetched.stamp.clone();
            observation(fetched.into_change(), stamp)
        }
        Ok(_) => observation(Change::Fields(Vec::new()), None),
        Err(error) => {
            tracing::warn!(%session, %error, "a joined group could not be read");
            observation(Change::Fields(Vec::new()), None)
        }
    };
    answer.observations.push(seen);
}
