//! How many calls there are, how they end and how long they take.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use prost::{DecodeError, Message as _};
use prost_types::FileDescriptorSet;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::telemetry;

/// The paths of all RPCs that are served. Calls are counted before their key is looked at, so that a path that someone
/// made up must leave no name behind, whatever the answer is.
#[derive(Debug)]
pub struct ServedRpcs(HashSet<String>);

impl ServedRpcs {
    /// All methods of these encoded descriptors.
    pub fn new(descriptors: &[&[u8]]) -> Result<Self, DecodeError> {
        let mut served = HashSet::new();
        for descriptors in descriptors {
            for file in FileDescriptorSet::decode(*descriptors)?.file {
                for service in &file.service {
                    let name = format!("/{}.{}", file.package(), service.name());
                    let methods = service.method.iter();
                    served.extend(methods.map(|method| format!("{name}/{}", method.name())));
                }
            }
        }
        Ok(Self(served))
    }

    /// The path, if it is one of them.
    pub fn of<'a>(&self, path: &'a str) -> Option<&'a str> {
        self.0.contains(path).then_some(path)
    }

    #[cfg(test)]
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[derive(Debug, Clone)]
pub struct RpcMetricsLayer {
    served: Arc<ServedRpcs>,
}

#[derive(Debug, Clone)]
pub struct RpcMetricsService<S> {
    inner: S,
    served: Arc<ServedRpcs>,
}

impl RpcMetricsLayer {
    pub fn new(served: Arc<ServedRpcs>) -> Self {
        Self { served }
    }
}

impl<S> Layer<S> for RpcMetricsLayer {
    type Service = RpcMetricsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcMetricsService { inner, served: self.served.clone() }
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
        let running = telemetry::RpcRunning::begin(self.served.of(request.uri().path()));
        let started = Instant::now();
        let future = self.inner.call(request);
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
