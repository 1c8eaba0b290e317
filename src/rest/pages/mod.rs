//! What a browser is shown: the operator's page, the document of the API and a page to try it. They are part of
//! the program, load nothing from elsewhere, and hold no data: that is asked for with a key.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing;
use bytes::Bytes;

use super::RestState;

/// Nothing but what comes from here, and in no frame: a page of others must not dress itself in this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct File {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($path:literal, $name:literal, $content_type:literal;)+) => {
        [$(File { path: $path, content_type: $content_type, bytes: include_bytes!($name) },)+]
    };
}

const FILES: [File; 17] = files! {
    "/", "operator.html", "text/html; charset=utf-8";
    "/docs", "docs.html", "text/html; charset=utf-8";
    "/assets/page.css", "page.css", "text/css; charset=utf-8";
    "/assets/operator.css", "operator.css", "text/css; charset=utf-8";
    "/assets/docs.css", "docs.css", "text/css; charset=utf-8";
    "/assets/icon.svg", "icon.svg", "image/svg+xml";
    "/assets/dom.js", "dom.js", "text/javascript; charset=utf-8";
    "/assets/api.js", "api.js", "text/javascript; charset=utf-8";
    "/assets/theme.js", "theme.js", "text/javascript; charset=utf-8";
    "/assets/events.js", "events.js", "text/javascript; charset=utf-8";
    "/assets/schema.js", "schema.js", "text/javascript; charset=utf-8";
    "/assets/groups.js", "groups.js", "text/javascript; charset=utf-8";
    "/assets/group.js", "group.js", "text/javascript; charset=utf-8";
    "/assets/replicas.js", "replicas.js", "text/javascript; charset=utf-8";
    "/assets/live.js", "live.js", "text/javascript; charset=utf-8";
    "/assets/operator.js", "operator.js", "text/javascript; charset=utf-8";
    "/assets/docs.js", "docs.js", "text/javascript; charset=utf-8";
};

pub fn router(document: Bytes) -> Router<RestState> {
    let mut router = Router::new();
    for File { path, content_type, bytes } in FILES {
        let answer = move || async move { page(content_type, Bytes::from_static(bytes)) };
        router = router.route(path, routing::get(answer));
    }
    let answer = move || async move { page("application/json; charset=utf-8", document.clone()) };
    router.route("/openapi.json", routing::get(answer))
}

fn page(content_type: &'static str, bytes: Bytes) -> Response {
    let headers: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        // A new version of the program has new pages.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), bytes).into_response()
}
