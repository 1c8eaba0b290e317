//! How many calls there are, how they end and how long they take.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::telemetry;

#[derive(Debug, Clone, Copy, Default)]
pub struct RpcMetricsLayer;

#[derive(Debug, Clone)]
pub struct RpcMetricsService<S>(S);

impl<S> Layer<S> for RpcMetricsLayer {
    type Service = RpcMetricsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcMetricsService(inner)
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
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let running = telemetry::RpcRunning::begin(request.uri().path());
        let started = Instant::now();
        let future = self.0.call(request);
        Box::pin(async move {
            let response = future.await?;
            // Errors come with the headers; a stream's own end is not seen here.
            let code = Status::from_header_map(response.headers())
                .map_or(Code::Ok, |status| status.code());
            running.end(code, started.elapsed());
            Ok(response)
        })
    }
}
