//! Operations that read groups and their history.

use std::sync::Arc;

use prost::Message;

use crate::app::{App, Call, View};
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::event::EventRecord;
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::page::{
    EventQuery, GroupCursor, GroupQuery, MAX_PAGE_BYTES, ParticipantQuery, decode_page_token,
    encode_page_token,
};
use crate::domain::port::repository::{GroupCount, GroupPage, StoredGroup};
use crate::pb;

/// A page of groups.
#[derive(Debug)]
pub struct GroupList {
    pub groups: Vec<StoredGroup>,
    pub next_page_token: String,
    pub as_of_sequence: Sequence,
}

/// A page of a group's members.
#[derive(Debug)]
pub struct ParticipantPage {
    pub participants: Vec<pb::Participant>,
    pub next_page_token: String,
    pub as_of_sequence: Sequence,
    pub synced_time: Timestamp,
    pub member_count: u32,
}

/// A page of a session's history.
#[derive(Debug)]
pub struct EventPage {
    pub events: Vec<Arc<EventRecord>>,
    pub next_page_token: String,
    pub as_of_sequence: Sequence,
    /// The oldest one still kept; 0 where there is none.
    pub oldest_sequence: Sequence,
}

impl App {
    /// The group as it is now, and the sequence at which that holds. `refresh` asks WhatsApp first.
    pub async fn get_group(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
        refresh: bool,
        min_sequence: Sequence,
    ) -> Result<(Arc<View>, Sequence)> {
        if refresh {
            self.admit_read(call, session, min_sequence).await?;
            self.refresh_group(call, session, group_id).await?;
        }
        self.view(call, session, group_id, min_sequence).await
    }

    pub async fn list_groups(
        &self,
        call: &Call,
        query: &GroupQuery,
        page_size: u32,
        page_token: &str,
        full: bool,
        min_sequence: Sequence,
    ) -> Result<GroupList> {
        self.admit_read(call, &query.session, min_sequence).await?;
        let cursor: Option<GroupCursor> = decode_page_token(&(query, full), page_token)?;
        let page = self.group_page(call, query, cursor.as_ref(), page_size, full).await?;
        let next_page_token = match page.next {
            Some(cursor) => encode_page_token(&(query, full), cursor)?,
            None => String::new(),
        };
        Ok(GroupList {
            groups: page.groups,
            next_page_token,
            as_of_sequence: page.session_sequence,
        })
    }

    /// A page of groups that begins after a cursor of the same query.
    pub async fn group_page(
        &self,
        call: &Call,
        query: &GroupQuery,
        cursor: Option<&GroupCursor>,
        page_size: u32,
        full: bool,
    ) -> Result<GroupPage> {
        call.caller.authorize(&query.session)?;
        let _place = self.inner.groups.lists.take(call.caller.key_name()).await;
        let repository = &self.inner.repository;
        Ok(repository.list_groups(query, cursor, page_size, MAX_PAGE_BYTES, full).await?)
    }

    pub async fn count_groups(
        &self,
        call: &Call,
        query: &GroupQuery,
        min_sequence: Sequence,
    ) -> Result<GroupCount> {
        self.admit_read(call, &query.session, min_sequence).await?;
        Ok(self.inner.repository.count_groups(query).await?)
    }

    pub async fn list_participants(
        &self,
        call: &Call,
        query: &ParticipantQuery,
        page_size: u32,
        page_token: &str,
        min_sequence: Sequence,
    ) -> Result<ParticipantPage> {
        let after: Option<ParticipantId> = decode_page_token(query, page_token)?;
        let (view, as_of_sequence) =
            self.view(call, &query.session, &query.group_id, min_sequence).await?;
        let group = pb::Group::decode(view.full.clone()).map_err(Error::internal)?;
        let wanted = usize::try_from(page_size).unwrap_or(usize::MAX);
        let mut participants = Vec::new();
        let mut last = None;
        let mut more = false;
        for participant in group.participants {
            // Stored in the order of their ids, so a page goes on after the last one of the page before.
            let id: ParticipantId = participant.id.parse().map_err(Error::internal)?;
            let role = participant.role().to_domain();
            let is_wanted =
                query.roles.is_empty() || role.is_some_and(|role| query.roles.contains(&role));
            if !is_wanted || after.is_some_and(|after| id <= after) {
                continue;
            }
            if participants.len() == wanted {
                more = true;
                break;
            }
            last = Some(id);
            participants.push(participant);
        }
        let next_page_token = match last {
            Some(last) if more => encode_page_token(query, last)?,
            _ => String::new(),
        };
        Ok(ParticipantPage {
            participants,
            next_page_token,
            as_of_sequence,
            synced_time: view.synced_time,
            member_count: view.member_count,
        })
    }

    pub async fn list_group_events(
        &self,
        call: &Call,
        query: &EventQuery,
        page_size: u32,
        page_token: &str,
        min_sequence: Sequence,
    ) -> Result<EventPage> {
        let session = &query.session;
        call.caller.authorize(session)?;
        let inner = &self.inner;
        // A deleted session's log is readable for as long as it is kept.
        let exists = inner.sessions.directory.contains(session);
        if exists {
            self.admit_read(call, session, min_sequence).await?;
        }
        let cursor: Option<Sequence> = decode_page_token(query, page_token)?;
        let limit = page_size.saturating_add(1);
        let _place = inner.groups.lists.take(call.caller.key_name()).await;
        let listed = inner.repository.list_events(query, cursor, limit).await?;
        if !exists && listed.oldest_sequence == Sequence::ZERO {
            return Err(Error::session_not_found(session));
        }
        let wanted = usize::try_from(page_size).unwrap_or(usize::MAX);
        let total = listed.events.len();
        let mut bytes = 0;
        let mut events: Vec<Arc<EventRecord>> = Vec::new();
        for record in listed.events {
            bytes += record.wire.len();
            if events.len() == wanted || (bytes > MAX_PAGE_BYTES && !events.is_empty()) {
                break;
            }
            events.push(Arc::new(record));
        }
        let next_page_token = match events.last() {
            Some(last) if events.len() < total => encode_page_token(query, last.sequence)?,
            _ => String::new(),
        };
        Ok(EventPage {
            events,
            next_page_token,
            as_of_sequence: listed.session_sequence,
            oldest_sequence: listed.oldest_sequence,
        })
    }
}
