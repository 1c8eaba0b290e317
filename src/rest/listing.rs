//! The list of groups: WAHA's query, and an answer that is written page by page, so that ten thousand
//! groups take no more memory than one page.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use prost::Message as _;
use serde_json::json;

use super::RestState;
use super::openapi::{
    Body as Answer, OperationDoc, Tag, header as described, number, one_of, optional, repeated,
    says, text,
};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::JSON;
use super::shape::Shape;
use crate::app::{App, Call};
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result as DomainResult};
use crate::domain::id::SessionName;
use crate::domain::page::{
    GroupCursor, GroupFilter, GroupOrder, GroupQuery, MAX_PAGE_SIZE, OrderKey,
};
use crate::domain::port::repository::StoredGroup;
use crate::pb;

/// The longest text that is searched for.
pub const MAX_SEARCH_CHARS: usize = 100;
/// How many there are without limit and offset, which WAHA does not say.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// What the query asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// A part of the subject; WAHA has no such thing.
    search: Option<String>,
    order: GroupOrder,
    offset: usize,
    limit: usize,
    with_participants: bool,
}

pub fn says_of_list() -> OperationDoc {
    let exclude = "What to leave out.";
    let search = "A part of the subject; case does not count.";
    says("listGroups", Tag::Groups, "The session's groups")
        .query(optional("sortBy", "By what they are sorted.", one_of(&["id", "subject"])))
        .query(
            optional("sortOrder", "`desc` in any case, else ascending.", text())
                .example(Some(json!("asc"))),
        )
        .query(optional("limit", "How many; 0 is all.", number(0)))
        .query(optional("offset", "How many to step over, where there is a limit.", number(0)))
        .query(repeated("exclude", exclude, one_of(&["participants", ""])))
        .query(optional("search", search, text().max_length(Some(MAX_SEARCH_CHARS))))
        .answers(200, "The groups.", Answer::Json("GroupList"))
        .with_header(
            "X-Total-Count",
            described("How many there are without limit and offset.", number(0)),
        )
}

pub fn wanted(incoming: &mut Incoming) -> Wanted {
    let key = match incoming.query("sortBy") {
        None | Some("id") => OrderKey::Id,
        Some("subject") => OrderKey::Subject,
        Some(_) => {
            let must = "must be one of the following values: id, subject";
            incoming.refuse_field("sortBy", must);
            OrderKey::Id
        }
    };
    // WAHA takes any text here.
    let order = incoming.query("sortOrder");
    let descending = order.is_some_and(|order| order.eq_ignore_ascii_case("desc"));
    let excluded = incoming.query_all("exclude");
    if excluded.iter().any(|what| !matches!(what.as_str(), "" | "participants")) {
        let must = "must be one of the following values: , participants";
        incoming.refuse_field("each value in exclude", must);
    }
    // A limit of 0 is none, and without a limit the offset says nothing: so on three of four engines.
    let limit = incoming.query_number("limit").filter(|limit| *limit > 0);
    let offset = incoming.query_number("offset");
    let search = incoming.query("search").map(str::to_owned);
    if search.as_ref().is_some_and(|search| search.chars().count() > MAX_SEARCH_CHARS) {
        let must = format!("must have at most {MAX_SEARCH_CHARS} characters");
        incoming.refuse_field("search", &must);
    }
    Wanted {
        search: search.filter(|search| !search.is_empty()),
        order: GroupOrder { key, descending },
        offset: limit.and(offset).unwrap_or(0),
        limit: limit.unwrap_or(usize::MAX),
        with_participants: !excluded.iter().any(|what| what == "participants"),
    }
}

/// The rest of a list that is being written.
struct Writing {
    app: App,
    call: Call,
    shape: Shape,
    query: GroupQuery,
    wanted: Wanted,
    cursor: Option<GroupCursor>,
    ended: bool,
    first: Option<Vec<StoredGroup>>,
    written: usize,
    /// The request's place among those in flight, until the list is written.
    _incoming: Incoming,
}

pub async fn answer(
    gateway: RestState,
    incoming: Incoming,
    session: SessionName,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let filter = GroupFilter { subject_contains: wanted.search.clone(), ..GroupFilter::default() };
    let query = GroupQuery { session, filter, order: wanted.order };
    let counted = gateway.app.count_groups(&incoming.call, &query, Sequence::ZERO).await;
    let total = counted.map_err(|error| incoming.refuse(error))?.count;
    let call = incoming.call.clone();
    let mut writing = Writing {
        app: gateway.app,
        call,
        shape: gateway.shape,
        query,
        wanted,
        cursor: None,
        ended: false,
        first: None,
        written: 0,
        _incoming: incoming,
    };
    // What can be refused is refused before a byte is out.
    let first = match writing.next_page().await {
        Ok(first) => first,
        Err(error) => return Err(writing._incoming.refuse(error)),
    };
    writing.first = Some(first);
    let (open, close) = writing.shape.list_brackets();
    let chunks = futures::stream::unfold(Some((writing, Some(open))), move |state| async move {
        let (mut writing, open) = state?;
        let mut chunk = String::from(open.unwrap_or_default());
        let page = match writing.first.take() {
            Some(page) => Ok(page),
            None => writing.next_page().await,
        };
        let written = page.and_then(|page| writing.write(&page, &mut chunk));
        let rest = match written {
            Ok(()) if writing.is_done() => {
                chunk.push_str(close);
                None
            }
            Ok(()) => Some((writing, None)),
            // The connection breaks, so that nobody takes the list for whole.
            Err(error) => return Some((Err(std::io::Error::other(error.to_string())), None)),
        };
        Some((Ok(Bytes::from(chunk)), rest))
    });
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(TOTAL, HeaderValue::from(total));
    Ok(response)
}

impl Writing {
    fn is_done(&self) -> bool {
        self.ended || self.written == self.wanted.limit
    }

    /// The next page that holds anything wanted; the offset is stepped over without the members.
    async fn next_page(&mut self) -> DomainResult<Vec<StoredGroup>> {
        while !self.ended {
            let skips = self.wanted.offset > 0;
            let rest = if skips { self.wanted.offset } else { self.wanted.limit - self.written };
            let size = u32::try_from(rest).unwrap_or(MAX_PAGE_SIZE).min(MAX_PAGE_SIZE);
            let needs_members = self.wanted.with_participants || self.shape.names_by_members();
            let full = needs_members && !skips;
            let cursor = self.cursor.as_ref();
            let page = self.app.group_page(&self.call, &self.query, cursor, size, full).await?;
            self.ended = page.next.is_none();
            self.cursor = page.next;
            if !skips {
                return Ok(page.groups);
            }
            self.wanted.offset -= page.groups.len().min(self.wanted.offset);
        }
        Ok(Vec::new())
    }

    fn write(&mut self, page: &[StoredGroup], chunk: &mut String) -> DomainResult<()> {
        for stored in page {
            let Some((basic, participants)) = &stored.state else { continue };
            let mut bytes = basic.to_vec();
            bytes.extend_from_slice(participants);
            let group = pb::Group::decode(bytes.as_slice()).map_err(Error::internal)?;
            if self.written > 0 {
                chunk.push(',');
            }
            chunk.push_str(&self.shape.listed(&group, self.wanted.with_participants));
            self.written += 1;
        }
        Ok(())
    }
}
