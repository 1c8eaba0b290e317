//! `GET /api/{session}/groups/{id}/events`: what the log holds of one group, in pages.

use axum::extract::State;
use axum::response::Response;
use prost::Message as _;
use serde_json::{Value, json};
use utoipa::openapi::ObjectBuilder;

use super::names;
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result as DomainResult};
use crate::domain::page::EventQuery;
use crate::domain::reason::Reason;
use crate::domain::webhook::EventName;
use crate::envelope::WahaRenderer;
use crate::pb;
use crate::rest::RestState;
use crate::rest::answers::plain::EventPage;
use crate::rest::openapi;
use crate::rest::refusal::Refusal;
use crate::rest::request::Incoming;
use crate::rest::respond::{at_sequence, json};

/// The longest page.
const MAX_LIMIT: usize = 1000;
const DEFAULT_LIMIT: usize = 100;

/// What the document says of `limit`.
pub fn limit() -> ObjectBuilder {
    openapi::number(1).maximum(Some(MAX_LIMIT)).default(Some(json!(DEFAULT_LIMIT)))
}

pub async fn of_group(
    State(gateway): State<RestState>,
    mut incoming: Incoming,
) -> Result<Response, Refusal> {
    let group = incoming.group();
    let names = names(&mut incoming, &EventName::ALL);
    let limit = number(&mut incoming, "limit", MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
    let before = number(&mut incoming, "before", usize::MAX);
    let after = incoming.query_number("after");
    let newest_first = match incoming.query("order") {
        None | Some("desc") => true,
        Some("asc") => false,
        Some(_) => {
            incoming.refuse_field("order", "must be one of the following values: asc, desc");
            true
        }
    };
    let (session, group_id) = incoming.finish(group)?;
    let renderer = match gateway.app.get_session(&incoming.call, &session).await {
        Ok(known) => WahaRenderer::new(Some(&known), gateway.shape.words(), names),
        // What is left of a session that was deleted.
        Err(error) if error.reason() == Reason::SessionNotFound => {
            WahaRenderer::new(None, gateway.shape.words(), names)
        }
        Err(error) => return Err(incoming.refuse(error)),
    };
    let query = EventQuery {
        session,
        group_ids: vec![group_id],
        types: Vec::new(),
        after_sequence_exclusive: after.map(sequence).filter(|after| *after > Sequence::ZERO),
        until_sequence_inclusive: before.map(|before| sequence(before).minus(1)),
        start_time: None,
        end_time: None,
        newest_first,
    };
    let size = u32::try_from(limit).unwrap_or(u32::MAX);
    let page =
        gateway.app.list_group_events(&incoming.call, &query, size, "", Sequence::ZERO).await;
    let page = page.map_err(|error| incoming.refuse(error))?;
    let rendered = page.events.iter().map(|event| render(&renderer, &event.wire));
    let rendered: Vec<Option<Value>> =
        rendered.collect::<DomainResult<_>>().map_err(|error| incoming.refuse(error))?;
    let last = page.events.last().filter(|_| !page.next_page_token.is_empty());
    let body = EventPage {
        events: rendered.into_iter().flatten().collect(),
        next: last.map(|last| last.sequence),
        oldest_sequence: page.oldest_sequence,
    };
    Ok(at_sequence(page.as_of_sequence, json(&body)))
}

fn render(renderer: &WahaRenderer, wire: &[u8]) -> DomainResult<Option<Value>> {
    let event = pb::GroupEvent::decode(wire).map_err(Error::internal)?;
    Ok(renderer.render(&event).map(|rendered| rendered.body))
}

/// A number of the query from 1 to `most`.
fn number(incoming: &mut Incoming, name: &str, most: usize) -> Option<usize> {
    let number = incoming.query_number(name)?;
    if (1..=most).contains(&number) {
        return Some(number);
    }
    let must = if most == usize::MAX {
        "must be at least 1".to_owned()
    } else {
        format!("must be from 1 to {most}")
    };
    incoming.refuse_field(name, &must);
    None
}

/// What no log reaches says the same as what it could.
fn sequence(number: usize) -> Sequence {
    Sequence::ZERO.plus(u64::try_from(number).unwrap_or(u64::MAX))
}
