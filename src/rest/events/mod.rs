//! `GET /api/{session}/groups/events`: the log as server-sent events, in WAHA's words.
//!
//! What WAHA cannot do: each message has an id, and a client that comes back with the last one
//! (`Last-Event-ID`, which browsers send by themselves) gets exactly what followed.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt as _;
use prost::Message as _;
use serde_json::json;

use super::Gateway;
use super::refusal::Refusal;
use super::request::Incoming;
use crate::app::watch::{WatchItem, WatchRequest, WatchStart};
use crate::domain::error::{Error, Result as DomainResult};
use crate::domain::event::EventRecord;
use crate::domain::token::{LogId, ResumeToken};
use crate::domain::webhook::EventName;
use crate::envelope::Teller;
use crate::pb;

pub async fn follow(
    State(gateway): State<Gateway>,
    mut incoming: Incoming,
) -> Result<Response, Refusal> {
    let session = incoming.session();
    let mut names = Vec::new();
    for name in incoming.query_list("events") {
        match name.parse::<EventName>() {
            Ok(name) => names.push(name),
            Err(error) => incoming.refuse_field("events", &format!("{error}; it is {name:?}")),
        }
    }
    let start = start(&mut incoming);
    let (session, start) = incoming.finish(session.zip(start))?;
    let request = WatchRequest {
        sessions: vec![session.clone()],
        group_ids: Vec::new(),
        types: Vec::new(),
        start,
        progress_interval: None,
    };
    let known = gateway.app.get_session(&incoming.call, &session).await;
    let known = known.map_err(|error| incoming.refuse(error))?;
    let teller = Teller::new(Some(&known), gateway.shape.words(), names);
    let items = gateway.app.watch(&incoming.call, request).await;
    let items = items.map_err(|error| incoming.refuse(error))?;
    // A watch has a seat of its own; the request's place is for requests that end.
    drop(incoming);
    let messages = items.flat_map(move |item| {
        futures::stream::iter(messages(&teller, item)).map(Ok::<_, Infallible>)
    });
    Ok(Sse::new(messages).into_response())
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

/// The messages of one step. Each ends with an id, so that a client that is cut off repeats nothing.
fn messages(teller: &Teller, item: DomainResult<WatchItem>) -> Vec<Event> {
    match item {
        Ok(WatchItem::Events { events, token: Some(token) }) => {
            let told = events.iter().map(|event| message(teller, event, token.log_id));
            let mut told: Vec<Option<Event>> = told.collect();
            // Where the last of them says nothing in WAHA's words, its place is passed all the same.
            if told.last().is_some_and(Option::is_none) {
                told.push(Some(place(&token)));
            }
            told.into_iter().flatten().collect()
        }
        Ok(
            WatchItem::Progress { token, .. }
            | WatchItem::LastToken(token)
            | WatchItem::InitialStateEnd { token, .. },
        ) => vec![place(&token)],
        // Only with an initial state, which is not asked for here.
        Ok(WatchItem::Events { token: None, .. } | WatchItem::InitialGroups(_)) => Vec::new(),
        Err(error) => vec![end(&error)],
    }
}

fn message(teller: &Teller, event: &EventRecord, log_id: LogId) -> Option<Event> {
    let (position, fingerprint) = (event.position, event.id.fingerprint());
    let token = ResumeToken { log_id, position, fingerprint };
    let event = pb::GroupEvent::decode(event.wire.clone()).ok()?;
    let told = teller.tell(&event)?;
    Some(Event::default().id(id(&token)).event(told.name.as_str()).data(told.body.to_string()))
}

fn id(token: &ResumeToken) -> String {
    URL_SAFE_NO_PAD.encode(token.encode())
}

/// An id without a message: the client remembers it and is told nothing.
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
