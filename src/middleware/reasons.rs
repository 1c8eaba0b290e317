//! No status leaves without a reason: what tonic answers by itself gets one here. And what is no gRPC is
//! answered in the words of HTTP.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Either};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::request_body::BodyWitness;
use super::status::{explain, to_status};
use crate::domain::error::Error;
use crate::domain::reason::Reason;

/// Of a body that nobody wants so much is read, and for so long.
const MOST_PASSED_OVER: usize = 64 * 1024;
const LONGEST_PASSING_OVER: Duration = Duration::from_secs(3);
const DETAILS: &str = "grpc-status-details-bin";
/// Which encodings a caller may choose instead of the one that is unknown here.
const ACCEPTED_ENCODINGS: HeaderName = HeaderName::from_static("grpc-accept-encoding");

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

impl<S> Service<Request<Body>> for ReasonsService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future =
        Either<ReasonsFuture<S::Future>, BoxFuture<'static, Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if !is_grpc(request.headers()) {
            let body = request.into_body();
            return Either::Right(passed_over(body).map(|()| Ok(not_grpc())).boxed());
        }
        let uri = request.uri().clone();
        let (parts, body) = request.into_parts();
        let (body, witness) = BodyWitness::watch(body);
        Either::Left(ReasonsFuture {
            max_message_bytes: self.max_message_bytes,
            uri,
            witness,
            inner: self.inner.call(Request::from_parts(parts, body)),
        })
    }
}

/// Whether the body is one of gRPC's, with messages as the contract has them. A proxy between browsers and
/// gRPC changes `application/grpc-web` into this.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    [&b"application/grpc"[..], b"application/grpc+proto"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known))
}

/// Reads the rest of a body, as far as that is soon done. An answer before it is followed by a reset of the stream, which
/// HTTP/2 allows, and for which curl (7.88) drops the answer now and then.
async fn passed_over(mut body: Body) {
    let read = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, |data| data.len());
            if length > MOST_PASSED_OVER {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LONGEST_PASSING_OVER, read).await;
}

/// As gRPC's HTTP/2 mapping has it, so that no other client takes a refusal for a success.
fn not_grpc() -> Response<Body> {
    let message =
        "this address takes gRPC: content-type application/grpc with messages in protobuf";
    let mut response = to_status(&Error::new(Reason::InvalidRequest, message)).into_http();
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

#[derive(Debug)]
pub struct ReasonsFuture<F> {
    max_message_bytes: u64,
    uri: Uri,
    witness: BodyWitness,
    inner: F,
}

impl<F> ReasonsFuture<F> {
    /// What the status means, where it has no details of its own.
    fn explained(&self, headers: &HeaderMap) -> Option<Response<Body>> {
        // An error before any message comes with the headers and nothing after them.
        if !headers.contains_key("grpc-status") || headers.contains_key(DETAILS) {
            return None;
        }
        let status = Status::from_header_map(headers)?;
        // The standard services answer as their own contracts say; what is wrong with a body is none of theirs.
        let ours = !self.uri.path().starts_with("/grpc.");
        let is_answer = match status.code() {
            Code::Ok => true,
            Code::Internal | Code::Unknown => false,
            _ => !ours,
        };
        if is_answer {
            return None;
        }
        let error = explain(&status, self.uri.path(), self.max_message_bytes, self.witness.end());
        let mut response = to_status(&error).into_http();
        if let Some(accepted) = headers.get(ACCEPTED_ENCODINGS) {
            response.headers_mut().insert(ACCEPTED_ENCODINGS, accepted.clone());
        }
        Some(response)
    }
}

impl<F, E> Future for ReasonsFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = Result<Response<Body>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(Pin::new(&mut self.inner).poll(cx))?;
        Poll::Ready(Ok(self.explained(response.headers()).unwrap_or(response)))
    }
}
