//! The two layers of gRPC calls: the inner one asks for a place, the outer one gives it back with the answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Empty};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::answer::Answer;
use super::{AnswerBody, Call, Calls, ReceivedBody, Who};
use crate::domain::auth::Caller;
use crate::middleware::connection::Connection;
use crate::middleware::served_rpcs::{ServedRpc, ServedRpcs};
use crate::middleware::status::to_status;
use crate::middleware::stream_task::StreamTask;

/// The largest request but for those that hold a picture.
const PLAIN_REQUEST: u64 = 256 << 10;
/// What somebody without a key may send: the name of a service whose health is asked for.
const STRANGERS_REQUEST: u64 = 4 << 10;

/// The most that a request may take; none where there may be any number of messages.
fn max_bytes(rpc: &ServedRpc, who: Who<'_>, large: u64) -> Option<u64> {
    match who {
        Who::Stranger => Some(STRANGERS_REQUEST),
        Who::Key(_) if rpc.takes_many => None,
        Who::Key(_) if rpc.is_large => Some(large),
        Who::Key(_) => Some(PLAIN_REQUEST.min(large)),
    }
}

/// Asks for a place; stands inside of the layer that knows the caller.
#[derive(Debug, Clone)]
pub struct AdmitLayer {
    calls: Calls,
    served: Arc<ServedRpcs>,
    large: u64,
}

impl AdmitLayer {
    /// `large` is the most that the largest requests may take, in bytes.
    pub fn new(calls: Calls, served: Arc<ServedRpcs>, large: u64) -> Self {
        Self { calls, served, large }
    }
}

#[derive(Debug, Clone)]
pub struct AdmitService<S> {
    layer: AdmitLayer,
    inner: S,
}

impl<S> Layer<S> for AdmitLayer {
    type Service = AdmitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AdmitService { layer: self.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for AdmitService<S>
where
    S: Service<Request<ReceivedBody<B>>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was polled ready goes along; a clone waits for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let AdmitLayer { calls, served, large } = self.layer.clone();
        async move {
            let caller = request.extensions().get::<Caller>().cloned();
            let who = caller.as_ref().map_or(Who::Stranger, |caller| Who::Key(caller.key_name()));
            let connection = request.extensions().get::<Arc<Connection>>();
            let call = match calls.admit(who, connection) {
                Ok(call) => call,
                Err(error) => return Ok(to_status(&error).into_http()),
            };
            let rpc = served.of(request.uri().path());
            let max_bytes = max_bytes(rpc, who, large);
            let receiving = call.clone();
            let request = request.map(|body| ReceivedBody::new(body, receiving, max_bytes));
            let response = inner.call(request).await?;
            if rpc.answers_many {
                if rpc.is_seated {
                    call.seated();
                } else {
                    call.stream();
                }
                return Ok(stream(response, call));
            }
            call.received();
            Ok(hold(response, call, !rpc.is_mutation).await)
        }
        .boxed()
    }
}

/// Streams end for no slowness.
fn stream(mut response: Response<Body>, call: Arc<Call>) -> Response<Body> {
    response.extensions_mut().insert(Answer { call, first: Bytes::new() });
    response
}

/// Takes out what the body has at once, which is all of it where one message is answered: it is known then how
/// large the answer is, and what it was made of is gone.
async fn hold(response: Response<Body>, call: Arc<Call>, is_read: bool) -> Response<Body> {
    let (mut head, mut body) = response.into_parts();
    let mut first = Bytes::new();
    if !body.is_end_stream() {
        let polled =
            std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
        match polled {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => first = data,
                Err(frame) => body = trailers_only(frame),
            },
            Poll::Ready(Some(Err(status))) => return status.into_http(),
            Poll::Ready(None) | Poll::Pending => {}
        }
    }
    if let Err(error) = call.answer(first.len(), is_read) {
        return to_status(&error).into_http();
    }
    head.extensions.insert(Answer { call, first });
    Response::from_parts(head, body)
}

fn trailers_only(frame: Frame<Bytes>) -> Body {
    let trailers = frame.into_trailers().unwrap_or_default();
    let empty = Empty::<Bytes>::new().map_err(|never| match never {});
    Body::new(empty.with_trailers(std::future::ready(Some(Ok::<_, Status>(trailers)))))
}

/// Lets the answer leave; stands outside of all other layers.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnswerLayer;

#[derive(Debug, Clone)]
pub struct AnswerService<S>(S);

impl<S> Layer<S> for AnswerLayer {
    type Service = AnswerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AnswerService(inner)
    }
}

impl<S, B, R> Service<Request<B>> for AnswerService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<AnswerBody<R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if let Some(connection) = request.extensions().get::<Arc<Connection>>() {
            connection.asks();
        }
        let future = self.0.call(request);
        async move {
            let mut response = future.await?;
            if let Some(stream) = StreamTask::current() {
                stream.answered();
            }
            let answer = response.extensions_mut().remove::<Answer>();
            Ok(response.map(|body| AnswerBody::new(body, answer)))
        }
        .boxed()
    }
}
