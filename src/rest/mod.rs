//! WAHA's paths, served by the same functions as the gRPC contract, so that WAHA's clients work unchanged.
//!
//! `docs/WAHA.md` has each route with what it answers and where that differs from WAHA on purpose.

mod events;
mod group_routes;
mod invite_routes;
mod listing;
mod participant_routes;
mod picture_routes;
mod refusal;
mod request;
mod request_routes;
mod respond;
mod setting_routes;
mod shape;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::refusal::Asked;
pub use self::shape::Shape;
use crate::app::App;
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::middleware::{BodyLimits, Keyring};
use crate::telemetry;

#[derive(Debug, Clone)]
pub struct Options {
    /// In whose words groups are answered.
    pub shape: Shape,
    pub body: BodyLimits,
    /// Requests that are dealt with at the same time.
    pub max_in_flight: usize,
}

#[derive(Clone)]
struct Gateway {
    app: App,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    shape: Shape,
    body: BodyLimits,
    in_flight: Arc<Semaphore>,
}

pub fn router(app: App, keyring: Keyring, clock: Arc<dyn Clock>, options: Options) -> Router {
    let in_flight = Arc::new(Semaphore::new(options.max_in_flight));
    let Options { shape, body, .. } = options;
    let gateway = Gateway { app, keyring, clock, shape, body, in_flight };
    let at = |path: &str| format!("/api/{{session}}/groups{path}");
    let security = |name: &str| at(&format!("/{{id}}/settings/security/{name}"));
    let requests = |path: &str| at(&format!("/{{id}}/participants/join-requests{path}"));
    Router::new()
        .route("/ws", get(events::open_socket))
        .route(&at(""), get(group_routes::list).post(group_routes::create))
        .route(&at("/events"), get(events::follow))
        .route(&at("/count"), get(group_routes::count))
        .route(&at("/join-info"), get(invite_routes::join_info))
        .route(&at("/join"), post(invite_routes::join))
        .route(&at("/refresh"), post(group_routes::refresh))
        .route(&at("/{id}"), get(group_routes::get).delete(group_routes::delete))
        .route(&at("/{id}/leave"), post(group_routes::leave))
        .route(
            &at("/{id}/picture"),
            get(picture_routes::get).put(picture_routes::set).delete(picture_routes::delete),
        )
        .route(&at("/{id}/subject"), put(group_routes::set_subject))
        .route(&at("/{id}/description"), put(group_routes::set_description))
        .route(&at("/{id}/invite-code"), get(invite_routes::invite_code))
        .route(&at("/{id}/invite-code/revoke"), post(invite_routes::revoke))
        .route(&at("/{id}/participants"), get(participant_routes::list))
        .route(&at("/{id}/participants/"), get(participant_routes::list))
        .route(&at("/{id}/participants/v2"), get(participant_routes::list_v2))
        .route(&at("/{id}/participants/add"), post(participant_routes::add))
        .route(&at("/{id}/participants/remove"), post(participant_routes::remove))
        .route(&at("/{id}/admin/promote"), post(participant_routes::promote))
        .route(&at("/{id}/admin/demote"), post(participant_routes::demote))
        .route(
            &security("info-admin-only"),
            get(setting_routes::info_admin_only).put(setting_routes::set_info_admin_only),
        )
        .route(
            &security("messages-admin-only"),
            get(setting_routes::messages_admin_only).put(setting_routes::set_messages_admin_only),
        )
        .route(
            &security("member-add-mode"),
            get(setting_routes::member_add_mode).put(setting_routes::set_member_add_mode),
        )
        .route(
            &security("membership-approval"),
            get(setting_routes::membership_approval).put(setting_routes::set_membership_approval),
        )
        .route(
            &security("member-share-history-mode"),
            get(setting_routes::member_share_history).put(setting_routes::set_member_share_history),
        )
        .route(&requests(""), get(request_routes::list))
        .route(&requests("/approve"), post(request_routes::approve))
        .route(&requests("/reject"), post(request_routes::reject))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_path)
        .layer(from_fn_with_state(gateway.clone(), watch_over))
        .with_state(gateway)
}

/// As Nest says it, also where the path is known and the method is not.
async fn no_such_path(State(gateway): State<Gateway>, request: Request) -> Response {
    asked(&gateway, &request).no_such_path().into_response()
}

fn asked(gateway: &Gateway, request: &Request) -> Asked {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    Asked { method, uri, time: gateway.clock.now() }
}

/// Counts each request, and lets a panic of one be the end of that one alone.
async fn watch_over(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let asked = asked(&gateway, &request);
    let ran = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = ran.unwrap_or_else(|_| {
        telemetry::panicked();
        asked.refuse(Error::internal("a panic, which the log tells of")).into_response()
    });
    telemetry::rest_request(&method, route, response.status().as_u16(), began.elapsed());
    response
}
