//! Every call has an id: in the log, in the answer's headers and in its trailers.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Instrument;

use crate::domain::clock::Entropy;

const HEADER: &str = "x-request-id";
const MAX_LENGTH: usize = 128;

/// The id of a call, the caller's own or one of ours.
#[derive(Debug, Clone)]
pub struct CallId(HeaderValue);

impl CallId {
    #[cfg(test)]
    pub fn of(text: &'static str) -> Self {
        Self(HeaderValue::from_static(text))
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

#[derive(Clone)]
pub struct RequestIdLayer {
    entropy: Arc<dyn Entropy>,
}

impl RequestIdLayer {
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }
}

#[derive(Clone)]
pub struct RequestIdService<S> {
    entropy: Arc<dyn Entropy>,
    inner: S,
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = RequestIdService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestIdService { entropy: self.entropy.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for RequestIdService<S>
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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let id = accepted(request.headers().get(HEADER)).unwrap_or_else(|| self.make());
        request.extensions_mut().insert(CallId(id.clone()));
        let mut path = request.uri().path().trim_start_matches('/').splitn(2, '/');
        let span = tracing::info_span!(
            "rpc",
            rpc.service = path.next().unwrap_or_default(),
            rpc.method = path.next().unwrap_or_default(),
            request.id = id.to_str().unwrap_or_default(),
        );
        let future = self.inner.call(request).instrument(span);
        Box::pin(async move {
            let mut response = future.await?;
            response.headers_mut().insert(HEADER, id.clone());
            Ok(response.map(|body| with_trailer(body, id)))
        })
    }
}

impl<S> RequestIdService<S> {
    fn make(&self) -> HeaderValue {
        let text = format!("{:016x}", self.entropy.u64());
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("none"))
    }
}

/// The caller's id, where it is fit for a log line.
fn accepted(value: Option<&HeaderValue>) -> Option<HeaderValue> {
    let value = value?;
    let bytes = value.as_bytes();
    let fit =
        !bytes.is_empty() && bytes.len() <= MAX_LENGTH && bytes.iter().all(u8::is_ascii_graphic);
    fit.then(|| value.clone())
}

fn with_trailer(body: Body, id: HeaderValue) -> Body {
    Body::new(body.map_frame(move |frame: Frame<bytes::Bytes>| match frame.into_trailers() {
        Ok(mut trailers) => {
            trailers.insert(HEADER, id.clone());
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }))
}
