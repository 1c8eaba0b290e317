//! A request's body, read whole, and its fields.

use axum::extract::{MatchedPath, Request};
use bytes::Bytes;
use serde_json::Value;

use super::caller::Authorized;
use crate::domain::error::Violations;
use crate::domain::group::MAX_PARTICIPANTS;
use crate::domain::id::ParticipantId;
use crate::middleware::BodyShare;
use crate::rest::RestState;
use crate::rest::body::{Described, Fields};
use crate::rest::refusal::{Refusal, RequestInfo};
use crate::rest::wire::{MAX_PLAIN_BODY_BYTES, PICTURE, at};

pub struct BodyFields {
    value: Value,
    /// Whether all values are texts, whatever they mean.
    is_form: bool,
    /// Until something is made of the body that goes its own way.
    share: Option<BodyShare>,
}

/// The body of an authorized caller, who gives it a place in memory.
pub async fn read(
    request: Request,
    gateway: &RestState,
    asked: &RequestInfo,
    Authorized(caller): &Authorized,
) -> Result<BodyFields, Refusal> {
    let described = Described::by(request.headers(), asked);
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let is_picture = asked.method == http::Method::PUT && route == at(PICTURE);
    let limits = gateway.body.at_most(if is_picture { usize::MAX } else { MAX_PLAIN_BODY_BYTES });
    let body = limits.read(request, caller.key_name()).await;
    let body = body.map_err(|error| asked.refuse_body(error))?;
    // Where there is none, it matters little how it is described.
    let (body, fields) = if body.bytes().is_empty() {
        (body, Fields::default())
    } else {
        let described = described?;
        let body = described.unpacked(body, limits.max_bytes(), asked)?;
        let fields = described.parse(body.bytes(), asked)?;
        (body, fields)
    };
    let Fields { value, is_form } = fields;
    Ok(BodyFields { value, is_form, share: Some(body.into_share()) })
}

impl BodyFields {
    /// A text of the body, parsed.
    pub fn text<T>(&self, violations: &mut Violations, field: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        match self.value.get(field).and_then(Value::as_str) {
            Some(text) => violations.check(field, text.parse::<T>()),
            None => {
                violations.add(field, "must be a string");
                None
            }
        }
    }

    /// A boolean of the body. WAHA takes its absence for one or the other, depending on the engine.
    pub fn flag(&self, violations: &mut Violations, field: &str) -> Option<bool> {
        let flag = match self.value.get(field) {
            Some(Value::Bool(flag)) => Some(*flag),
            Some(Value::String(text)) if self.is_form => match text.as_str() {
                "true" | "1" | "on" => Some(true),
                "false" | "0" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if flag.is_none() {
            violations.add(field, "must be a boolean value");
        }
        flag
    }

    /// A boolean of the body whose absence is false.
    pub fn optional_flag(&self, violations: &mut Violations, field: &str) -> bool {
        match self.value.get(field) {
            None | Some(Value::Null) => false,
            Some(_) => self.flag(violations, field).unwrap_or(false),
        }
    }

    /// `participants: [{id}]`, each once and at least `least`.
    pub fn participants(&self, violations: &mut Violations, least: usize) -> Vec<ParticipantId> {
        let Some(listed) = self.value.get("participants").and_then(Value::as_array) else {
            violations.add("participants", "must be an array");
            return Vec::new();
        };
        if listed.len() < least || listed.len() > MAX_PARTICIPANTS {
            let must = format!("must hold {least} to {MAX_PARTICIPANTS} elements");
            violations.add("participants", must);
            return Vec::new();
        }
        let mut people: Vec<ParticipantId> = Vec::with_capacity(listed.len());
        for (index, listed) in listed.iter().enumerate() {
            let field = format!("participants.{index}.id");
            match listed.get("id").and_then(Value::as_str) {
                Some(text) => {
                    // Who stands there twice is meant once.
                    let id = violations.check(&field, text.parse());
                    people.extend(id.filter(|id| !people.contains(id)));
                }
                None => violations.add(field, "must be a string"),
            }
        }
        people
    }

    /// The body's `file`, which may be large, out of the body.
    pub fn take_file(&mut self) -> Value {
        self.value.get_mut("file").map(Value::take).unwrap_or_default()
    }

    /// What was made of nearly all of the body: it takes the body's share along.
    pub fn hold(&mut self, made: Vec<u8>) -> Bytes {
        match self.share.take() {
            Some(share) => share.held_by(made),
            None => made.into(),
        }
    }
}
