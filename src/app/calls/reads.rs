//! Reads: from memory or the database, never from WhatsApp.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::app::log::View;
use crate::app::{App, Call, Inner};
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::page::{GroupFilter, GroupOrder, GroupQuery, MAX_PAGE_BYTES, MAX_PAGE_SIZE};
use crate::domain::reason::Reason;
use crate::domain::reducer::GroupState;

/// How long a read waits for the sequence that it asks for.
const SEQUENCE_WAIT: Duration = Duration::from_secs(2);

impl App {
    /// The group as it is now, and the sequence at which that holds.
    pub(in crate::app) async fn view(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
        min_sequence: Sequence,
    ) -> Result<(Arc<View>, Sequence)> {
        self.admit_read(call, session, min_sequence).await?;
        let as_of = self.inner.log.sequence(session);
        let view = self.inner.log.view(session, group_id).await?;
        let view = view.ok_or_else(|| Error::group_not_found(session, group_id))?;
        Ok((view.clone(), as_of.max(view.sequence)))
    }

    /// The group after a mutation of it; `None` where the session is not in it (any more).
    pub async fn current(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<Arc<View>>> {
        self.inner.log.view(session, group_id).await
    }

    /// Lets a read pass once the key may, the session exists and the sequence is there.
    pub(in crate::app) async fn admit_read(
        &self,
        call: &Call,
        session: &SessionName,
        min_sequence: Sequence,
    ) -> Result<()> {
        call.caller.authorize(session)?;
        self.inner.known(session).await?;
        self.inner.wait_for_sequence(call, session, min_sequence).await
    }
}

impl Inner {
    async fn wait_for_sequence(
        &self,
        call: &Call,
        session: &SessionName,
        wanted: Sequence,
    ) -> Result<()> {
        if self.log.sequence(session) >= wanted {
            return Ok(());
        }
        let mut until = Instant::now() + SEQUENCE_WAIT;
        if let Some(deadline) = call.deadline {
            until = until.min(deadline);
        }
        let subscription = self.log.subscribe(std::slice::from_ref(session));
        // Another process may have written it without a wake-up reaching us yet.
        self.log.catch_up().await?;
        while self.log.sequence(session) < wanted {
            if tokio::time::timeout_at(until, subscription.wait()).await.is_err() {
                let reached = self.log.sequence(session);
                return Err(Error::new(
                    Reason::SequenceNotReached,
                    format!("session {session} has not reached min_sequence {wanted} yet, only {reached}; try again"),
                )
                .with("session", session)
                .with("sequence", reached)
                .with("min_sequence", wanted)
                .retry_after(Duration::from_secs(1)));
            }
        }
        Ok(())
    }

    /// The session's groups, or those in which someone of that name is.
    pub(in crate::app) async fn groups_of(
        &self,
        session: &SessionName,
        member: Option<ParticipantId>,
    ) -> Result<Vec<GroupId>> {
        let filter = GroupFilter { member, ..GroupFilter::default() };
        let query = GroupQuery { session: session.clone(), filter, order: GroupOrder::default() };
        let mut groups = Vec::new();
        let mut cursor = None;
        loop {
            let page = self
                .repository
                .list_groups(&query, cursor.as_ref(), MAX_PAGE_SIZE, MAX_PAGE_BYTES, false)
                .await?;
            groups.extend(page.groups.into_iter().map(|stored| stored.id));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(groups),
            }
        }
    }

    /// The group with its facts, as the store has it.
    pub(in crate::app) async fn held_group(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<GroupState> {
        let held = self.log.stored_group(session, group_id).await?;
        held.ok_or_else(|| Error::group_not_found(session, group_id))
    }
}
