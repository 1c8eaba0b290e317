//! Which role each route needs: the same as the RPC that does the same.

use axum::Extension;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::passing::ALLOWED;
use super::request::{Arrival, PathNames};
use crate::domain::auth::Role;

/// Reads that show what lets others in: an invite code into a group, a QR code into a session.
const REVEALING: [(&str, Role); 3] = [
    ("/api/{session}/groups/{id}/invite-code", Role::Operator),
    ("/api/{session}/auth/qr", Role::Admin),
    ("/api/screenshot", Role::Admin),
];

/// A route that is not named here is for admins where it changes something, until somebody decides.
pub(super) fn role(method: &Method, route: &str) -> Role {
    if let Some((_, role)) = REVEALING.iter().find(|(revealing, _)| *revealing == route) {
        return *role;
    }
    // Some of WAHA's routes act when they are got, and all speak for the account.
    if ALLOWED.iter().any(|allowed| allowed.path == route) {
        return Role::Operator;
    }
    if method.is_safe() {
        Role::Reader
    } else if route.starts_with("/api/{session}/groups") {
        Role::Operator
    } else {
        Role::Admin
    }
}

/// Strangers are refused by the routes, each in its own way.
pub(super) async fn guard(
    Extension(arrival): Extension<Arrival>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let needed = route.map_or(Role::Reader, |route| role(request.method(), route));
    match arrival.caller().map(|caller| caller.require(needed)) {
        Ok(Err(error)) => {
            PathNames::of(&mut request.into_parts().0).await.note_session();
            arrival.info.refuse(error).into_response()
        }
        Ok(Ok(())) | Err(_) => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use utoipa::openapi::HttpMethod;

    use super::*;
    use crate::rest::routes;

    fn method(method: &HttpMethod) -> Method {
        match method {
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Delete => Method::DELETE,
            _ => Method::GET,
        }
    }

    /// The matrix of docs/SECURITY.md: a new route has to be decided about here.
    #[test]
    fn each_route_needs_the_role_that_was_decided() {
        let of = |needed: Role| -> BTreeSet<String> {
            let routes = routes(true).into_iter().map(|route| (method(&route.method), route.path));
            let needing = routes.filter(|(method, path)| role(method, path) == needed);
            needing.map(|(method, path)| format!("{method} {path}")).collect()
        };
        let reader = of(Role::Reader);
        assert!(reader.iter().all(|route| route.starts_with("GET ")), "{reader:?}");
        let reader: Vec<String> = reader.into_iter().collect();
        assert_eq!(
            reader,
            [
                "GET /api/server/replicas",
                "GET /api/server/status",
                "GET /api/server/version",
                "GET /api/sessions",
                "GET /api/sessions/{session}",
                "GET /api/sessions/{session}/me",
                "GET /api/version",
                "GET /api/{session}/groups",
                "GET /api/{session}/groups/count",
                "GET /api/{session}/groups/events",
                "GET /api/{session}/groups/join-info",
                "GET /api/{session}/groups/{id}",
                "GET /api/{session}/groups/{id}/events",
                "GET /api/{session}/groups/{id}/participants",
                "GET /api/{session}/groups/{id}/participants/join-requests",
                "GET /api/{session}/groups/{id}/participants/v2",
                "GET /api/{session}/groups/{id}/picture",
                "GET /api/{session}/groups/{id}/settings/security/info-admin-only",
                "GET /api/{session}/groups/{id}/settings/security/member-add-mode",
                "GET /api/{session}/groups/{id}/settings/security/member-share-history-mode",
                "GET /api/{session}/groups/{id}/settings/security/membership-approval",
                "GET /api/{session}/groups/{id}/settings/security/messages-admin-only",
                "GET /api/{session}/lids",
                "GET /api/{session}/lids/count",
                "GET /api/{session}/lids/pn/{phone}",
                "GET /api/{session}/lids/{lid}",
                "GET /health",
                "GET /ping",
                "GET /ws",
            ]
        );
        let operator = of(Role::Operator);
        let is_of_groups = |route: &&String| route.contains(" /api/{session}/groups");
        let carried: BTreeSet<String> =
            ALLOWED.iter().map(|allowed| format!("{} {}", allowed.method, allowed.path)).collect();
        assert!(
            operator
                .iter()
                .filter(|route| !is_of_groups(route))
                .all(|route| carried.contains(route)),
            "{operator:?}"
        );
        assert!(operator.contains("GET /api/{session}/groups/{id}/invite-code"));
        let admin: Vec<String> = of(Role::Admin).into_iter().collect();
        assert_eq!(
            admin,
            [
                "GET /api/screenshot",
                "GET /api/{session}/auth/qr",
                "POST /api/sessions/logout",
                "POST /api/sessions/start",
                "POST /api/sessions/stop",
                "POST /api/sessions/{session}/logout",
                "POST /api/sessions/{session}/restart",
                "POST /api/sessions/{session}/start",
                "POST /api/sessions/{session}/stop",
                "POST /api/{session}/auth/request-code",
            ]
        );
    }
}
