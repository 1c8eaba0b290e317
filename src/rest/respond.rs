//! Answers in the forms that WAHA gives them.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::groups::Mutated;
use crate::domain::counter::Sequence;

/// The sequence at which the answer holds: what gRPC calls take as `min_sequence`.
const SEQUENCE: HeaderName = HeaderName::from_static("x-wagroups-sequence");

/// An answer of a mutation: a body, and the sequence at which it holds.
pub fn changed(mutated: &Mutated, body: impl IntoResponse) -> Response {
    at_sequence(mutated.answer.sequence, body)
}

pub fn at_sequence(sequence: Sequence, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(SEQUENCE, HeaderValue::from(sequence.get()));
    response
}

/// As Express says it.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

pub fn json(body: &impl Serialize) -> Response {
    json_text(encoded(body))
}

pub fn json_text(body: String) -> Response {
    ([(header::CONTENT_TYPE, JSON)], body).into_response()
}

/// A body as text. None has keys that JSON cannot have, so that all can be written.
pub fn encoded(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

/// Nest sends what is no object as bare text.
pub fn text(text: impl Into<String>) -> Response {
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], text.into()).into_response()
}

/// Nothing at all, with 200.
pub fn empty() -> Response {
    StatusCode::OK.into_response()
}
