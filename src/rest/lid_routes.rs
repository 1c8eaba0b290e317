//! Who is who: the hidden ids of people and their phone numbers, as far as the session has learned them.

use axum::extract::State;
use axum::response::Response;

use super::RestState;
use super::answers::plain::CountResponse;
use super::answers::server::LidToPhoneNumber;
use super::openapi::{Body, Tag, number, optional, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::json;
use super::route::{Route, get};
use crate::domain::id::ParticipantId;

/// WAHA's.
const USUAL_LIMIT: usize = 100;
/// More would be an answer of megabytes.
const MAX_LIMIT: usize = 10_000;

type Answered = Result<Response, Refusal>;

pub fn routes() -> Vec<Route> {
    let people = |id, summary| says(id, Tag::People, summary);
    vec![
        get(
            "/api/{session}/lids",
            list,
            people("listLids", "People whose hidden id and phone number are both known")
                .query(optional(
                    "limit",
                    "How many; 100 without it.",
                    number(0).maximum(Some(MAX_LIMIT)),
                ))
                .query(optional("offset", "How many to step over.", number(0)))
                .answers(200, "The people.", Body::JsonList("LidToPhoneNumber"))
                .refuses(&[422]),
        ),
        get(
            "/api/{session}/lids/count",
            count,
            people("countLids", "How many there are")
                .answers(200, "The number of people.", Body::Json("CountResponse"))
                .refuses(&[422]),
        ),
        get(
            "/api/{session}/lids/{lid}",
            of_lid,
            people("getPhoneNumberOfLid", "The phone number behind a hidden id")
                .answers(200, "Both names.", Body::Json("LidToPhoneNumber"))
                .refuses(&[422]),
        ),
        get(
            "/api/{session}/lids/pn/{phone}",
            of_phone,
            people("getLidOfPhoneNumber", "The hidden id of a phone number")
                .answers(200, "Both names.", Body::Json("LidToPhoneNumber"))
                .refuses(&[422]),
        ),
    ]
}

async fn list(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let limit = incoming.query_number("limit").unwrap_or(USUAL_LIMIT);
    if limit > MAX_LIMIT {
        incoming.refuse_field("limit", &format!("must not be greater than {MAX_LIMIT}"));
    }
    let offset = incoming.query_number("offset").unwrap_or(0);
    let session = incoming.session();
    let session = incoming.finish(session)?;
    let known = gateway.app.known_names(&incoming.call, &session, offset, limit).await;
    let known = known.map_err(|error| incoming.refuse(error))?;
    let pairs =
        known.into_iter().map(|(lid, phone)| both(Some(lid.to_string()), Some(phone.to_string())));
    Ok(json(&pairs.collect::<Vec<_>>()))
}

async fn count(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let session = incoming.finish(session)?;
    let counted = gateway.app.count_known_names(&incoming.call, &session).await;
    let counted = counted.map_err(|error| incoming.refuse(error))?;
    Ok(json(&CountResponse { count: counted as u64 }))
}

async fn of_lid(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let lid = incoming.named().and_then(|text| {
        // As in WAHA, which adds the ending.
        let text = if text.contains('@') { text } else { format!("{text}@lid") };
        let id: Option<ParticipantId> = incoming.parsed("lid", &text);
        let lid = id.and_then(ParticipantId::lid);
        if id.is_some() && lid.is_none() {
            incoming.refuse_field("lid", "must be a hidden id, which ends in @lid");
        }
        lid
    });
    let session = incoming.session();
    let (session, lid) = incoming.finish(session.zip(lid))?;
    let known = gateway.app.other_name(&incoming.call, &session, ParticipantId::Lid(lid)).await;
    let known = known.map_err(|error| incoming.refuse(error))?;
    Ok(json(&both(Some(lid.to_string()), known.map(|phone| phone.to_string()))))
}

async fn of_phone(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let id: Option<ParticipantId> =
        incoming.named().and_then(|text| incoming.parsed("phoneNumber", &text));
    let session = incoming.session();
    let (session, id) = incoming.finish(session.zip(id))?;
    // What is no phone number has none: WAHA looks no further.
    if id.lid().is_some() {
        return Ok(json(&both(Some(id.to_string()), None)));
    }
    let known = gateway.app.other_name(&incoming.call, &session, id).await;
    let known = known.map_err(|error| incoming.refuse(error))?;
    Ok(json(&both(known.map(|lid| lid.to_string()), Some(id.to_string()))))
}

fn both(lid: Option<String>, pn: Option<String>) -> LidToPhoneNumber {
    LidToPhoneNumber { lid, pn }
}
