//! A request of WAHA's clients, of extractors with one subject each: who calls, the names of the path, the query, the
//! fields of the body. What is wrong with it is gathered, and refused at once.

mod body;
mod caller;
mod path;
mod query;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::Value;

use super::RestState;
use super::refusal::{Refusal, RequestInfo};
use super::wire::IDEMPOTENCY_KEY;
use crate::app::Call;
use crate::app::groups::Target;
use crate::domain::error::{Error, Violations, checked};
use crate::domain::id::{GroupId, ParticipantId, RequestId, SessionName};
use body::BodyFields;
use caller::Authorized;
pub use caller::{Arrival, refuse_foreign_names};
pub use path::PathNames;
use query::Query;

/// Where a stream of events goes on.
const LAST_EVENT_ID: &str = "last-event-id";

/// A request, read whole.
pub struct Incoming {
    pub call: Call,
    pub asked: RequestInfo,
    path: PathNames,
    query: Query,
    body: BodyFields,
    request_id: Option<String>,
    last_event_id: Option<String>,
    violations: Violations,
}

impl FromRequest<RestState> for Incoming {
    type Rejection = Refusal;

    async fn from_request(request: Request, gateway: &RestState) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let Ok(arrival) = Arrival::from_request_parts(&mut parts, gateway).await;
        let authorized = Authorized::of(&arrival, &mut parts).await?;
        let asked = arrival.info;
        let path = PathNames::of(&mut parts).await;
        let query = Query::of(&asked.uri);
        let request_id = header(&parts.headers, IDEMPOTENCY_KEY);
        let last_event_id = header(&parts.headers, LAST_EVENT_ID);
        let request = Request::from_parts(parts, body);
        let body = body::read(request, gateway, &asked, &authorized).await?;
        let Authorized(caller) = authorized;
        let call = Call { caller, deadline: None, trace: arrival.trace };
        let violations = Violations::default();
        Ok(Self { call, asked, path, query, body, request_id, last_event_id, violations })
    }
}

/// What is no text is no id either, and is refused as such.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default().to_owned())
}

/// Of its path and its headers.
impl Incoming {
    pub fn session(&mut self) -> Option<SessionName> {
        let text = std::mem::take(&mut self.path.session);
        self.parsed("session", &text)
    }

    /// Whom else the path names beside the session.
    pub fn named(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.path.group_id)).filter(|text| !text.is_empty())
    }

    /// The session and the group of the path.
    pub fn group(&mut self) -> Option<(SessionName, GroupId)> {
        let text = std::mem::take(&mut self.path.group_id);
        let group_id = self.parsed("id", &text);
        self.session().zip(group_id)
    }

    /// The group that a mutation changes.
    pub fn target(&mut self) -> Option<Target> {
        let request_id = self.request_id();
        let (session, group_id) = self.group()?;
        Some(Target { session, group_id, request_id })
    }

    pub fn request_id(&mut self) -> Option<RequestId> {
        let request_id = self.request_id.take();
        request_id.and_then(|text| self.parsed(IDEMPOTENCY_KEY, &text))
    }

    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }
}

/// Of its query.
impl Incoming {
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.first(name)
    }

    pub fn query_list(&self, name: &str) -> Vec<String> {
        self.query.list(name)
    }

    pub fn query_all(&mut self, name: &str) -> Vec<String> {
        if self.query.has_object(name) {
            self.violations.add(name, "must be a list: repeat it, or write it as name[]");
        }
        self.query.all(name)
    }

    pub fn query_flag(&mut self, name: &str) -> bool {
        self.query.flag(&mut self.violations, name)
    }

    pub fn query_number(&mut self, name: &str) -> Option<usize> {
        self.query.number(&mut self.violations, name)
    }
}

/// Of its body.
impl Incoming {
    pub fn text<T>(&mut self, field: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.body.text(&mut self.violations, field)
    }

    pub fn flag(&mut self, field: &str) -> Option<bool> {
        self.body.flag(&mut self.violations, field)
    }

    pub fn optional_flag(&mut self, field: &str) -> bool {
        self.body.optional_flag(&mut self.violations, field)
    }

    pub fn participants(&mut self, least: usize) -> Vec<ParticipantId> {
        self.body.participants(&mut self.violations, least)
    }

    pub fn take_file(&mut self) -> Value {
        self.body.take_file()
    }

    pub fn hold(&mut self, made: Vec<u8>) -> Bytes {
        self.body.hold(made)
    }
}

/// What is wrong with it.
impl Incoming {
    pub fn parsed<T>(&mut self, field: &str, text: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.violations.check(field, text.parse::<T>())
    }

    pub fn refuse_field(&mut self, field: &str, description: &str) {
        self.violations.add(field, description);
    }

    /// Answers all violations at once; else the values, which are there then.
    pub fn finish<T>(&mut self, values: Option<T>) -> Result<T, Refusal> {
        let violations = std::mem::take(&mut self.violations);
        checked(violations, values).map_err(|error| self.asked.refuse(error))
    }

    pub fn refuse(&self, error: Error) -> Refusal {
        self.asked.refuse(error)
    }
}
