//! Requests to join a group: listed, approved, rejected.
//!
//! They are part of the group's facts, which events keep up to date once WhatsApp has been asked.

use crate::app::log::{Fetched, WriteContent, WriteRequest};
use crate::app::{App, Call};
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::error::Result;
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::join_request::JoinRequest;
use crate::domain::operation::{EngineCall, ListJoinRequests, OperationName};
use crate::domain::page::{decode_page_token, encode_page_token};
use crate::domain::reducer::{Change, Observation};

/// Which requests to list; part of the page token.
#[derive(Debug, Clone, serde::Serialize)]
pub struct JoinRequestQuery {
    pub session: SessionName,
    pub group_id: GroupId,
}

/// A page of open requests, oldest first.
#[derive(Debug)]
pub struct JoinRequestPage {
    pub requests: Vec<JoinRequest>,
    pub next_page_token: String,
    pub as_of_sequence: Sequence,
    pub synced_time: Option<Timestamp>,
}

/// The request after which a page begins.
type Cursor = (Option<Timestamp>, ParticipantId);

impl App {
    pub async fn list_join_requests(
        &self,
        call: &Call,
        query: &JoinRequestQuery,
        page_size: u32,
        page_token: &str,
        refresh: bool,
        min_sequence: Sequence,
    ) -> Result<JoinRequestPage> {
        let JoinRequestQuery { session, group_id } = query;
        self.admit_read(call, session, min_sequence).await?;
        let after: Option<Cursor> = decode_page_token(query, page_token)?;
        let inner = &self.inner;
        let mut held = inner.held_group(session, group_id).await?;
        let known = held.facts.requests_time;
        // Only what was learned on the present connection has been kept up to date since.
        let is_current =
            known.is_some_and(|time| inner.sessions.directory.up_since(session) <= Some(time));
        if refresh || !is_current {
            self.fetch_join_requests(call, session, group_id, refresh).await?;
            held = inner.held_group(session, group_id).await?;
        }
        let wanted = usize::try_from(page_size).unwrap_or(usize::MAX);
        let place = |request: &JoinRequest| (request.request_time, request.requester.id());
        let mut rest = held.facts.open_requests().into_iter().filter(|request| match &after {
            Some(after) => place(request) > *after,
            None => true,
        });
        let requests: Vec<JoinRequest> = rest.by_ref().take(wanted).cloned().collect();
        let next_page_token = match (requests.last(), rest.next()) {
            (Some(last), Some(_)) => encode_page_token(query, place(last))?,
            _ => String::new(),
        };
        Ok(JoinRequestPage {
            requests,
            next_page_token,
            as_of_sequence: inner.log.sequence(session),
            synced_time: held.facts.requests_time.or(known),
        })
    }

    /// Asks WhatsApp for all open requests and writes what differs.
    async fn fetch_join_requests(
        &self,
        call: &Call,
        session: &SessionName,
        group_id: &GroupId,
        anew: bool,
    ) -> Result<()> {
        let engine = self.inner.working_engine(session, OperationName::ListJoinRequests)?;
        let inner = self.inner.clone();
        let key = (session.clone(), group_id.clone());
        let (name, id) = key.clone();
        let fetch = async move {
            let query = ListJoinRequests { group_id: id.clone() };
            let open = match engine.perform(EngineCall::of_query(&name), &query).await {
                Ok(open) => open,
                Err(failed) => return Err(inner.believed(&name, Some(&id), failed).await.error),
            };
            let observation = Observation {
                group_id: id,
                change: Change::JoinRequests(open),
                actor: None,
                occur_time: inner.clock.now(),
                stamp: None,
            };
            let content = WriteContent::Fetched(Fetched { observation, only_at_sequence: None });
            let request = WriteRequest { session: name, engine: engine.kind(), content };
            inner.log.write(request).await.map(drop)
        };
        self.inner
            .groups
            .reads
            .join_requests
            .ask(call, &self.inner, key, anew, fetch)
            .await
            .map(drop)
            .map_err(|error| error.with_context("group_id", group_id))
    }
}
