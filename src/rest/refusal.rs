//! Errors as WAHA answers them: three bodies by case, with our reason in a header.
//!
//! Nest's own (A), for what is wrong with the request or the key; the exception filter's (B), always 500,
//! for what WhatsApp refuses; and the session waiter's (C), 422. Where WAHA answers 500 to a bad body, this
//! answers 400 and names every field.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::RestState;
use super::answers::errors::{Exception, Message, OfSession, Plain, RequestOf, Thrown};
use super::respond::{encoded, json_text};
use super::shape::Shape;
use super::wire::{IDEMPOTENCY_KEY, KEY_IN_QUERY, MAX_PLAIN_BODY_BYTES};
use crate::domain::auth::NEEDED_ROLE;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::excerpt::excerpt;
use crate::domain::reason::Reason;
use crate::envelope::version;
use crate::middleware::BodyError;

pub const REASON: HeaderName = HeaderName::from_static("x-wagroups-reason");

/// What an error repeats of a request: so many parameters of its query, and of each text so much.
const MAX_REPEATED: usize = 16;
const MAX_REPEATED_BYTES: usize = 200;

/// gRPC's code of an error that has none of its own.
const GRPC_UNKNOWN: u32 = 2;

/// An error, and of which request.
#[derive(Debug)]
pub struct Refusal {
    error: Error,
    /// Where it is another than the reason's.
    status: Option<StatusCode>,
    asked: Box<RequestInfo>,
}

impl Refusal {
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status: Some(status), ..self }
    }
}

/// What the request was, as far as an error repeats it. Never the body: it is the caller's own.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    pub method: Method,
    pub uri: Uri,
    pub time: Timestamp,
    /// In whose format an exception is answered.
    pub shape: Shape,
}

impl RequestInfo {
    pub(super) fn of(gateway: &RestState, method: &Method, uri: &Uri) -> Self {
        let (method, uri) = (method.clone(), uri.clone());
        Self { method, uri, time: gateway.clock.now(), shape: gateway.shape }
    }

    pub fn refuse(&self, error: Error) -> Refusal {
        Refusal { error, status: None, asked: Box::new(self.clone()) }
    }

    pub fn refuse_body(&self, error: BodyError) -> Refusal {
        match error {
            BodyError::TooLarge { limit: limit @ MAX_PLAIN_BODY_BYTES } => self.refuse(Error::new(
                Reason::MessageTooLarge,
                format!("the body has more than {limit} bytes, which only a picture's may have"),
            )),
            BodyError::TooLarge { limit } => self.refuse(Error::new(
                Reason::MessageTooLarge,
                format!("the body has more than {limit} bytes (rest.max_body_bytes)"),
            )),
            BodyError::TooSlow => self
                .refuse(Error::new(Reason::InvalidRequest, "the body did not arrive in time"))
                .with_status(StatusCode::REQUEST_TIMEOUT),
            BodyError::BrokenOff => {
                self.refuse(Error::new(Reason::InvalidRequest, "the body broke off"))
            }
            BodyError::NoRoom => self.refuse(overloaded()),
        }
    }

    pub fn no_such_path(&self) -> Refusal {
        let message = format!("Cannot {} {}", self.method, self.uri.path());
        self.refuse(Error::new(Reason::MethodNotFound, message))
    }
}

pub fn overloaded() -> Error {
    Error::new(Reason::Overloaded, "too many requests at the same time; try again")
        .retry_after(std::time::Duration::from_secs(1))
}

/// `OK`, or why not: the reason where one is said.
pub fn outcome(response: &Response) -> String {
    let status = response.status();
    let reason = response.headers().get(REASON).and_then(|reason| reason.to_str().ok());
    match reason {
        Some(reason) => reason.to_owned(),
        None if status.is_client_error() || status.is_server_error() => status.as_str().to_owned(),
        None => "OK".to_owned(),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { error, status, asked } = self;
        let reason = error.reason();
        if reason == Reason::Internal {
            tracing::error!(%error, cause = error.cause(), "a request has failed");
        }
        let status = status
            .or_else(|| StatusCode::from_u16(reason.waha_status()).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, json_text(body(&error, status, &asked))).into_response();
        let headers = response.headers_mut();
        headers.insert(REASON, HeaderValue::from_static(reason.as_str()));
        if let Some(delay) = error.retry_delay() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs().max(1)));
        }
        response
    }
}

fn body(error: &Error, status: StatusCode, asked: &RequestInfo) -> String {
    let phrase = status.canonical_reason().unwrap_or_default();
    let status_code = status.as_u16();
    let plain = |message: Message, error: Option<&'static str>| {
        encoded(&Plain { message, error, status_code })
    };
    match status {
        // Nest's words, which clients compare. WAHA has no roles, so that nobody compares what is said of them.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            if !error.metadata().contains_key(NEEDED_ROLE) =>
        {
            plain(Message::One(phrase.to_owned()), None)
        }
        StatusCode::UNPROCESSABLE_ENTITY => encoded(&session_body(error)),
        StatusCode::INTERNAL_SERVER_ERROR => encoded(&exception_body(error, asked)),
        StatusCode::BAD_REQUEST if !error.violations().is_empty() => {
            let violations = error.violations().iter();
            let mut messages: Vec<String> =
                violations.map(|v| format!("{} {}", here(&v.field), v.description)).collect();
            if error.more_violations() > 0 {
                messages.push(format!("and {} more", error.more_violations()));
            }
            plain(Message::Several(messages), Some(phrase))
        }
        _ => plain(Message::One(error.message().to_owned()), Some(phrase)),
    }
}

/// What a field of the contract is called here.
fn here(field: &str) -> &str {
    if field == "request_id" { IDEMPOTENCY_KEY } else { field }
}

fn session_body(error: &Error) -> OfSession {
    let session = error.metadata().get("session").cloned().unwrap_or_default();
    let expected = error.metadata().get("expected").map_or("WORKING", String::as_str);
    match (error.reason(), error.metadata().get("status")) {
        (Reason::SessionNotFound, _) => {
            let error = format!("Session \"{session}\" does not exist");
            OfSession { error, session, status: None, expected: None }
        }
        (_, Some(status)) => OfSession {
            error: "Session status is not as expected. Try again later or restart the session"
                .into(),
            session,
            // WAHA has no word of its own for it: so it is where the device was unlinked.
            status: Some(if status == "LOGGED_OUT" { "FAILED" } else { status }.to_owned()),
            expected: Some(vec![expected.to_owned()]),
        },
        (_, None) => {
            OfSession { error: error.message().to_owned(), session, status: None, expected: None }
        }
    }
}

/// WAHA repeats the caller's body and a stack here; this does not.
fn exception_body(error: &Error, asked: &RequestInfo) -> Thrown {
    Thrown {
        status_code: 500,
        timestamp: asked.time.to_string(),
        exception: exception(error, asked.shape),
        request: RequestOf {
            path: excerpt(asked.uri.path(), MAX_REPEATED_BYTES).to_string(),
            method: asked.method.to_string(),
            query: query_of(&asked.uri),
        },
        version: version(asked.shape.engine()),
    }
}

/// As the shape's engine throws it, with our words and our reason.
fn exception(error: &Error, shape: Shape) -> Exception {
    let message = error.message().to_owned();
    // WhatsApp's own code, where WhatsApp was asked.
    let code: Option<u32> = error.metadata().get("code").and_then(|code| code.parse().ok());
    let plain = Exception::new(message.clone(), error.reason());
    match (shape, code) {
        // WAHA reaches this engine over gRPC; clients look for the status in whatsmeow's words.
        (Shape::Gows, _) if error.reason() != Reason::Internal => {
            let details = match code {
                Some(code) => format!("info query returned status {code}: {message}"),
                None => message,
            };
            Exception {
                message: format!("{GRPC_UNKNOWN} UNKNOWN: {details}"),
                code: Some(GRPC_UNKNOWN),
                details: Some(details),
                metadata: Some(Map::new()),
                ..plain
            }
        }
        // Boom answers 500 where no status is given to it.
        (Shape::Noweb, Some(code)) => Exception {
            data: Some(code),
            is_boom: Some(true),
            is_server: Some(true),
            output: Some(Map::new()),
            ..plain
        },
        (Shape::Normalized, Some(code)) => Exception { data: Some(code), ..plain },
        (Shape::Normalized | Shape::Gows | Shape::Noweb | Shape::Webjs | Shape::Wpp, _) => plain,
    }
}

/// The query but for the key, as far as an answer repeats it; of what stands there twice, the last.
fn query_of(uri: &Uri) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .filter(|(name, _)| name != KEY_IN_QUERY)
        .take(MAX_REPEATED)
        .map(|(name, value)| {
            (excerpt(name, MAX_REPEATED_BYTES), excerpt(value, MAX_REPEATED_BYTES))
        })
        .collect()
}
