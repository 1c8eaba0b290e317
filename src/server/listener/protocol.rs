//! What is spoken on a connection: HTTP/1 by REST, webhooks and ops, HTTP/2 by gRPC.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use futures::future::Either;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _};

use crate::middleware::{CoalescedStream, Connection, StreamExecutor};
use crate::tls::Material;

/// The largest head of a request: keys, ids and timeouts are small.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// What a stream of HTTP/2 holds at the most of what its peer does not take; and what HTTP/1 gathers before it
/// writes.
pub(super) const MAX_UNSENT: usize = 32 * 1024;
/// What a peer may send on a stream of HTTP/2, and on a connection, before we have taken it.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams that were taken back before we have seen them, which h2 counts to find floods of them. Its own limit,
/// 20, is met by any client whose deadline passes while many of its calls are out. What they cost is bounded by
/// [`Connection::taken_back`].
const MAX_TAKEN_BACK_UNSEEN: usize = 512;
/// Streams that we have reset, which h2 counts over the whole life of a connection: what still comes for one counts
/// again, so that a busy client whose requests are refused early would meet its limit of 1,024 in the end.
const MAX_RESET_BY_US: usize = 100_000;
/// What the kernel gathers of an answer. It reports room only in steps of a third of this, so that with the
/// megabytes that it would take otherwise, a slow peer seems to take nothing for minutes.
const SEND_BUFFER: usize = 64 * 1024;

/// A socket, with TLS or without.
pub(in crate::server) trait Stream:
    AsyncRead + AsyncWrite + Unpin + Send + 'static
{
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Serves one connection until it ends.
pub(in crate::server) trait Protocol: Clone + Send + 'static {
    /// How much longer than the time for a first head it takes to say goodbye.
    const GOODBYE: Duration;
    /// What the kernel gathers of answers; as much as it likes where this is none.
    const SEND_BUFFER: Option<usize>;

    /// How TLS is spoken below it.
    fn tls(material: &Material) -> Arc<ServerConfig>;

    fn serve<S: Stream>(
        &self,
        stream: S,
        connection: Arc<Connection>,
        closing: CancellationToken,
    ) -> impl Future<Output = ()> + Send;
}

/// HTTP/1, with upgrades.
#[derive(Debug, Clone)]
pub(in crate::server) struct Http1 {
    pub router: Router,
    /// How long a head may take to arrive, and a connection may idle between two requests.
    pub head_timeout: Duration,
    /// How long a write may wait without a byte being taken, where nobody else looks after answers that are not
    /// taken. A stream of events may wait for ever.
    pub write_timeout: Option<Duration>,
}

impl Protocol for Http1 {
    const GOODBYE: Duration = Duration::ZERO;
    const SEND_BUFFER: Option<usize> = Some(SEND_BUFFER);

    fn tls(material: &Material) -> Arc<ServerConfig> {
        material.http1.clone()
    }

    async fn serve<S: Stream>(
        &self,
        stream: S,
        connection: Arc<Connection>,
        closing: CancellationToken,
    ) {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_timeout)
            .max_buf_size(MAX_UNSENT);
        let router = self.router.clone();
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            connection.asks();
            connection.extend(request.extensions_mut());
            router.clone().oneshot(request)
        });
        let stream = TokioIo::new(impatient(stream, self.write_timeout));
        let served = builder.serve_connection(stream, TowerToHyperService::new(service));
        let stop = async {
            closing.cancelled().await;
            None
        };
        until_stopped(served.with_upgrades(), |served| served.graceful_shutdown(), stop).await;
    }
}

/// HTTP/2 from the first byte on, as gRPC speaks it.
#[derive(Debug, Clone)]
pub(in crate::server) struct Http2<S> {
    pub service: S,
    /// How long a connection may stay without a first call. Then it is shut down: a client that has connected ahead
    /// of its first call comes again.
    pub head_timeout: Duration,
    pub max_streams: u32,
    pub keepalive_interval: Duration,
    pub keepalive_timeout: Duration,
    /// A connection is asked to end at this age, and ended so much later.
    pub max_age: Duration,
    pub max_age_grace: Duration,
}

impl<S> Http2<S> {
    /// The same for another service.
    pub fn with<T>(self, service: T) -> Http2<T> {
        let Self { head_timeout, max_streams, keepalive_interval, keepalive_timeout, .. } = self;
        let (max_age, max_age_grace) = (self.max_age, self.max_age_grace);
        Http2 {
            service,
            head_timeout,
            max_streams,
            keepalive_interval,
            keepalive_timeout,
            max_age,
            max_age_grace,
        }
    }
}

impl<S, B> Protocol for Http2<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    const GOODBYE: Duration = Duration::from_secs(2);
    const SEND_BUFFER: Option<usize> = None;

    fn tls(material: &Material) -> Arc<ServerConfig> {
        material.h2.clone()
    }

    async fn serve<T: Stream>(
        &self,
        stream: T,
        connection: Arc<Connection>,
        closing: CancellationToken,
    ) {
        let age = connection.accepted() + self.max_age;
        let unasked = {
            let (connection, due) = (connection.clone(), connection.accepted() + self.head_timeout);
            async move {
                tokio::time::sleep_until(due).await;
                if connection.has_asked() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let mut builder =
            hyper::server::conn::http2::Builder::new(StreamExecutor::new(connection.clone()));
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.max_streams)
            .keep_alive_interval(self.keepalive_interval)
            .keep_alive_timeout(self.keepalive_timeout)
            .max_header_list_size(MAX_HEADER_BYTES)
            .max_send_buf_size(MAX_UNSENT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_pending_accept_reset_streams(MAX_TAKEN_BACK_UNSEEN)
            .max_local_error_reset_streams(MAX_RESET_BY_US);
        let service = self.service.clone();
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            connection.extend(request.extensions_mut());
            service.clone().oneshot(request)
        });
        let stream = TokioIo::new(CoalescedStream::new(stream));
        let served = builder.serve_connection(stream, TowerToHyperService::new(service));
        let stop = async {
            tokio::select! {
                () = closing.cancelled() => None,
                () = unasked => None,
                () = tokio::time::sleep_until(age) => Some(age + self.max_age_grace),
            }
        };
        until_stopped(served, |served| served.graceful_shutdown(), stop).await;
    }
}

/// Serves until `stop`, which may give the time when the connection has to be gone. Where the peer breaks it off, its
/// error is of no use.
async fn until_stopped<C: Future>(
    served: C,
    finish: impl FnOnce(Pin<&mut C>),
    stop: impl Future<Output = Option<Instant>>,
) {
    let mut served = pin!(served);
    let end = tokio::select! {
        _ = served.as_mut() => return,
        end = stop => end,
    };
    finish(served.as_mut());
    let last = match end {
        Some(end) => Either::Left(tokio::time::sleep_until(end)),
        None => Either::Right(std::future::pending()),
    };
    tokio::select! {
        _ = served => {}
        () = last => {}
    }
}

/// The stream, of which a write fails that makes no progress for too long. Reads may wait.
fn impatient<S>(stream: S, write_timeout: Option<Duration>) -> Pin<Box<TimeoutStream<S>>>
where
    S: AsyncRead + AsyncWrite,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(write_timeout);
    Box::pin(stream)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_takes_fails_after_a_minute() {
        let (ours, _theirs) = duplex(64);
        let mut ours = impatient(ours, Some(WRITE_TIMEOUT));
        let began = Instant::now();
        let error = ours.write_all(&[0; 65]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let waited = began.elapsed();
        assert!(waited >= WRITE_TIMEOUT && waited < 2 * WRITE_TIMEOUT, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_slow_or_silent_is_waited_for() {
        let (ours, mut theirs) = duplex(1);
        let mut ours = impatient(ours, Some(WRITE_TIMEOUT));
        // Each byte within the time, all of them in much more of it.
        let writing = async {
            ours.write_all(&[7; 30]).await.expect("taken in the end");
            ours
        };
        let reading = async {
            for _ in 0..30 {
                sleep(WRITE_TIMEOUT - Duration::from_secs(1)).await;
                assert_eq!(theirs.read_u8().await.expect("a byte"), 7);
            }
        };
        let (mut ours, ()) = tokio::join!(writing, reading);
        // Nothing to read and nothing to write, as of a stream of events in a quiet night.
        assert!(timeout(HOUR, ours.read_u8()).await.is_err(), "nothing was sent");
        ours.write_all(&[8]).await.expect("taken");
        assert_eq!(theirs.read_u8().await.expect("a byte"), 8);
    }

    /// The whole way: an answer that is asked for and not read.
    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_ends_its_connection() {
        let (ours, mut theirs) = duplex(1024);
        let router = Router::new().route("/", get(|| async { "x".repeat(1 << 20) }));
        let service = TowerToHyperService::new(router);
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(impatient(ours, Some(WRITE_TIMEOUT))), service);
        theirs.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
        let ended = timeout(2 * WRITE_TIMEOUT, connection).await;
        assert!(ended.expect("in time").is_err());
    }
}
