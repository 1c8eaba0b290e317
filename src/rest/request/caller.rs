//! Who calls, and from where a browser calls.

use axum::extract::FromRequestParts;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};

use super::path::PathNames;
use super::query::Query;
use crate::domain::auth::Caller;
use crate::domain::error::Error;
use crate::domain::reason::Reason;
use crate::middleware::HostNames;
use crate::middleware::audit::{note_caller, note_session};
use crate::rest::RestState;
use crate::rest::refusal::{Refusal, RequestInfo};
use crate::rest::wire::KEY_IN_QUERY;

/// The caller, who may use the session that the path names.
pub struct Authorized(pub Caller);

impl FromRequestParts<RestState> for Authorized {
    type Rejection = Refusal;

    /// Before anything else of the request is looked at, as WAHA's guard stands before its pipes.
    async fn from_request_parts(parts: &mut Parts, gateway: &RestState) -> Result<Self, Refusal> {
        let asked = RequestInfo::of(gateway, &parts.method, &parts.uri);
        let refuse = |error| asked.refuse(error);
        let caller = caller_of(gateway, &parts.headers, &parts.uri).map_err(refuse)?;
        let PathNames { session, .. } = PathNames::of(parts).await;
        if let Ok(session) = session.parse() {
            note_session(&session);
            caller.authorize(&session).map_err(refuse)?;
        }
        Ok(Self(caller))
    }
}

/// Who calls, of a request that is not read any further.
pub fn caller_of(gateway: &RestState, headers: &HeaderMap, uri: &Uri) -> Result<Caller, Error> {
    let query = Query::of(uri);
    let in_query = query.first(KEY_IN_QUERY).map(str::as_bytes);
    let caller = gateway.keyring.identify_or(headers, in_query)?;
    note_caller(&caller);
    refuse_foreign_pages(gateway, headers)?;
    Ok(caller)
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
