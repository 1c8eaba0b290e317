//! A request of WAHA's clients: who calls, which session, and fields that are checked all at once.

use axum::extract::{FromRequest, MatchedPath, RawPathParams, Request};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Uri};
use bytes::Bytes;
use serde_json::Value;

use super::RestState;
use super::body::{Described, Fields};
use super::form;
use super::refusal::{Refusal, RequestInfo};
use super::wire::{IDEMPOTENCY_KEY, KEY_IN_QUERY, MAX_PLAIN_BODY_BYTES, PICTURE, at};
use crate::app::Call;
use crate::app::groups::Target;
use crate::domain::auth::Caller;
use crate::domain::error::{Error, Violations, checked};
use crate::domain::group::MAX_PARTICIPANTS;
use crate::domain::id::{GroupId, ParticipantId, RequestId, SessionName};
use crate::domain::reason::Reason;
use crate::middleware::audit::{note_caller, note_session};
use crate::middleware::{BodyShare, HostNames};

/// Where a stream of events goes on.
const LAST_EVENT_ID: &str = "last-event-id";
/// A request, read whole.
pub struct Incoming {
    pub call: Call,
    pub asked: RequestInfo,
    session: String,
    group_id: String,
    query: Vec<(String, String)>,
    body: Value,
    /// Whether all values of the body are texts.
    is_form: bool,
    request_id: Option<String>,
    last_event_id: Option<String>,
    violations: Violations,
    /// Until something is made of the body that goes its own way.
    share: Option<BodyShare>,
}

impl FromRequest<RestState> for Incoming {
    type Rejection = Refusal;

    async fn from_request(request: Request, gateway: &RestState) -> Result<Self, Refusal> {
        let asked = RequestInfo {
            method: request.method().clone(),
            uri: request.uri().clone(),
            time: gateway.clock.now(),
            shape: gateway.shape,
        };
        let query = query_of(&asked.uri);
        let caller = caller(gateway, request.headers(), &query);
        let caller = caller.map_err(|error| asked.refuse(error))?;
        let request_id = header(request.headers(), IDEMPOTENCY_KEY);
        let last_event_id = header(request.headers(), LAST_EVENT_ID);
        let described = Described::by(request.headers(), &asked);
        let (mut parts, body) = request.into_parts();
        let (mut session, mut group_id) = (String::new(), String::new());
        if let Ok(params) = axum::RequestPartsExt::extract::<RawPathParams>(&mut parts).await {
            for (name, value) in &params {
                match name {
                    "session" => session = value.to_owned(),
                    _ => group_id = value.to_owned(),
                }
            }
        }
        // Before anything is said of the request itself, as WAHA's guard stands before its pipes.
        if let Ok(session) = session.parse() {
            note_session(&session);
            caller.authorize(&session).map_err(|error| asked.refuse(error))?;
        }
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let is_picture = asked.method == http::Method::PUT && route == at(PICTURE);
        let limits =
            gateway.body.at_most(if is_picture { usize::MAX } else { MAX_PLAIN_BODY_BYTES });
        let body = limits.read(Request::from_parts(parts, body), caller.key_name()).await;
        let body = body.map_err(|error| asked.refuse_body(error))?;
        // Where there is none, it matters little how it is described.
        let (body, fields) = if body.bytes().is_empty() {
            (body, Fields::default())
        } else {
            let described = described?;
            let body = described.unpacked(body, limits.max_bytes(), &asked)?;
            let fields = described.parse(body.bytes(), &asked)?;
            (body, fields)
        };
        Ok(Self {
            call: Call { caller, deadline: None },
            asked,
            session,
            group_id,
            query,
            body: fields.value,
            is_form: fields.is_form,
            request_id,
            last_event_id,
            violations: Violations::default(),
            share: Some(body.into_share()),
        })
    }
}

fn query_of(uri: &Uri) -> Vec<(String, String)> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

fn caller(
    gateway: &RestState,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<Caller, Error> {
    let in_query = query.iter().find(|(name, _)| name == KEY_IN_QUERY);
    let caller = gateway.keyring.identify_or(headers, in_query.map(|(_, key)| key.as_bytes()))?;
    note_caller(&caller);
    refuse_foreign_pages(gateway, headers)?;
    Ok(caller)
}

/// Who calls, of a request that is not read any further.
pub fn caller_of(gateway: &RestState, headers: &HeaderMap, uri: &Uri) -> Result<Caller, Error> {
    caller(gateway, headers, &query_of(uri))
}

/// Where no keys are set, a browser on this machine could be made to call by any page that it shows. Browsers
/// say where a request comes from; nobody else sends these headers.
pub fn refuse_foreign_pages(gateway: &RestState, headers: &HeaderMap) -> Result<(), Error> {
    let (site, origin) = (headers.get("sec-fetch-site"), headers.get(ORIGIN));
    if !gateway.keyring.is_open() {
        return Ok(());
    }
    let host = headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_own = |origin: &HeaderValue| {
        let scheme_ends = origin.as_bytes().windows(3).position(|part| part == b"://");
        scheme_ends.is_some_and(|end| origin.as_bytes()[end + 3..].eq_ignore_ascii_case(host))
    };
    // The operator has said so; browsers let no page say another origin than its own.
    if origin.is_some_and(|origin| gateway.origins.allow(origin)) {
        return Ok(());
    }
    let is_same = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    if !site.is_none_or(is_same) || !origin.is_none_or(is_own) {
        let message = "without API keys, pages of other sites may not call this service";
        return Err(Error::new(Reason::PermissionDenied, message));
    }
    Ok(())
}

/// A name that leads here for a moment makes any page one of this site's (DNS rebinding), and browsers leave out
/// where a request comes from where the page is not one of HTTPS. What they always say is by which name.
pub fn refuse_foreign_names(gateway: &RestState, headers: &HeaderMap) -> Result<(), Error> {
    if !gateway.keyring.is_open() || HostNames::default().admit(headers) {
        return Ok(());
    }
    let message = "without API keys, this service is reached as localhost or by an address only";
    Err(Error::new(Reason::PermissionDenied, message))
}

/// What is no text is no id either, and is refused as such.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default().to_owned())
}

impl Incoming {
    pub fn parsed<T>(&mut self, field: &str, text: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.violations.check(field, text.parse::<T>())
    }

    pub fn session(&mut self) -> Option<SessionName> {
        let text = std::mem::take(&mut self.session);
        self.parsed("session", &text)
    }

    /// Whom else the path names beside the session.
    pub fn named(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.group_id)).filter(|text| !text.is_empty())
    }

    /// The session and the group of the path.
    pub fn group(&mut self) -> Option<(SessionName, GroupId)> {
        let text = std::mem::take(&mut self.group_id);
        let group_id = self.parsed("id", &text);
        self.session().zip(group_id)
    }

    pub fn request_id(&mut self) -> Option<RequestId> {
        let request_id = self.request_id.take();
        request_id.and_then(|text| self.parsed(IDEMPOTENCY_KEY, &text))
    }

    /// The group that a mutation changes.
    pub fn target(&mut self) -> Option<Target> {
        let request_id = self.request_id();
        let (session, group_id) = self.group()?;
        Some(Target { session, group_id, request_id })
    }

    pub fn refuse_field(&mut self, field: &str, description: &str) {
        self.violations.add(field, description);
    }

    /// A text of the body, parsed.
    pub fn text<T>(&mut self, field: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        match self.body.get(field).and_then(Value::as_str).map(str::to_owned) {
            Some(text) => self.parsed(field, &text),
            None => {
                self.violations.add(field, "must be a string");
                None
            }
        }
    }

    /// A boolean of the body. WAHA takes its absence for one or the other, depending on the engine.
    pub fn flag(&mut self, field: &str) -> Option<bool> {
        let flag = match self.body.get(field) {
            Some(Value::Bool(flag)) => Some(*flag),
            Some(Value::String(text)) if self.is_form => match text.as_str() {
                "true" | "1" | "on" => Some(true),
                "false" | "0" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if flag.is_none() {
            self.violations.add(field, "must be a boolean value");
        }
        flag
    }

    /// A boolean of the body whose absence is false.
    pub fn optional_flag(&mut self, field: &str) -> bool {
        match self.body.get(field) {
            None | Some(Value::Null) => false,
            Some(_) => self.flag(field).unwrap_or(false),
        }
    }

    /// `participants: [{id}]`, each once and at least `least`.
    pub fn participants(&mut self, least: usize) -> Vec<ParticipantId> {
        let Some(listed) = self.body.get("participants").and_then(Value::as_array) else {
            self.violations.add("participants", "must be an array");
            return Vec::new();
        };
        if listed.len() < least || listed.len() > MAX_PARTICIPANTS {
            let must = format!("must hold {least} to {MAX_PARTICIPANTS} elements");
            self.violations.add("participants", must);
            return Vec::new();
        }
        let mut people: Vec<ParticipantId> = Vec::with_capacity(listed.len());
        for (index, listed) in listed.iter().enumerate() {
            let field = format!("participants.{index}.id");
            match listed.get("id").and_then(Value::as_str) {
                Some(text) => {
                    // Who stands there twice is meant once.
                    let id = self.violations.check(&field, text.parse());
                    people.extend(id.filter(|id| !people.contains(id)));
                }
                None => self.violations.add(field, "must be a string"),
            }
        }
        people
    }

    /// The body's `file`, which may be large, out of the body.
    pub fn take_file(&mut self) -> Value {
        self.body.get_mut("file").map(Value::take).unwrap_or_default()
    }

    /// What was made of nearly all of the body: it takes the body's share along.
    pub fn hold(&mut self, made: Vec<u8>) -> Bytes {
        match self.share.take() {
            Some(share) => share.held_by(made),
            None => made.into(),
        }
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Values of a query that may be repeated, or separated by commas.
    pub fn query_list(&self, name: &str) -> Vec<String> {
        let all = self.query_all(name);
        let each = all.iter().flat_map(|value| value.split(',')).filter(|value| !value.is_empty());
        each.map(str::to_owned).collect()
    }

    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// The values of a list, however clients write one: `name` repeated, `name[]`, `name[0]`.
    pub fn query_all(&self, name: &str) -> Vec<String> {
        let matching = self.query.iter().filter(|(key, _)| form::names_list(key, name));
        matching.map(|(_, value)| value.clone()).collect()
    }

    /// A boolean of the query, as WAHA reads one; absent is false.
    pub fn query_flag(&mut self, name: &str) -> bool {
        match self.query(name) {
            None | Some("false" | "False" | "0") => false,
            Some("true" | "True" | "1") => true,
            Some(_) => {
                self.violations.add(name, "must be a boolean value");
                false
            }
        }
    }

    /// A number of the query.
    pub fn query_number(&mut self, name: &str) -> Option<usize> {
        let text = self.query(name)?;
        // There is no more of anything than fits.
        let is_large = text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().or_else(|| is_large.then_some(usize::MAX));
        if number.is_none() {
            let must = "must be a number conforming to the specified constraints";
            self.violations.add(name, must);
        }
        number
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
