//! Every call has an id: in the log, in the answer's headers and in its trailers. Its caller's trace goes along with it.

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

use super::trace::trace_of;
use crate::domain::clock::Entropy;
use crate::domain::trace_context::TraceContext;
use crate::telemetry;

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
        let trace = trace_of(request.headers());
        let mut path = request.uri().path().trim_start_matches('/').splitn(2, '/');
        let span = tracing::info_span!(
            "rpc",
            rpc.service = path.next().unwrap_or_default(),
            rpc.method = path.next().unwrap_or_default(),
            request.id = id.to_str().unwrap_or_default(),
            trace_id = trace.as_ref().map(TraceContext::trace_id),
        );
        if let Some(trace) = trace.clone() {
            request.extensions_mut().insert(trace);
        }
        let future = telemetry::traced(trace, self.inner.call(request)).instrument(span);
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

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tower::{ServiceExt as _, service_fn};
    use tracing::field::{Field, Visit};
    use tracing::span::Attributes;
    use tracing_subscriber::layer::{Context as Scope, SubscriberExt as _};

    use super::*;
    use crate::telemetry::SystemEntropy;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// The traces of the spans that were opened; an empty one for none.
    #[derive(Clone, Default)]
    struct Spans(Arc<Mutex<Vec<String>>>);

    struct TraceId(String);

    impl Visit for TraceId {
        fn record_str(&mut self, field: &Field, value: &str) {
            if field.name() == "trace_id" {
                self.0 = value.to_owned();
            }
        }

        fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
    }

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Spans {
        fn on_new_span(&self, of: &Attributes<'_>, _: &tracing::Id, _: Scope<'_, S>) {
            let mut trace_id = TraceId(String::new());
            of.record(&mut trace_id);
            self.0.lock().push(trace_id.0);
        }
    }

    #[tokio::test]
    async fn a_call_and_its_span_are_in_the_trace_that_the_call_came_with() {
        let spans = Spans::default();
        let subscriber = tracing_subscriber::registry().with(spans.clone());
        let _guard = tracing::subscriber::set_default(subscriber);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let inner = service_fn(move |request: Request<()>| {
            let kept = kept.clone();
            async move {
                let own = request.extensions().get::<TraceContext>().cloned();
                kept.lock().push((own, telemetry::current_trace()));
                Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
            }
        });
        let service = RequestIdLayer::new(Arc::new(SystemEntropy)).layer(inner);
        for parent in [PARENT, "nonsense"] {
            let request = Request::builder().header("traceparent", parent).body(());
            let answer = service.clone().oneshot(request.expect("a request")).await;
            assert!(answer.is_ok());
        }
        let trace = TraceContext::parse(PARENT, "");
        assert_eq!(*seen.lock(), [(trace.clone(), trace), (None, None)]);
        assert_eq!(*spans.0.lock(), [&PARENT[3..35], ""]);
    }
}
