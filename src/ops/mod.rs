//! The ops listener: `/livez`, `/readyz`, `/metrics`.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower::util::MapRequestLayer;

use crate::middleware::{HostNames, cautious, read_on};
use crate::telemetry::MetricsHandle;

/// What keeps the service from serving, as `/readyz` reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checks {
    pub database: bool,
    /// Whether the database takes commits, which it may not though it answers: its disk may be full.
    pub commits: bool,
    pub draining: bool,
}

impl Checks {
    pub fn is_ready(self) -> bool {
        self.database && self.commits && !self.draining
    }
}

/// The routes, for those who ask by one of the names; `checks` is asked at each request.
pub fn router<F>(metrics: MetricsHandle, names: HostNames, checks: F) -> Router
where
    F: Fn() -> Checks + Clone + Send + Sync + 'static,
{
    Router::new()
        // A process that answers is alive. The database is never asked: restarting us would not mend it.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(move || { let checks = checks.clone(); async move { readyz(checks()) } }))
        .route("/metrics", get(render))
        .with_state(metrics)
        .layer(from_fn_with_state(names, refuse_foreign_names))
        .layer(map_response(cautious))
        .layer(MapRequestLayer::new(read_on))
}

async fn refuse_foreign_names(
    State(names): State<HostNames>,
    request: Request,
    next: Next,
) -> Response {
    if names.admit(request.headers()) {
        return next.run(request).await;
    }
    let message =
        "this listener is reached as localhost, by an address, or by a name of ops.hosts\n";
    (StatusCode::FORBIDDEN, message).into_response()
}

fn readyz(checks: Checks) -> impl IntoResponse {
    let status = if checks.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let say = |good: bool| if good { "ok" } else { "failing" };
    let draining = if checks.draining { "yes" } else { "no" };
    let body = format!(
        "{{\"database\":\"{}\",\"commits\":\"{}\",\"draining\":\"{draining}\"}}\n",
        say(checks.database),
        say(checks.commits)
    );
    (status, [(header::CONTENT_TYPE, "application/json")], body)
}

async fn render(State(metrics): State<MetricsHandle>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}
