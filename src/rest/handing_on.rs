//! Where another replica acts: which requests are answered here, and which by that one.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::RestState;
use super::passing::ALLOWED;
use super::request::Arrival;
use super::wire::IDEMPOTENCY_KEY;
use crate::middleware::{HandOn, Repeats};

/// Reads of what each replica has. All that does not begin with `/api/` is answered here, too: pages, streams of
/// events, what tells of this process.
const LOCAL_READS: [&str; 12] = [
    "/api/sessions",
    "/api/version",
    "/api/server/replicas",
    "/api/server/version",
    "/api/server/status",
    "/api/{session}/groups",
    "/api/{session}/groups/count",
    "/api/{session}/groups/events",
    "/api/{session}/groups/{id}",
    "/api/{session}/groups/{id}/events",
    "/api/{session}/groups/{id}/participants",
    "/api/{session}/groups/{id}/participants/v2",
];

fn is_local(method: &Method, route: Option<&str>) -> bool {
    match route {
        None => true,
        Some(route) if !route.starts_with("/api/") => true,
        Some(route) => method.is_safe() && LOCAL_READS.contains(&route),
    }
}

const GROUPS: &str = "/api/{session}/groups";

/// Whether wagroups answers the route itself. All others are passed on to WAHA servers, of which some act when they are
/// got (`GET /api/sendText`), and none knows request ids.
fn is_own(route: Option<&str>) -> bool {
    route.is_some_and(|route| ALLOWED.iter().all(|passed| passed.path != route))
}

fn repeats(method: &Method, route: Option<&str>, headers: &HeaderMap) -> Repeats {
    let is_of_groups = route.is_some_and(|route| route.starts_with(GROUPS));
    match () {
        () if is_own(route) && method.is_safe() => Repeats::Harmless,
        () if is_of_groups && headers.contains_key(IDEMPOTENCY_KEY) => Repeats::Settled,
        () => Repeats::Never,
    }
}

pub(super) async fn hand_on(
    State((gateway, owner)): State<(RestState, Arc<dyn HandOn>)>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if is_local(request.method(), route) {
        return next.run(request).await;
    }
    let asked = &arrival.info;
    if let Err(error) = gateway.app.refuse_if_draining() {
        return asked.refuse(error).into_response();
    }
    // A stranger is refused here, before anything of the body is read.
    let caller = match arrival.caller() {
        Ok(caller) => caller,
        Err(error) => return asked.refuse(error).into_response(),
    };
    let is_read = request.method().is_safe();
    let repeats = repeats(request.method(), route, request.headers());
    // What WAHA servers answer can be large. An answer of ours is taken whole: half a one says nothing.
    let streams = is_read || !is_own(route);
    let (head, body) = request.into_parts();
    let body = gateway.body.read(Request::new(body), caller.key_name()).await;
    let body = match body {
        Ok(body) => body,
        Err(error) => return asked.refuse_body(error).into_response(),
    };
    let answered = owner.hand_on(head, body.bytes().clone(), repeats, streams).await;
    drop(body);
    if !is_read {
        // What the caller reads here next shows what it has changed.
        gateway.app.catch_up().await;
    }
    answered.unwrap_or_else(|error| asked.refuse(error).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_waha_server_does_is_never_sent_twice() {
        let mut keyed = HeaderMap::new();
        keyed.insert(IDEMPOTENCY_KEY, "one".parse().expect("a value"));
        for allowed in ALLOWED {
            assert_eq!(repeats(allowed.method, Some(allowed.path), &keyed), Repeats::Never);
        }
        let create = Some("/api/{session}/groups");
        assert_eq!(repeats(&Method::POST, create, &keyed), Repeats::Settled);
        assert_eq!(repeats(&Method::POST, create, &HeaderMap::new()), Repeats::Never);
        assert_eq!(repeats(&Method::GET, create, &HeaderMap::new()), Repeats::Harmless);
        let start = Some("/api/sessions/{session}/start");
        assert_eq!(repeats(&Method::POST, start, &keyed), Repeats::Never);
    }

    #[test]
    fn reads_of_groups_are_answered_here_and_all_that_changes_or_asks_whatsapp_is_not() {
        let served: Vec<String> =
            super::super::routes(true).into_iter().map(|route| route.path).collect();
        for route in LOCAL_READS {
            assert!(served.iter().any(|path| path == route), "{route} is not served");
            assert!(is_local(&Method::GET, Some(route)));
            assert!(!is_local(&Method::POST, Some(route)), "{route}");
        }
        assert!(!is_local(&Method::GET, Some("/api/{session}/groups/{id}/invite-code")));
        assert!(is_local(&Method::GET, Some("/ws")) && is_local(&Method::GET, None));
    }
}
