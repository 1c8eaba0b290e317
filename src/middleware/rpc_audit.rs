//! gRPC calls in the audit.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Layer, Service};

use super::audit::Audit;
use super::peer::Peer;
use super::request_id::CallId;
use super::served_rpcs::ServedRpcs;
use crate::domain::trace_context::TraceContext;

#[derive(Debug, Clone)]
pub struct RpcAuditLayer {
    audit: Audit,
    served: Arc<ServedRpcs>,
}

impl RpcAuditLayer {
    pub fn new(audit: Audit, served: Arc<ServedRpcs>) -> Self {
        Self { audit, served }
    }
}

#[derive(Debug, Clone)]
pub struct RpcAuditService<S> {
    layer: RpcAuditLayer,
    inner: S,
}

impl<S> Layer<S> for RpcAuditLayer {
    type Service = RpcAuditService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcAuditService { layer: self.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for RpcAuditService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let RpcAuditLayer { audit, served } = &self.layer;
        let rpc = served.of(request.uri().path());
        let mut call =
            audit.begin(rpc.name.clone(), rpc.is_mutation, Peer::of(request.extensions()));
        call.request_id = request.extensions().get::<CallId>().cloned();
        call.trace = request.extensions().get::<TraceContext>().cloned();
        let subject = call.subject.clone();
        let future = subject.sync_scope(|| self.inner.call(request));
        Box::pin(async move {
            let response = subject.scope(future).await?;
            call.end(&outcome(response.headers()));
            Ok(response)
        })
    }
}

/// Errors come with the headers; a stream's own end is not seen here.
fn outcome(headers: &HeaderMap) -> Cow<'static, str> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => {
            let info = status.get_error_details().error_info().map(|info| info.reason.clone());
            // The standard services answer as their own contracts say.
            info.unwrap_or_else(|| format!("{:?}", status.code())).into()
        }
        _ => "OK".into(),
    }
}
