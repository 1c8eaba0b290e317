//! HTTP listeners that strangers can reach: connections are counted, and a head that does not arrive or an answer
//! that is not taken ends its connection.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

/// How long a request's head may take to arrive, and a connection may idle between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a write may wait without a byte being taken. A place is held meanwhile, and what is to be sent; a peer
/// that is only slow takes something within a minute, and a stream that has nothing to say waits for no write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// After an error of accept, which is one of the machine's (no more files): it may pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `closing`; then connections end after the request that they are at.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    max_connections: usize,
    closing: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(max_connections));
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    loop {
        let accepted = async {
            // Beyond the limit connections wait in the kernel's queue.
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = closing.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small, and the other side waits for them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let stream = TokioIo::new(impatient(stream));
        let connection = builder.serve_connection_with_upgrades(stream, service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            // Whoever breaks a connection off has said all there is to say.
            let _ = connection.await;
        });
    }
    graceful.shutdown().await;
}

/// The stream, of which a write fails that makes no progress for too long. Reads may wait.
fn impatient<S>(stream: S) -> Pin<Box<TimeoutStream<S>>>
where
    S: AsyncRead + AsyncWrite,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    Box::pin(stream)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_takes_fails_after_a_minute() {
        let (ours, _theirs) = duplex(64);
        let mut ours = impatient(ours);
        let began = Instant::now();
        let error = ours.write_all(&[0; 65]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let waited = began.elapsed();
        assert!(waited >= WRITE_TIMEOUT && waited < 2 * WRITE_TIMEOUT, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_slow_or_silent_is_waited_for() {
        let (ours, mut theirs) = duplex(1);
        let mut ours = impatient(ours);
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
        let builder = Builder::new(TokioExecutor::new()).http1_only();
        let service = TowerToHyperService::new(router);
        let connection =
            builder.serve_connection_with_upgrades(TokioIo::new(impatient(ours)), service);
        theirs.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
        let ended = timeout(2 * WRITE_TIMEOUT, connection.into_owned()).await;
        assert!(ended.expect("in time").is_err());
    }
}
