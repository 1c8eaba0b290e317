//! A panic in one call is that call's INTERNAL, not the process' end.
//!
//! tower-http has such a layer too, but it boxes every response body once more, which each event of
//! each watch would pass.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use super::status::to_status;
use crate::domain::error::Error;
use crate::telemetry;

#[derive(Debug, Clone, Copy, Default)]
pub struct CatchPanicsLayer;

#[derive(Debug, Clone)]
pub struct CatchPanicsService<S>(S);

impl<S> Layer<S> for CatchPanicsLayer {
    type Service = CatchPanicsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanicsService(inner)
    }
}

impl<S, B> Service<Request<B>> for CatchPanicsService<S>
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
        let future = AssertUnwindSafe(self.0.call(request)).catch_unwind();
        Box::pin(async move { future.await.unwrap_or_else(|panic| Ok(answer(panic.as_ref()))) })
    }
}

fn answer(panic: &(dyn Any + Send)) -> Response<Body> {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or_default();
    telemetry::panicked();
    to_status(&Error::internal(format!("panic: {text}"))).into_http()
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_as_internal_without_its_text() {
        let service = tower::service_fn(|_: Request<()>| async {
            if true {
                panic!("the secret cause");
            }
            Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
        });
        let response =
            CatchPanicsLayer.layer(service).oneshot(Request::new(())).await.expect("an answer");
        let status = Status::from_header_map(response.headers()).expect("a status");
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("secret"));
    }
}
