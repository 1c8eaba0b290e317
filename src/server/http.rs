//! HTTP listeners that strangers can reach: connections are counted, and a head that does not arrive ends
//! its connection.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a request's head may take to arrive, and a connection may idle between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
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
        let connection =
            builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            // Whoever breaks a connection off has said all there is to say.
            let _ = connection.await;
        });
    }
    graceful.shutdown().await;
}
