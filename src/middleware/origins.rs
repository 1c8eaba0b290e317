//! Pages of other sites that may call the listeners: cross-origin resource sharing, as browsers ask for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// What a page may read of an answer beside what any may.
const EXPOSED: [HeaderName; 5] = [
    HeaderName::from_static("retry-after"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-total-count"),
    HeaderName::from_static("x-wagroups-reason"),
    HeaderName::from_static("x-wagroups-sequence"),
];
/// How long a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Whose pages may call.
#[derive(Debug, Clone, Default)]
pub struct Origins(Arc<Allowed>);

#[derive(Debug, Default)]
enum Allowed {
    #[default]
    Nobody,
    These(Vec<HeaderValue>),
    Everybody,
}

impl Origins {
    /// Origins as browsers write them, `https://panel.example`; `*` is all.
    pub fn new(origins: &[String]) -> Self {
        if origins.iter().any(|origin| origin == "*") {
            return Self(Arc::new(Allowed::Everybody));
        }
        let origins: Vec<HeaderValue> =
            origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
        Self(Arc::new(if origins.is_empty() { Allowed::Nobody } else { Allowed::These(origins) }))
    }

    pub fn allow(&self, origin: &HeaderValue) -> bool {
        match self.0.as_ref() {
            Allowed::Nobody => false,
            Allowed::These(origins) => origins.contains(origin),
            Allowed::Everybody => true,
        }
    }

    /// The routes, and answers to browsers that ask whether a page may call them. They ask without a key.
    pub fn admit_to(&self, router: Router) -> Router {
        let origins = match self.0.as_ref() {
            Allowed::Nobody => return router,
            Allowed::These(origins) => AllowOrigin::list(origins.iter().cloned()),
            Allowed::Everybody => AllowOrigin::any(),
        };
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED)
            .max_age(MAX_AGE);
        // A router has answers of its own where it knows no method; the layer must come before them.
        let answered = tower::ServiceBuilder::new()
            .layer(from_fn(preflights_without_content))
            .layer(layer)
            .service(router);
        Router::new().fallback_service(answered)
    }
}

/// The layer answers them 200 with nothing; WAHA's Express, and most that clients know, answer 204.
async fn preflights_without_content(request: Request, next: Next) -> Response {
    let is_preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if is_preflight && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}
