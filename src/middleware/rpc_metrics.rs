//! How many calls there are, how they end and how long they take.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::served_rpcs::ServedRpcs;
use crate::telemetry::RpcsRunning;

#[derive(Debug, Clone)]
pub struct RpcMetricsLayer {
    served: Arc<ServedRpcs>,
    running: RpcsRunning,
}

#[derive(Debug, Clone)]
pub struct RpcMetricsService<S> {
    inner: S,
    layer: RpcMetricsLayer,
}

impl RpcMetricsLayer {
    pub fn new(served: Arc<ServedRpcs>) -> Self {
        Self { served, running: RpcsRunning::default() }
    }
}

impl<S> Layer<S> for RpcMetricsLayer {
    type Service = RpcMetricsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcMetricsService { inner, layer: self.clone() }
    }
}

impl<S, B> Service<Request<B>> for RpcMetricsService<S>
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
        let running = self.layer.running.begin();
        let rpc = self.layer.served.of(request.uri().path()).clone();
        let started = Instant::now();
        let future = self.inner.call(request);
        Box::pin(async move {
            let response = future.await?;
            // Errors come with the headers; a stream's own end is not seen here.
            let code = Status::from_header_map(response.headers())
                .map_or(Code::Ok, |status| status.code());
            drop(running);
            rpc.series.ended(code, started.elapsed());
            Ok(response)
        })
    }
}
