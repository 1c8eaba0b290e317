//! No status leaves without a reason: what tonic answers by itself gets one here.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, Uri};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::status::{explain, to_status};

const DETAILS: &str = "grpc-status-details-bin";

#[derive(Debug, Clone, Copy)]
pub struct ReasonsLayer {
    max_message_bytes: u64,
}

impl ReasonsLayer {
    pub fn new(max_message_bytes: u64) -> Self {
        Self { max_message_bytes }
    }
}

#[derive(Debug, Clone)]
pub struct ReasonsService<S> {
    max_message_bytes: u64,
    inner: S,
}

impl<S> Layer<S> for ReasonsLayer {
    type Service = ReasonsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ReasonsService { max_message_bytes: self.max_message_bytes, inner }
    }
}

impl<S, B> Service<Request<B>> for ReasonsService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ReasonsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let uri = request.uri().clone();
        ReasonsFuture {
            max_message_bytes: self.max_message_bytes,
            uri,
            inner: self.inner.call(request),
        }
    }
}

#[derive(Debug)]
pub struct ReasonsFuture<F> {
    max_message_bytes: u64,
    uri: Uri,
    inner: F,
}

impl<F, E> Future for ReasonsFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(Pin::new(&mut self.inner).poll(cx))?;
        // An error before any message comes with the headers and nothing after them.
        let headers = response.headers();
        // The standard services answer as their own contracts say.
        let ours = !self.uri.path().starts_with("/grpc.");
        let unexplained =
            ours && headers.contains_key("grpc-status") && !headers.contains_key(DETAILS);
        Poll::Ready(Ok(match unexplained.then(|| Status::from_header_map(headers)).flatten() {
            Some(status) if status.code() != tonic::Code::Ok => {
                to_status(&explain(&status, self.uri.path(), self.max_message_bytes)).into_http()
            }
            _ => response,
        }))
    }
}
