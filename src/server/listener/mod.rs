//! A listener: accepts connections within its bounds, and serves each by the protocol that it speaks.
//!
//! The same for gRPC, REST, webhooks and ops. Nobody who connects costs more than a place for a short time: where
//! all places are taken, the oldest connection that has shown no key is closed, and one on which no whole head of
//! a request has arrived in time is closed in any case.

mod connections;
mod handshake;
mod protocol;

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{AbortHandle, Abortable};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connections::Connections;
pub(super) use self::handshake::ListenerTls;
pub(super) use self::protocol::{Http1, Http2, Protocol};
use crate::middleware::Connection;
use crate::telemetry;

/// After an error of accept, which is one of the machine's (no more files): it may pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection may stay for which there was no place: it is shut down then, and ends after the calls that
/// it has.
const GUEST_TIME: Duration = Duration::from_secs(5);
/// After such a silence the kernel asks whether the peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The bounds of a listener's connections.
#[derive(Debug, Clone)]
pub(super) struct ConnectionBounds {
    /// The listener, as metrics name it.
    pub listener: &'static str,
    pub max_connections: usize,
    /// How long the first whole head of a request may take, from the moment that the connection was accepted.
    pub head_timeout: Duration,
    /// Whether there is more than one key to share with.
    pub is_shared: bool,
    /// Peers that stand for many others.
    pub proxies: Arc<HashSet<IpAddr>>,
    /// None where it speaks without.
    pub tls: Option<ListenerTls>,
}

/// Serves until `closing`; then connections end after the requests that they are at.
pub(super) async fn serve<P: Protocol>(
    listener: TcpListener,
    protocol: P,
    bounds: ConnectionBounds,
    closing: CancellationToken,
) {
    let connections =
        Connections::new(bounds.max_connections, bounds.is_shared, bounds.proxies.clone());
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                rest_after(&error, &connections).await;
                continue;
            }
        };
        let (abort, registration) = AbortHandle::new_pair();
        let connection = Connection::new(peer, abort);
        let place = tokio::select! {
            place = connections.place(&connection) => place,
            () = closing.cancelled() => break,
        };
        telemetry::connections(bounds.listener, connections.count());
        let closing = if place.is_guest { leave_soon(&closing) } else { closing.clone() };
        let served = serve_one(protocol.clone(), stream, connection, bounds.clone(), closing);
        let connections = connections.clone();
        let listener = bounds.listener;
        tasks.spawn(async move {
            if Abortable::new(served, registration).await.is_err() {
                telemetry::connection_closed(listener, "gave_way");
            }
            drop(place);
            telemetry::connections(listener, connections.count());
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Ends with the service, or once a guest has had the time for a call.
fn leave_soon(closing: &CancellationToken) -> CancellationToken {
    let leaving = closing.child_token();
    let token = leaving.clone();
    tokio::spawn(async move {
        tokio::time::sleep(GUEST_TIME).await;
        token.cancel();
    });
    leaving
}

async fn serve_one<P: Protocol>(
    protocol: P,
    stream: TcpStream,
    connection: Arc<Connection>,
    bounds: ConnectionBounds,
    closing: CancellationToken,
) {
    // Answers are small, and the other side waits for them.
    let _ = stream.set_nodelay(true);
    // A peer that is gone without closing, as behind a firewall that forgot, is noticed where nothing is sent, too.
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    if let Some(size) = P::SEND_BUFFER {
        let _ = SockRef::from(&stream).set_send_buffer_size(size);
    }
    let (listener, head_timeout) = (bounds.listener, bounds.head_timeout);
    let asked_in_time = {
        let connection = connection.clone();
        async move {
            let due = connection.accepted() + head_timeout + P::GOODBYE;
            tokio::time::sleep_until(due).await;
            if connection.has_asked() {
                std::future::pending::<()>().await;
            }
        }
    };
    let served = async {
        match bounds.tls {
            None => protocol.serve(stream, connection, closing).await,
            // In a box: connections without TLS need not keep the room.
            Some(tls) => {
                Box::pin(async move {
                    let shaken = tls.accept(stream, P::tls, &connection, listener, head_timeout);
                    let shaken = tokio::select! {
                        shaken = shaken => shaken,
                        () = closing.cancelled() => None,
                    };
                    if let Some(stream) = shaken {
                        protocol.serve(stream, connection, closing).await;
                    }
                })
                .await
            }
        }
    };
    tokio::select! {
        () = served => {}
        () = asked_in_time => telemetry::connection_closed(listener, "no_request"),
    }
}

/// Without a pause, accept would fail again at once and the loop take a whole processor (tokio reports the
/// connection that waits in the kernel's queue again and again).
async fn rest_after(error: &io::Error, connections: &Connections) {
    let has_made_room = connections.close_a_stranger();
    tracing::warn!(%error, has_made_room, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

#[cfg(test)]
mod tests;
