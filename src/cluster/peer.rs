//! The listener that only replicas use: it takes calls that came in elsewhere, and gives them to the service that would
//! have taken them here.

use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tonic::body::Body;
use tower::{Service, ServiceExt as _};

use super::{LISTENER, PEER, REFUSED, SECRET, Surface, hop};
use crate::middleware::Connection;

/// The secret that replicas share.
#[derive(Clone)]
pub struct PeerSecret {
    /// As it is sent: hexadecimal, so that any secret fits a header.
    header: HeaderValue,
    digest: [u8; 32],
}

impl fmt::Debug for PeerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerSecret(…)")
    }
}

impl PeerSecret {
    pub fn new(secret: &SecretString) -> Self {
        let text = hex::encode(secret.expose_secret());
        let mut header = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        header.set_sensitive(true);
        Self { header, digest: Sha256::digest(text).into() }
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// In constant time.
    fn is_shown_by<B>(&self, request: &Request<B>) -> bool {
        let shown = request.headers().get(SECRET).map_or(&[][..], HeaderValue::as_bytes);
        Sha256::digest(shown).as_slice().ct_eq(&self.digest).into()
    }
}

/// Marks a call of another replica: it is not handed on again.
#[derive(Debug, Clone, Copy)]
pub struct CallOfPeer;

impl CallOfPeer {
    /// What such a call is answered where this replica does not act: nothing was done.
    pub fn refused() -> Response<Body> {
        refused(StatusCode::SERVICE_UNAVAILABLE, "not the owner, or about to stop")
    }
}

/// `S` serves gRPC.
#[derive(Debug, Clone)]
pub struct PeerListener<S> {
    secret: PeerSecret,
    grpc: S,
    rest: Option<Router>,
    waha_webhooks: Option<Router>,
    other_events: Router,
    /// How often strangers are told of.
    strangers: Arc<DefaultDirectRateLimiter>,
}

impl<S> PeerListener<S> {
    pub fn new(
        secret: PeerSecret,
        grpc: S,
        rest: Option<Router>,
        waha_webhooks: Option<Router>,
        other_events: Router,
    ) -> Self {
        let once_a_minute = Quota::per_minute(NonZeroU32::MIN);
        let strangers = Arc::new(RateLimiter::direct(once_a_minute));
        Self { secret, grpc, rest, waha_webhooks, other_events, strangers }
    }
}

impl<S, B> Service<Request<Incoming>> for PeerListener<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        if !self.secret.is_shown_by(&request) {
            if self.strangers.check().is_ok() {
                tracing::warn!(
                    "calls to cluster.listen without the secret that replicas share; told of once a minute"
                );
            }
            let refused = refused(StatusCode::UNAUTHORIZED, "another secret");
            return std::future::ready(Ok(refused)).boxed();
        }
        if let Some(connection) = request.extensions().get::<Arc<Connection>>() {
            connection.belongs_to_peer();
        }
        let named = request.headers().get(LISTENER).map(HeaderValue::as_bytes);
        let surface =
            Surface::ALL.into_iter().find(|surface| named == Some(surface.as_str().as_bytes()));
        let (mut head, body) = request.into_parts();
        hop::take_certificate(&mut head.headers, &mut head.extensions);
        let mut request = Request::from_parts(head, body);
        request.headers_mut().remove(SECRET);
        request.headers_mut().remove(LISTENER);
        request.extensions_mut().insert(CallOfPeer);
        let router = match surface {
            Some(Surface::Grpc) => {
                let grpc = self.grpc.clone();
                return async move { Ok(signed(grpc.oneshot(request).await?)) }.boxed();
            }
            Some(Surface::Rest) => self.rest.clone(),
            Some(Surface::WahaWebhooks) => self.waha_webhooks.clone(),
            Some(Surface::OtherEvents) => Some(self.other_events.clone()),
            None => None,
        };
        let Some(router) = router else {
            let refused =
                refused(StatusCode::NOT_IMPLEMENTED, "this listener is off here, or not known");
            return std::future::ready(Ok(refused)).boxed();
        };
        async move { Ok(signed(router.oneshot(request).await?)) }.boxed()
    }
}

/// A replica's answer.
fn signed<B>(answer: Response<B>) -> Response<Body>
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut answer = answer.map(Body::new);
    answer.headers_mut().insert(PEER, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    answer
}

fn refused(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(REFUSED, HeaderValue::from_static(why));
    response
}
