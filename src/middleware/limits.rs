//! How many calls run at once. One too many is refused at once, not queued: its caller knows
//! better than we what else it could do.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tower::{Layer, Service};

use super::status::{overloaded, to_status};

/// Lets so many calls run at the same time. A stream counts until it has begun; watches have a
/// limit of their own.
pub fn limit_calls(max: usize) -> LimitLayer {
    LimitLayer { permits: Arc::new(Semaphore::new(max)) }
}

#[derive(Debug, Clone)]
pub struct LimitLayer {
    permits: Arc<Semaphore>,
}

#[derive(Debug, Clone)]
pub struct LimitService<S> {
    permits: Arc<Semaphore>,
    inner: S,
}

impl<S> Layer<S> for LimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LimitService { permits: self.permits.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for LimitService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.permits.clone().try_acquire_owned() {
            Ok(permit) => {
                let future = self.inner.call(request);
                Box::pin(async move {
                    let response = future.await;
                    drop(permit);
                    response
                })
            }
            Err(_) => Box::pin(std::future::ready(Ok(to_status(&overloaded()).into_http()))),
        }
    }
}
