//! The initial state of a watch: every matching group, then what changed while they were read.
//!
//! The head is noted first (P0), then the groups are read in short pages, each with the head at
//! which it was read. The events from P0 to the head after the last page (P1) follow, but for
//! those that a page already holds. So nothing is missing at P1 and nothing is sent twice, and no
//! transaction stays open while a client takes its time.

use std::collections::VecDeque;
use std::sync::Arc;

use super::catch_up;
use super::filter::Filter;
use super::start::expired;
use super::{InitialGroup, WatchItem};
use crate::app::Inner;
use crate::app::log::Recent;
use crate::domain::counter::Position;
use crate::domain::error::{Error, Result};
use crate::domain::event::EventRecord;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::log_position::LogPosition;
use crate::domain::page::{GroupCursor, GroupFilter, GroupOrder, GroupQuery, MAX_STEP_BYTES};
use crate::domain::port::repository::GroupPage;

/// Groups in a page, unless their bytes end it before.
const PAGE_GROUPS: u32 = 200;
/// A page goes beyond its bytes by a part of its last group.
const PAGE_BYTES: usize = MAX_STEP_BYTES * 3 / 4;

pub(super) struct InitialState {
    /// Sessions still to be read, and where in the first of them the next page starts.
    sessions: VecDeque<SessionName>,
    cursor: Option<GroupCursor>,
    /// Where a watch of named groups is: the index of the next one in the first session.
    named: Vec<GroupId>,
    next_named: usize,
    group_count: u64,
    /// Which groups were read at which head.
    read: Vec<ReadRange>,
    /// Once all groups are read: how far the events have been handed out, and where they end.
    tail: Option<Tail>,
    p0: LogPosition,
}

/// Groups of one session, up to and including `last`, were read at `head`.
struct ReadRange {
    session: SessionName,
    /// `None` = to the end of the session.
    last: Option<GroupId>,
    head: Position,
}

struct Tail {
    reached: LogPosition,
    p1: LogPosition,
}

impl InitialState {
    pub fn new(inner: &Inner, filter: &Filter, p0: LogPosition) -> Self {
        let sessions = if filter.sessions().is_empty() {
            inner
                .sessions
                .directory
                .names()
                .into_iter()
                .filter(|name| filter.concerns(name))
                .collect()
        } else {
            filter.sessions().iter().cloned().collect()
        };
        let mut named: Vec<GroupId> = filter.groups().iter().cloned().collect();
        named.sort();
        Self {
            sessions,
            cursor: None,
            named,
            next_named: 0,
            group_count: 0,
            read: Vec::new(),
            tail: None,
            p0,
        }
    }

    /// The next part; `None` when the end is reached.
    pub async fn next(&mut self, inner: &Arc<Inner>, filter: &Filter) -> Result<Option<WatchItem>> {
        while let Some(session) = self.sessions.front().cloned() {
            let page = self.read_page(inner, &session).await?;
            if !page.is_empty() {
                self.group_count += page.len() as u64;
                return Ok(Some(WatchItem::InitialGroups(page)));
            }
        }
        self.next_events(inner, filter).await
    }

    /// The place at which the initial state is whole, and how many groups it had.
    pub fn end(&self) -> (LogPosition, u64) {
        (self.tail.as_ref().map_or(self.p0, |tail| tail.p1), self.group_count)
    }

    async fn read_page(
        &mut self,
        inner: &Inner,
        session: &SessionName,
    ) -> Result<Vec<InitialGroup>> {
        let (page, last, done) = if self.named.is_empty() {
            let query = GroupQuery {
                session: session.clone(),
                filter: GroupFilter::default(),
                order: GroupOrder::default(),
            };
            let page = inner
                .repository
                .list_groups(&query, self.cursor.as_ref(), PAGE_GROUPS, PAGE_BYTES, true)
                .await?;
            self.cursor = page.next.clone();
            let last = page.next.as_ref().map(|cursor| cursor.id.clone());
            let done = last.is_none();
            (page, last, done)
        } else {
            let id = self.named[self.next_named].clone();
            let page = inner.repository.load_view(session, &id).await?;
            self.next_named += 1;
            let done = self.next_named == self.named.len();
            (page, Some(id).filter(|_| !done), done)
        };
        self.read.push(ReadRange { session: session.clone(), last, head: page.head });
        if done {
            self.sessions.pop_front();
            self.next_named = 0;
        }
        Ok(initial_groups(page))
    }

    async fn next_events(
        &mut self,
        inner: &Arc<Inner>,
        filter: &Filter,
    ) -> Result<Option<WatchItem>> {
        let read_at = self.read.iter().map(|range| range.head).max().unwrap_or(self.p0.position);
        if self.tail.is_none() {
            // The pages may have been read at a head that this process has not followed to yet.
            if inner.log.head().position < read_at {
                inner.log.catch_up().await?;
            }
            self.tail = Some(Tail { reached: self.p0, p1: inner.log.head() });
        }
        let Some(tail) = &mut self.tail else { return Ok(None) };
        while tail.reached.position < tail.p1.position {
            let after = tail.reached.position;
            let p1 = tail.p1.position;
            let is_part = |record: &EventRecord| record.position > after && record.position <= p1;
            let is_new = |record: &EventRecord| {
                is_part(record) && filter.lets_pass(record) && !is_held(&self.read, record)
            };
            let (events, reached) = match inner.log.recent(after, MAX_STEP_BYTES, is_new) {
                // What came after P1 was only passed over.
                Recent::Events { events, reached } if reached.position > p1 => {
                    (events, Some(tail.p1))
                }
                Recent::Events { events, reached } => (events, Some(reached)),
                Recent::ReadLog { up_to } => match inner.watches.catch_up.read(after, up_to).await?
                {
                    Some(chunk) => {
                        let part = chunk.iter().filter(|record| is_part(record));
                        catch_up::step(part, MAX_STEP_BYTES, is_new)
                    }
                    None => return Err(expired(inner).await?),
                },
                Recent::Drained => (Vec::new(), None),
            };
            let Some(reached) = reached else {
                return Err(Error::internal(format!("the log ends at {after}, before {p1}")));
            };
            tail.reached = reached;
            if !events.is_empty() {
                return Ok(Some(WatchItem::Events { events, token: None }));
            }
        }
        Ok(None)
    }
}

/// Whether the page that its group was read with already holds the event.
fn is_held(read: &[ReadRange], record: &EventRecord) -> bool {
    let Some(group_id) = &record.group_id else { return false };
    read.iter()
        .find(|range| {
            range.session == record.session
                && range.last.as_ref().is_none_or(|last| group_id <= last)
        })
        .is_some_and(|range| record.position <= range.head)
}

fn initial_groups(page: GroupPage) -> Vec<InitialGroup> {
    page.groups
        .into_iter()
        .filter_map(|stored| {
            let (basic, participants) = stored.state?;
            let group = if participants.is_empty() {
                basic
            } else {
                [basic.as_ref(), participants.as_ref()].concat().into()
            };
            Some(InitialGroup {
                session: stored.session,
                group,
                as_of_sequence: page.session_sequence,
            })
        })
        .collect()
}
