//! `GET /api/{session}/groups/events`: the log as server-sent events, in WAHA's words.
//!
//! What WAHA cannot do: each message has an id, and a client that comes back with the last one
//! (`Last-Event-ID`, which browsers send by themselves) gets exactly what followed.

mod history;
mod socket;
mod streams;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt as _;
use prost::Message as _;
use serde_json::json;

use super::RestState;
use super::openapi::{
    Body, Tag, group_id_text, header, number, one_of, optional, repeated, says, text,
};
use super::refusal::Refusal;
use super::request::Incoming;
use super::route::{Route, at, get};
use crate::app::watch::{WatchItem, WatchRequest, WatchStart};
use crate::domain::error::{Error, Result as DomainResult};
use crate::domain::event::EventRecord;
use crate::domain::excerpt::Quoted;
use crate::domain::id::GroupId;
use crate::domain::log_position::LogPosition;
use crate::domain::token::{LogId, ResumeToken};
use crate::domain::webhook::EventName;
use crate::envelope::WahaRenderer;
use crate::pb;
pub use streams::Streams;

/// The most events that are named at once: more than there are.
const MAX_NAMES: usize = 100;
/// The most groups that a stream is narrowed to.
const MAX_GROUPS: usize = 100;

pub fn routes() -> Vec<Route> {
    let names = EventName::ALL.map(EventName::as_str);
    let names = [&["*"], names.as_slice()].concat();
    let of_waha = "Which events; `*` is all. Without it, those that WAHA has.";
    let last = "The id of the last message that was seen; the stream goes on behind it.";
    let group = "The groups, where not all are meant.";
    vec![
        get(
            at("/events"),
            follow,
            says("followEvents", Tag::Events, "The session's log as server-sent events")
                .detail(
                    "Each message has an id. Whoever comes back with the last one misses nothing.",
                )
                .query(repeated("events", of_waha, one_of(&names)))
                .query(repeated("group", group, group_id_text()))
                .query(optional("from", "Where it begins.", one_of(&["now", "earliest"])))
                .header(optional("Last-Event-ID", last, text()))
                .answers(200, "Events, as they happen.", Body::Stream)
                .refuses(&[409, 410, 429]),
        ),
        get(
            "/ws",
            socket::open,
            says("openSocket", Tag::Events, "The same as a WebSocket, in WAHA's words")
                .detail(
                    "Each text frame is an event. There is no resume. The key stands in the query. What WAHA servers tell \
                     beside groups (`message`, `presence.update`, …) comes too, without a sequence, and only while the \
                     client keeps up.",
                )
                .query(optional("session", "The session; without it, or `*`: all.", text()))
                .query(repeated("events", "Which events, WAHA's others too; without it, `*`.", text()))
                .answers(101, "Frames follow.", Body::Nothing)
                .refuses_only(&[401, 403, 404]),
        ),
        get(
            at("/{id}/events"),
            history::of_group,
            says("listGroupEvents", Tag::Events, "What the log holds of a group")
                .query(repeated("events", "Which events; without it, all.", one_of(&names)))
                .query(optional("order", "`desc`: the newest first.", one_of(&["asc", "desc"])))
                .query(optional("before", "Only events before this sequence.", number(1)))
                .query(optional("after", "Only events after this sequence.", number(0)))
                .query(optional("limit", "How many are looked at for a page.", history::limit()))
                .answers(200, "A page of events.", Body::Json("EventPage"))
                .with_header(
                    "X-Wagroups-Sequence",
                    header("The sequence at which the answer holds.", number(0)),
                ),
        ),
    ]
}

async fn follow(
    State(gateway): State<RestState>,
    mut incoming: Incoming,
) -> Result<Response, Refusal> {
    let session = incoming.session();
    let names = names(&mut incoming, &EventName::OF_WAHA);
    let group_ids = group_ids(&mut incoming);
    let start = start(&mut incoming);
    let (session, start) = incoming.finish(session.zip(start))?;
    let request = WatchRequest {
        sessions: vec![session.clone()],
        group_ids,
        types: Vec::new(),
        start,
        progress_interval: None,
    };
    let known = gateway.app.get_session(&incoming.call, &session).await;
    let known = known.map_err(|error| incoming.refuse(error))?;
    let renderer = WahaRenderer::new(Some(&known), gateway.shape.words(), names);
    let place = gateway.streams.take(&incoming.call.caller);
    let place = place.map_err(|error| incoming.refuse(error))?;
    let items = gateway.app.watch(&incoming.call, request).await;
    let items = items.map_err(|error| incoming.refuse(error))?;
    // A watch has a seat of its own; the request's place is for requests that end.
    drop(incoming);
    let renderer = Arc::new(renderer);
    let messages = items.flat_map(move |item| {
        // Until the stream is dropped, however it ends.
        let _ = &place;
        futures::stream::iter(messages(renderer.clone(), item)).map(Ok::<_, Infallible>)
    });
    Ok(Sse::new(messages).into_response())
}

/// The events that are asked for; `*` is all of them.
fn names(incoming: &mut Incoming, otherwise: &[EventName]) -> Vec<EventName> {
    let asked = incoming.query_list("events");
    if asked.is_empty() {
        return otherwise.to_vec();
    }
    if asked.iter().any(|name| name == "*") {
        return EventName::ALL.to_vec();
    }
    if asked.len() > MAX_NAMES {
        incoming.refuse_field("events", &format!("must name at most {MAX_NAMES} events"));
        return Vec::new();
    }
    let mut names = Vec::new();
    for name in asked {
        match name.parse() {
            Ok(name) => names.push(name),
            Err(_) => {
                let known = EventName::ALL.map(EventName::as_str).join(", ");
                let must = format!("must be * or among {known}; it is {}", Quoted(&name));
                incoming.refuse_field("events", &must);
            }
        }
    }
    names
}

/// The groups whose events are asked for; none = all.
fn group_ids(incoming: &mut Incoming) -> Vec<GroupId> {
    let asked = incoming.query_list("group");
    if asked.len() > MAX_GROUPS {
        incoming.refuse_field("group", &format!("must stand there at most {MAX_GROUPS} times"));
        return Vec::new();
    }
    asked.iter().filter_map(|id| incoming.parsed("group", id)).collect()
}

/// After the last id, else from now, or from the beginning with `from=earliest`.
fn start(incoming: &mut Incoming) -> Option<WatchStart> {
    let Some(last) = incoming.last_event_id().map(str::to_owned) else {
        return match incoming.query("from") {
            None | Some("now") => Some(WatchStart::Now),
            Some("earliest") => Some(WatchStart::Earliest),
            Some(_) => {
                incoming.refuse_field("from", "must be one of the following values: now, earliest");
                None
            }
        };
    };
    let token =
        URL_SAFE_NO_PAD.decode(last).ok().and_then(|bytes| ResumeToken::decode(&bytes).ok());
    if token.is_none() {
        incoming.refuse_field("Last-Event-ID", "must be the id of an earlier message");
    }
    token.map(WatchStart::After)
}

/// The messages of one step, each made when it is about to be sent: in WAHA's words an event is several times as
/// long as in the log. Each ends with an id, so that a client that is cut off repeats nothing.
fn messages(
    renderer: Arc<WahaRenderer>,
    item: DomainResult<WatchItem>,
) -> Box<dyn Iterator<Item = Event> + Send> {
    match item {
        Ok(WatchItem::Events { events, token: Some(token) }) => {
            let last = events.len().saturating_sub(1);
            Box::new(events.into_iter().enumerate().filter_map(move |(index, event)| {
                let message = message(&renderer, &event, token.log_id);
                // Where the last of them says nothing in WAHA's words, its place is passed all the same.
                message.or_else(|| (index == last).then(|| place(&token)))
            }))
        }
        Ok(
            WatchItem::Progress { token, .. }
            | WatchItem::LastToken(token)
            | WatchItem::InitialStateEnd { token, .. },
        ) => Box::new(std::iter::once(place(&token))),
        // Only with an initial state, which is not asked for here.
        Ok(WatchItem::Events { token: None, .. } | WatchItem::InitialGroups(_)) => {
            Box::new(std::iter::empty())
        }
        Err(error) => Box::new(std::iter::once(end(&error))),
    }
}

fn message(renderer: &WahaRenderer, event: &EventRecord, log_id: LogId) -> Option<Event> {
    let token = ResumeToken { log_id, at: LogPosition::from(event) };
    let event = pb::GroupEvent::decode(event.wire.clone()).ok()?;
    let rendered = renderer.render(&event)?;
    Some(
        Event::default()
            .id(id(&token))
            .event(rendered.name.as_str())
            .data(rendered.body.to_string()),
    )
}

fn id(token: &ResumeToken) -> String {
    URL_SAFE_NO_PAD.encode(token.encode())
}

/// An id without a message: the client remembers it, and nothing is dispatched.
fn place(token: &ResumeToken) -> Event {
    Event::default().id(id(token))
}

/// Why the stream ends. Clients come back by themselves, so that an end of ours needs no word.
fn end(error: &Error) -> Event {
    if error.reason().invites_retry() {
        let delay = error.retry_delay().unwrap_or_default();
        return Event::default().retry(delay.max(std::time::Duration::from_secs(1)));
    }
    let body = json!({ "reason": error.reason(), "message": error.message() });
    Event::default().event("error").data(body.to_string())
}
