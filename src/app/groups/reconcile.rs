//! Comparing what we hold with what WhatsApp has, and logging each difference.

use std::collections::{HashMap, HashSet};

use futures::StreamExt;
use tokio::time::Instant;

use crate::app::log::{Fetched, WriteContent, WriteRequest, WriteResult};
use crate::app::{App, Call, Inner};
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::operation::{EngineCall, FetchAll, OperationName, Snapshot};
use crate::domain::page::{GroupFilter, GroupOrder, GroupQuery, MAX_PAGE_BYTES, MAX_PAGE_SIZE};
use crate::domain::port::repository::{SessionPatch, StoredGroup};
use crate::domain::reason::Reason;
use crate::domain::reconcile::{Finding, Losses, Lost, find, is_blank};
use crate::domain::reducer::{Change, Observation};
use crate::domain::session::EngineKind;
use crate::pb;
use crate::telemetry;

/// Groups that are written at the same time; the writer commits them together.
const WRITES: usize = 256;

/// What a comparison found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshed {
    pub group_count: usize,
    pub event_count: usize,
    /// Groups that remain in doubt; they are read again later.
    pub suspect_count: usize,
    /// Of the last event that came of it, else the one at which it holds.
    pub sequence: Sequence,
    pub synced_time: Timestamp,
}

/// A group of the list that is to be written, if nothing happened to it since we looked.
struct Difference {
    group: Group,
    /// Of the group's last event when we looked; 0 where we did not hold it.
    held_sequence: Sequence,
}

#[derive(Default)]
struct Comparison {
    losses: Losses,
    differences: Vec<Difference>,
    doubtful: Vec<GroupId>,
}

impl App {
    /// Compares the named groups, or all of them. One comparison of all runs at a time in a session;
    /// callers that ask meanwhile get its result.
    pub async fn refresh_groups(
        &self,
        call: &Call,
        session: &SessionName,
        group_ids: &[GroupId],
        accept_losses: bool,
    ) -> Result<Refreshed> {
        self.admit_read(call, session, Sequence::ZERO).await?;
        self.inner.refuse_if_draining()?;
        if !group_ids.is_empty() {
            return self.refresh_named(call, session, group_ids).await;
        }
        self.inner.working_engine(session, OperationName::FetchAll)?;
        let key = (session.clone(), accept_losses);
        let (app, name) = (self.clone(), session.clone());
        let known = self
            .inner
            .groups
            .reads
            .comparisons
            .ask(call, &self.inner, key, true, async move {
                let _turn = app.inner.groups.comparing.take(&name).await;
                let compared = app.compare_all(&name, accept_losses).await;
                app.inner.sessions.directory.end_progress(&name);
                note(&compared);
                compared
            })
            .await?;
        Ok(known.value)
    }

    async fn refresh_named(
        &self,
        call: &Call,
        session: &SessionName,
        group_ids: &[GroupId],
    ) -> Result<Refreshed> {
        let inner = &self.inner;
        let mut refreshed = Refreshed { group_count: group_ids.len(), ..Refreshed::default() };
        for group_id in group_ids {
            let was_held = self.current(session, group_id).await?.is_some();
            let committed = self.refresh_group(call, session, group_id).await?;
            if !was_held && self.current(session, group_id).await?.is_none() {
                return Err(Error::group_not_found(session, group_id));
            }
            refreshed.event_count += committed.events;
            refreshed.sequence = refreshed.sequence.max(committed.sequence);
        }
        refreshed.synced_time = inner.clock.now();
        Ok(refreshed)
    }

    async fn compare_all(&self, session: &SessionName, accept_losses: bool) -> Result<Refreshed> {
        let inner = &self.inner;
        let engine = inner.working_engine(session, OperationName::FetchAll)?;
        // What we held before the list was made: an event in between makes the list the older one.
        let began = Instant::now();
        let before = inner.sequences_of_groups(session).await?;
        let fetched = engine.perform(EngineCall::of_query(session), &FetchAll {}).await;
        let mut snapshot = fetched.map_err(|failed| failed.error)?;
        let mut listed: HashMap<GroupId, Group> =
            snapshot.groups.drain(..).map(|group| (group.id.clone(), group)).collect();
        let group_count = listed.len();
        inner.sessions.directory.note_progress(session, 0, group_count);
        let comparison = inner.compare(session, &snapshot, &mut listed, &before).await?;
        if !accept_losses && let Some(lost) = comparison.losses.beyond_belief() {
            return Err(refused(session, lost, &comparison.losses));
        }
        let mut refreshed = Refreshed {
            group_count,
            sequence: inner.log.sequence(session),
            synced_time: snapshot.fetch_time,
            ..Refreshed::default()
        };
        let mut done =
            group_count.saturating_sub(comparison.differences.len() + comparison.doubtful.len());
        let total = group_count.max(comparison.losses.groups_known);
        let mut doubtful = comparison.doubtful;
        let writes = comparison.differences.into_iter().map(|difference| {
            let id = difference.group.id.clone();
            let written = inner.write_difference(session, engine.kind(), &snapshot, difference);
            async move { (id, written.await) }
        });
        let mut writes = futures::stream::iter(writes).buffer_unordered(WRITES);
        while let Some((id, written)) = writes.next().await {
            let committed = written?;
            refreshed.note(&committed);
            if committed.is_overtaken() {
                doubtful.push(id);
            } else {
                done += 1;
                inner.sessions.directory.note_progress(session, done, total);
            }
        }
        drop(writes);
        for group_id in doubtful {
            match self.refresh_group(&Call::internal(), session, &group_id).await {
                Ok(committed) => refreshed.note(&committed),
                Err(error) => {
                    self.doubt_again(session, &group_id, &error);
                    refreshed.suspect_count += 1;
                }
            }
            done += 1;
            inner.sessions.directory.note_progress(session, done, total);
        }
        let patch =
            SessionPatch { synced_time: Some(refreshed.synced_time), ..SessionPatch::default() };
        inner.patch(session, patch).await?;
        inner.sessions.directory.note_compared(session, began);
        Ok(refreshed)
    }
}

impl Refreshed {
    fn note(&mut self, committed: &WriteResult) {
        self.event_count += committed.events;
        if committed.events > 0 {
            self.sequence = self.sequence.max(committed.sequence);
        }
    }
}

impl Inner {
    /// The last event's sequence of each group that we are in.
    async fn sequences_of_groups(
        &self,
        session: &SessionName,
    ) -> Result<HashMap<GroupId, Sequence>> {
        let mut sequences = HashMap::new();
        self.each_group(session, false, |stored| {
            sequences.insert(stored.id, stored.sequence);
            Ok(())
        })
        .await?;
        Ok(sequences)
    }

    /// Compares page by page, so that only the list is in memory as a whole. Takes out of `listed` what
    /// is compared.
    async fn compare(
        &self,
        session: &SessionName,
        snapshot: &Snapshot,
        listed: &mut HashMap<GroupId, Group>,
        before: &HashMap<GroupId, Sequence>,
    ) -> Result<Comparison> {
        let account = self.sessions.directory.get(session)?.account;
        let mut comparison = Comparison::default();
        self.each_group(session, true, |stored| {
            let Some((basic, participants)) = &stored.state else { return Ok(()) };
            let group = listed.remove(&stored.id);
            let encoded = group.as_ref().map(|group| pb::group::encode(group, account.as_ref()));
            let held = pb::group::decode(basic, participants).map_err(Error::internal)?;
            // The usual case, and by far the quickest to see.
            let is_same =
                encoded.is_some_and(|own| own.basic == *basic && own.participants == *participants);
            let finding = if is_same {
                Finding::Same
            } else {
                find(snapshot, &held, stored.synced_time, group.as_ref())
            };
            comparison.losses.note(&held, group.as_ref(), finding);
            match (finding, group) {
                (Finding::Same, _) => {}
                (Finding::Differs, Some(group)) => {
                    if group.participants().is_empty() {
                        comparison.doubtful.push(stored.id.clone());
                    }
                    let held_sequence = before.get(&stored.id).copied().unwrap_or_default();
                    comparison.differences.push(Difference { group, held_sequence });
                }
                (Finding::Differs, None) | (Finding::Doubtful, _) => {
                    comparison.doubtful.push(stored.id);
                }
            }
            Ok(())
        })
        .await?;
        let left = if snapshot.has_left_groups {
            self.left_groups(session, listed.keys()).await?
        } else {
            HashSet::new()
        };
        for (id, group) in listed.drain() {
            if is_blank(&group) {
                comparison.losses.doubts += 1;
                comparison.doubtful.push(id);
            } else if before.contains_key(&id) {
                // We left it while the list was on its way.
                comparison.doubtful.push(id);
            } else if left.contains(&id) {
                // That we are in it again is reported by an event.
            } else {
                // Alone it may tell its members.
                if group.participants().is_empty() {
                    comparison.losses.doubts += 1;
                    comparison.doubtful.push(id);
                }
                comparison.differences.push(Difference { group, held_sequence: Sequence::ZERO });
            }
        }
        // The order of a hash map must not decide the order of events.
        comparison.differences.sort_by(|a, b| a.group.id.cmp(&b.group.id));
        comparison.doubtful.sort();
        Ok(comparison)
    }

    /// Those of which we know that we have left them.
    async fn left_groups(
        &self,
        session: &SessionName,
        ids: impl Iterator<Item = &GroupId>,
    ) -> Result<HashSet<GroupId>> {
        let keys: Vec<_> = ids.map(|id| (session.clone(), id.clone())).collect();
        let mut left = HashSet::new();
        for keys in keys.chunks(usize::try_from(MAX_PAGE_SIZE).unwrap_or(1)) {
            for stored in self.repository.load_groups(keys).await? {
                if stored.state.is_none() {
                    left.insert(stored.id);
                }
            }
        }
        Ok(left)
    }

    async fn write_difference(
        &self,
        session: &SessionName,
        engine: EngineKind,
        snapshot: &Snapshot,
        difference: Difference,
    ) -> Result<WriteResult> {
        let observation = Observation {
            group_id: difference.group.id.clone(),
            change: Change::whole(difference.group, snapshot.unreported.clone()),
            actor: None,
            occur_time: snapshot.fetch_time,
            stamp: snapshot.stamp.clone(),
        };
        let only_at_sequence = Some(difference.held_sequence);
        let content = WriteContent::Fetched(Fetched { observation, only_at_sequence });
        self.log.write(WriteRequest { session: session.clone(), engine, content }).await
    }

    /// Visits the session's groups as they are stored, page by page.
    pub(in crate::app) async fn each_group(
        &self,
        session: &SessionName,
        full: bool,
        mut visit: impl FnMut(StoredGroup) -> Result<()>,
    ) -> Result<()> {
        let query = GroupQuery {
            session: session.clone(),
            filter: GroupFilter::default(),
            order: GroupOrder::default(),
        };
        let mut cursor = None;
        loop {
            let page = self
                .repository
                .list_groups(&query, cursor.as_ref(), MAX_PAGE_SIZE, MAX_PAGE_BYTES, full)
                .await?;
            page.groups.into_iter().try_for_each(&mut visit)?;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }
}

fn note(compared: &Result<Refreshed>) {
    match compared {
        Ok(refreshed) => {
            telemetry::compared("done", refreshed.event_count, refreshed.suspect_count);
        }
        Err(error) if error.reason() == Reason::SnapshotRefused => {
            telemetry::compared("refused", 0, 0);
        }
        Err(_) => telemetry::compared("failed", 0, 0),
    }
}

fn refused(session: &SessionName, lost: Lost, losses: &Losses) -> Error {
    let (kind, what, known, missing) = match lost {
        Lost::Groups => ("GROUPS", "groups", losses.groups_known, losses.groups_missing),
        Lost::Members => ("MEMBERS", "members", losses.members_known, losses.members_missing),
    };
    Error::new(
        Reason::SnapshotRefused,
        format!(
            "WhatsApp's list lacks {missing} of {known} {what}, too many to be believed; try later, or call \
             RefreshGroups with accept_losses if they are really gone"
        ),
    )
    .with("session", session)
    .with("known", known)
    .with("missing", missing)
    .with("kind", kind)
}

/// Comparisons that run, by session and whether losses are accepted.
pub(in crate::app) type ComparisonKey = (SessionName, bool);
