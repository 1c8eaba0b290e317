//! WAHA's other routes: a session that a WAHA server carries is asked there, with that server's key and under the
//! session's name there. What other sessions, and servers as a whole, are asked for goes nowhere.

mod allowed;
mod object;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{self, MethodRouter};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use http_body::Body as _;
use tokio::time::timeout;
use utoipa::openapi::HttpMethod;

pub(super) use self::allowed::ALLOWED;
use self::allowed::{Allowed, Place};
use super::RestState;
use super::body::{Described, UTF8_MARK};
use super::openapi::{Body as Answer, OperationDoc, Tag, required, says, session_name_text};
use super::refusal::{Refusal, RequestInfo};
use super::request::Arrival;
use super::route::Route;
use super::wire::KEY_IN_QUERY;
use crate::app::Call;
use crate::domain::auth::Caller;
use crate::domain::error::{Error, Violations};
use crate::domain::id::SessionName;
use crate::domain::port::passage::{Chunks, Part, PassedBody, PassedRequest};
use crate::domain::reason::Reason;
use crate::middleware::BoundedBody;
use crate::middleware::audit::note_session;

const SESSION: &str = "session";
/// What of a request's head concerns the server.
const PASSED_HEADERS: [HeaderName; 2] = [header::ACCEPT, header::CONTENT_TYPE];
/// How long a caller may pause within a body.
const CHUNK_PATIENCE: Duration = Duration::from_secs(30);
/// What a stranger wrote may come back as a page: it must not act as one of ours.
const POLICY: &str = "sandbox; default-src 'none'";

pub fn routes() -> Vec<Route> {
    ALLOWED.iter().map(route).collect()
}

fn route(allowed: &'static Allowed) -> Route {
    let handler = move |State(gateway): State<RestState>, arrival: Arrival, request: Request| async move {
        pass(gateway, arrival, request, allowed).await
    };
    let (method, handler): (HttpMethod, MethodRouter<RestState>) = match allowed.method.as_str() {
        "POST" => (HttpMethod::Post, routing::post(handler)),
        "PUT" => (HttpMethod::Put, routing::put(handler)),
        "DELETE" => (HttpMethod::Delete, routing::delete(handler)),
        _ => (HttpMethod::Get, routing::get(handler)),
    };
    Route { method, path: allowed.path.to_owned(), handler, says: said(allowed) }
}

fn said(allowed: &Allowed) -> OperationDoc {
    let says = says(allowed.id, Tag::Carried, "As WAHA has it, of a session that a WAHA server carries")
        .detail("It is passed on as it is, and so is the answer: WAHA's own documentation says what it takes.")
        .answers(200, "What the server answers.", Answer::Nothing)
        .answers(201, "What the server answers.", Answer::Nothing)
        .refuses(&[408, 413, 415, 422, 501, 504]);
    match allowed.place {
        Place::Query => says.query(required(SESSION, "The session's name.", session_name_text())),
        Place::Body => says.takes("CarriedRequest"),
        Place::Path => says,
    }
}

async fn pass(
    gateway: RestState,
    arrival: Arrival,
    request: Request,
    allowed: &'static Allowed,
) -> Result<Response, Refusal> {
    let caller = arrival.caller();
    let asked = arrival.info;
    let caller = caller.map_err(|error| asked.refuse(error))?;
    let described = Described::by(request.headers(), &asked);
    let (mut parts, body) = request.into_parts();
    let (path, in_path) = address(&mut parts, allowed.path, &asked).await?;
    let (mut query, in_query) = query(&asked);
    let headers = parts.headers.clone();
    let (session, body, share) = match allowed.place {
        Place::Path => {
            let session = authorized(in_path.as_deref(), &caller, &asked)?;
            (session, streamed(&gateway, body), None)
        }
        Place::Query => {
            let [session] = in_query.as_slice() else {
                return Err(refuse_field(&asked, SESSION, "must stand there once"));
            };
            query.push((SESSION.to_owned(), Part::Session));
            (authorized(Some(session), &caller, &asked)?, PassedBody::Nothing, None)
        }
        Place::Body => {
            let request = Request::from_parts(parts, body);
            let read = gateway.body.read(request, caller.key_name()).await;
            let read = read.map_err(|error| asked.refuse_body(error))?;
            let read = described?.unpacked(read, gateway.body.max_bytes(), &asked)?;
            let (session, others) = named(&headers, &read, &asked)?;
            let session = authorized(Some(&session), &caller, &asked)?;
            (session, PassedBody::Naming(others.into()), Some(read.into_share()))
        }
    };
    let headers = passed_headers(&headers, &body);
    let request = PassedRequest { method: asked.method.clone(), path, query, headers, body };
    let call = Call { caller, deadline: None, trace: arrival.trace };
    let answer = gateway.app.pass_on(&call, &session, request).await;
    drop(share);
    let answer = answer.map_err(|error| asked.refuse(error))?;
    let chunks = answer.body.map_err(|error| std::io::Error::other(error.to_string()));
    let mut response = Response::new(Body::from_stream(chunks));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = answer.headers;
    let policy = HeaderValue::from_static(POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// The path at the server, part by part, and the session that it names. A part that another reader could take for
/// several, or for a way up, is refused.
async fn address(
    parts: &mut Parts,
    template: &str,
    asked: &RequestInfo,
) -> Result<(Vec<Part>, Option<String>), Refusal> {
    let params = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|_| asked.refuse(Error::new(Reason::InvalidRequest, "the path is no UTF-8")))?;
    let (mut path, mut session) = (Vec::new(), None);
    for part in template.split('/').skip(1) {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            path.push(Part::Text(part.to_owned()));
            continue;
        };
        let value = params.iter().find(|(param, _)| *param == name).map(|(_, value)| value);
        let value = value.unwrap_or_default();
        if name == SESSION {
            session = Some(value.to_owned());
            path.push(Part::Session);
        } else if is_one_part(value) {
            path.push(Part::Text(value.to_owned()));
        } else {
            let must = "must be an id: no slash, no percent sign, no dots alone";
            return Err(refuse_field(asked, name, must));
        }
    }
    Ok((path, session))
}

fn is_one_part(value: &str) -> bool {
    let is_dangerous = |c: char| matches!(c, '/' | '\\' | '%' | '?' | '#' | ';') || c.is_control();
    !value.chars().all(|c| c == '.') && !value.contains(is_dangerous)
}

/// The query but for keys, and the sessions that it names.
fn query(asked: &RequestInfo) -> (Vec<(String, Part)>, Vec<String>) {
    let (mut query, mut sessions) = (Vec::new(), Vec::new());
    let pairs = url::form_urlencoded::parse(asked.uri.query().unwrap_or_default().as_bytes());
    for (name, value) in pairs {
        let lower = name.to_ascii_lowercase();
        if lower == KEY_IN_QUERY {
            continue;
        }
        // In brackets it is the same to some readers.
        if lower.split('[').next() == Some(SESSION) {
            sessions.push(value.into_owned());
        } else {
            query.push((name.into_owned(), Part::Text(value.into_owned())));
        }
    }
    (query, sessions)
}

/// The session, which the key may use. Whether it exists is said later, as in WAHA.
fn authorized(
    name: Option<&str>,
    caller: &Caller,
    asked: &RequestInfo,
) -> Result<SessionName, Refusal> {
    let name: SessionName =
        name.unwrap_or_default().parse().map_err(|error: crate::domain::id::ParseError| {
            refuse_field(asked, SESSION, &error.to_string())
        })?;
    note_session(&name);
    caller.authorize(&name).map_err(|error| asked.refuse(error))?;
    Ok(name)
}

fn refuse_field(asked: &RequestInfo, field: &str, must: &str) -> Refusal {
    let mut violations = Violations::default();
    violations.add(field, must);
    match crate::domain::error::checked(violations, None::<()>) {
        Err(error) => asked.refuse(error),
        Ok(()) => asked.refuse(Error::new(Reason::InvalidRequest, format!("{field} {must}"))),
    }
}

/// The session that a body names, and its other fields as they came. A form becomes JSON.
fn named(
    headers: &HeaderMap,
    body: &BoundedBody,
    asked: &RequestInfo,
) -> Result<(String, Vec<u8>), Refusal> {
    let described = Described::by(headers, asked)?;
    let bytes = match described.form(body.bytes(), asked)? {
        Some(fields) => Bytes::from(fields.to_string()),
        None => body.bytes().clone(),
    };
    let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(&bytes);
    let named = object::take_apart(bytes);
    let named = named.map_err(|error| asked.refuse(Error::new(Reason::InvalidRequest, error)))?;
    Ok((named.session, named.others))
}

/// A body that is passed on as it comes, within the bounds of any.
fn streamed(gateway: &RestState, body: Body) -> PassedBody {
    if body.is_end_stream() {
        return PassedBody::Nothing;
    }
    let max = gateway.body.max_bytes();
    let state = Some((body.into_data_stream(), 0));
    let chunks = futures::stream::unfold(state, move |state| async move {
        let (mut body, taken) = state?;
        let broken = |what: &str| Some((Err(Error::new(Reason::InvalidRequest, what)), None));
        match timeout(CHUNK_PATIENCE, body.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(chunk))) if taken + chunk.len() > max => {
                let message = format!("the body has more than {max} bytes (rest.max_body_bytes)");
                Some((Err(Error::new(Reason::MessageTooLarge, message)), None))
            }
            Ok(Some(Ok(chunk))) => {
                let taken = taken + chunk.len();
                Some((Ok(chunk), Some((body, taken))))
            }
            Ok(Some(Err(_))) => broken("the body broke off"),
            Err(_) => broken("the body did not arrive in time"),
        }
    });
    let chunks: Chunks = chunks.boxed();
    PassedBody::Stream(chunks)
}

fn passed_headers(headers: &HeaderMap, body: &PassedBody) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for name in PASSED_HEADERS {
        if let Some(value) = headers.get(&name) {
            passed.insert(name, value.clone());
        }
    }
    match body {
        PassedBody::Naming(_) => {
            passed.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        // It is still packed.
        PassedBody::Stream(_) => {
            if let Some(value) = headers.get(header::CONTENT_ENCODING) {
                passed.insert(header::CONTENT_ENCODING, value.clone());
            }
        }
        PassedBody::Nothing => {
            passed.remove(header::CONTENT_TYPE);
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_is_one_part_to_every_reader() {
        for value in
            ["4915120000001@c.us", "true_1@g.us_3EB0.A-B", "7", "a.b", "120363@newsletter", "ä"]
        {
            assert!(is_one_part(value), "{value}");
        }
        for value in
            ["", ".", "..", "...", "a/b", "a\\b", "a%2Fb", "a?b", "a#b", "a;b", "a\nb", "a\0"]
        {
            assert!(!is_one_part(value), "{value:?}");
        }
    }

    #[test]
    fn no_key_and_no_session_is_left_in_a_query() {
        let uri = "/api/contacts?X-Api-Key=secret&session=a&Session[]=b&contactId=1&limit=2";
        let asked = RequestInfo {
            method: http::Method::GET,
            uri: uri.parse().expect("a path"),
            time: crate::domain::clock::Timestamp::from_micros(0),
            shape: super::super::Shape::Normalized,
        };
        let text = |text: &str| Part::Text(text.to_owned());
        let (query, sessions) = query(&asked);
        assert_eq!(sessions, ["a", "b"]);
        let wanted = [("contactId".to_owned(), text("1")), ("limit".to_owned(), text("2"))];
        assert_eq!(query, wanted);
    }
}
