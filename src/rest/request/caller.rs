//! Who calls, and from where a browser calls.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, Uri};

use super::path::PathNames;
use super::query::Query;
use crate::domain::auth::Caller;
use crate::domain::error::Error;
use crate::domain::reason::Reason;
use crate::domain::trace_context::TraceContext;
use crate::middleware::HostNames;
use crate::middleware::audit::note_caller;
use crate::middleware::trace_of;
use crate::rest::RestState;
use crate::rest::refusal::{Refusal, RequestInfo};
use crate::rest::wire::KEY_IN_QUERY;

/// What the head of a request says: what is asked for, when, by whom, in which trace, and whether a page of another site
/// asks. Found out once, before its handler is called, and kept in its extensions.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub info: RequestInfo,
    pub trace: Option<TraceContext>,
    key: Result<Caller, Error>,
    page: Result<(), Error>,
}

impl Arrival {
    pub fn of(
        gateway: &RestState,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Self {
        let query = Query::of(uri);
        let in_query = query.first(KEY_IN_QUERY).map(str::as_bytes);
        Self {
            info: RequestInfo::of(gateway, method, uri),
            trace: trace_of(headers),
            key: gateway.keyring.identify_or(headers, in_query, extensions.get()),
            page: refuse_foreign_pages(gateway, headers),
        }
    }

    /// Who calls, whatever is asked for; noted for the audit.
    pub fn caller(&self) -> Result<Caller, Error> {
        let caller = self.key.clone()?;
        note_caller(&caller);
        self.refuse_foreign_page()?;
        Ok(caller)
    }

    pub fn refuse_foreign_page(&self) -> Result<(), Error> {
        self.page.clone()
    }
}

impl FromRequestParts<RestState> for Arrival {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &RestState,
    ) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| {
            Self::of(gateway, &parts.method, &parts.uri, &parts.headers, &parts.extensions)
        }))
    }
}

/// The caller, who may use the session that the path names.
pub struct Authorized(pub Caller);

impl Authorized {
    /// Before anything else of the request is looked at, as WAHA's guard stands before its pipes.
    pub async fn of(arrival: &Arrival, parts: &mut Parts) -> Result<Self, Refusal> {
        let refuse = |error| arrival.info.refuse(error);
        let caller = arrival.caller().map_err(refuse)?;
        if let Some(session) = PathNames::of(parts).await.note_session() {
            caller.authorize(&session).map_err(refuse)?;
        }
        Ok(Self(caller))
    }
}

/// Where no keys are set, a browser on this machine could be made to call by any page that it shows. Browsers
/// say where a request comes from; nobody else sends these headers.
fn refuse_foreign_pages(gateway: &RestState, headers: &HeaderMap) -> Result<(), Error> {
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
