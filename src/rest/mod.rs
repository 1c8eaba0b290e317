//! WAHA's paths, served by the same functions as the gRPC contract, so that WAHA's clients work unchanged.
//!
//! `docs/WAHA.md` has each route with what it answers and where that differs from WAHA on purpose.

mod access;
mod answers;
mod body;
mod events;
mod form;
mod group_routes;
mod handing_on;
mod invite_routes;
mod lid_routes;
mod lifecycle_routes;
mod link_routes;
mod listing;
mod openapi;
mod pages;
mod participant_routes;
mod passing;
mod picture_routes;
mod qr_image;
mod refusal;
mod request;
mod request_routes;
mod respond;
mod route;
mod server_routes;
mod session_routes;
mod setting_routes;
mod shape;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tracing::Instrument as _;

use self::events::Streams;
use self::request::Arrival;
use self::route::Route;
pub use self::shape::Shape;
use crate::app::App;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::error::Error;
use crate::domain::fair_share::FairShare;
use crate::domain::port::cluster::SeesReplicas;
use crate::domain::trace_context::TraceContext;
use crate::middleware::{
    AnswerBody, Audit, BodyLimits, Call, Calls, Connection, HandOn, Keyring, Origins, Peer, Who,
    cautious, read_on,
};
use crate::telemetry;

#[derive(Debug, Clone)]
pub struct Options {
    /// In whose words groups are answered.
    pub shape: Shape,
    pub body: BodyLimits,
    /// Requests that are dealt with at the same time, and what they hold.
    pub calls: Calls,
    /// Streams of events that are open at the same time.
    pub streams: FairShare,
    /// Other sites whose pages may call.
    pub origins: Origins,
    /// Whether WAHA's other routes are served, for sessions that WAHA servers carry.
    pub passes: bool,
    pub audit: Audit,
    /// The other replicas; none where the process is alone.
    pub replicas: Option<Arc<dyn SeesReplicas>>,
    /// Who answers what this replica does not, where another one acts.
    pub hand_on: Option<Arc<dyn HandOn>>,
}

#[derive(Clone)]
struct RestState {
    app: App,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    /// When the service began.
    began: Timestamp,
    shape: Shape,
    body: BodyLimits,
    calls: Calls,
    streams: Streams,
    origins: Origins,
    audit: Audit,
    replicas: Option<Arc<dyn SeesReplicas>>,
}

pub fn router(app: App, keyring: Keyring, clock: Arc<dyn Clock>, options: Options) -> Router {
    let Options { shape, body, calls, streams, origins, passes, audit, replicas, hand_on } =
        options;
    let streams = Streams::new(streams);
    let began = clock.now();
    let gateway = RestState {
        app,
        keyring,
        clock,
        began,
        shape,
        body,
        calls,
        streams,
        origins,
        audit,
        replicas,
    };
    let mut router = Router::new();
    for Route { path, handler, .. } in routes(passes) {
        router = router.route(&path, handler);
    }
    let document = openapi::document(routes(passes), shape, gateway.keyring.is_open());
    router = router
        .merge(pages::router(document))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_path);
    if let Some(owner) = hand_on {
        router = router.layer(from_fn_with_state((gateway.clone(), owner), handing_on::hand_on));
    }
    let router = router.layer(from_fn(access::guard));
    let router = router.layer(from_fn_with_state(gateway.clone(), watch_over)).with_state(gateway);
    // Express takes a path with a slash at its end for the same.
    let router = ServiceBuilder::new().map_request(without_slash_at_the_end).service(router);
    Router::new()
        .fallback_service(router)
        .layer(map_response(cautious))
        .layer(MapRequestLayer::new(read_on))
}

/// All that is served but for the pages.
fn routes(passes: bool) -> Vec<Route> {
    [
        server_routes::routes(),
        session_routes::routes(),
        lifecycle_routes::routes(),
        link_routes::routes(),
        lid_routes::routes(),
        group_routes::routes(),
        picture_routes::routes(),
        participant_routes::routes(),
        request_routes::routes(),
        invite_routes::routes(),
        setting_routes::routes(),
        events::routes(),
        if passes { passing::routes() } else { Vec::new() },
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn without_slash_at_the_end(mut request: Request) -> Request {
    let uri = request.uri();
    let Some(path) = uri.path().strip_suffix('/').filter(|path| !path.is_empty()) else {
        return request;
    };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(shorter) = format!("{path}{query}").parse() {
        *request.uri_mut() = shorter;
    }
    request
}

/// As Nest says it, also where the path is known and the method is not; and as in WAHA, only to those who
/// have a key.
async fn no_such_path(arrival: Arrival) -> Response {
    match arrival.caller() {
        Ok(_) => arrival.info.no_such_path().into_response(),
        Err(error) => arrival.info.refuse(error).into_response(),
    }
}

/// Counts and audits each request, refuses those that came by a stranger's name or for which there is no place, and
/// lets a panic of one be the end of that one alone.
async fn watch_over(
    State(gateway): State<RestState>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let arrival =
        Arrival::of(&gateway, &method, request.uri(), request.headers(), request.extensions());
    request.extensions_mut().insert(arrival.clone());
    let asked = &arrival.info;
    let rpc = match &route {
        Some(route) => format!("{} {route}", telemetry::method_label(&method)),
        None => "unknown".to_owned(),
    };
    let is_mutation = route.is_some() && !method.is_safe();
    let span = tracing::info_span!(
        "rest",
        http.route = rpc,
        trace_id = arrival.trace.as_ref().map(TraceContext::trace_id)
    );
    let mut audited = gateway.audit.begin(rpc, is_mutation, Peer::of(request.extensions()));
    audited.trace.clone_from(&arrival.trace);
    let admitted = request::refuse_foreign_names(&gateway, request.headers())
        .and_then(|()| admit(&gateway, &request, &arrival));
    let response = match admitted {
        Ok(call) => {
            let work = telemetry::traced(arrival.trace.clone(), next.run(request));
            let work = audited.subject.scope(work.instrument(span));
            let ran = std::panic::AssertUnwindSafe(work).catch_unwind().await;
            let answer = ran.unwrap_or_else(|_| {
                telemetry::panicked();
                asked.refuse(Error::internal("a panic, which the log tells of")).into_response()
            });
            hold(answer, call, method.is_safe())
                .await
                .unwrap_or_else(|error| asked.refuse(error).into_response())
        }
        Err(error) => asked.refuse(error).into_response(),
    };
    audited.end(&refusal::outcome(&response));
    telemetry::rest_request(&method, route, response.status().as_u16(), began.elapsed());
    response
}

/// A place for the request. Whether its caller may do what it asks for is decided later.
fn admit(gateway: &RestState, request: &Request, arrival: &Arrival) -> Result<Arc<Call>, Error> {
    let caller = arrival.caller().ok();
    let who = caller.as_ref().map_or(Who::Stranger, |caller| Who::Key(caller.key_name()));
    let call = gateway.calls.admit(who, request.extensions().get::<Arc<Connection>>())?;
    // Bodies have limits of their own here, and nobody must give way who waits for WhatsApp.
    call.received();
    Ok(call)
}

/// Lets the answer keep the place until it has left. Streams of events have places of their own.
async fn hold(response: Response, call: Arc<Call>, is_read: bool) -> Result<Response, Error> {
    let content_type = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_stream = content_type.is_some_and(|value| value.starts_with(b"text/event-stream"));
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    if is_stream {
        call.seated();
    } else if let Some(size) = response.body().size_hint().exact() {
        call.answer(usize::try_from(size).unwrap_or(usize::MAX), is_read)?;
    } else {
        let (head, mut body) = response.into_parts();
        let first = body.frame().await.transpose().map_err(Error::internal)?;
        let first = first.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        call.answer(first.len(), is_read)?;
        let body = Body::new(AnswerBody::in_parts(body, call, first));
        return Ok(Response::from_parts(head, body));
    }
    Ok(response.map(|body| Body::new(AnswerBody::holding(body, call))))
}
