//! The handshake of TLS: in the connection's own task, so that who is slow holds up nobody else.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::protocol::MAX_UNSENT;
use crate::middleware::{ClientCertificate, Connection};
use crate::telemetry;
use crate::tls::{HandshakeFailure, Material, TlsHandle, sans};

/// How long a handshake may take. It is two exchanges and a signature.
const LONGEST: Duration = Duration::from_secs(10);
/// How long a client that is not let in may take to read why, and how much of what it still sends is taken.
const LONGEST_GOODBYE: Duration = Duration::from_secs(1);
const MOST_UNREAD: usize = 64 * 1024;

/// A listener's TLS.
#[derive(Debug, Clone)]
pub(in crate::server) struct ListenerTls {
    handle: TlsHandle,
    /// How often failures are told of that an operator may have to mend.
    told: Arc<DefaultDirectRateLimiter>,
}

impl ListenerTls {
    pub fn new(handle: TlsHandle) -> Self {
        let once_a_minute = Quota::per_minute(NonZeroU32::MIN);
        Self { handle, told: Arc::new(RateLimiter::direct(once_a_minute)) }
    }

    /// The stream within; none where the client is not let in, or has gone.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        config: fn(&Material) -> Arc<ServerConfig>,
        connection: &Connection,
        listener: &'static str,
        head_timeout: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        let config = config(&self.handle.get());
        // A client that has waited for a place has not been slow.
        let deadline = (Instant::now() + LONGEST).min(connection.accepted() + head_timeout);
        match handshake(stream, config, deadline).await {
            Ok(Some(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                if let Some(certificate) = shown {
                    connection.certify(ClientCertificate::new(sans(certificate)));
                }
                Some(stream)
            }
            Ok(None) => None,
            Err(failure) => {
                self.tell(connection, listener, &failure);
                None
            }
        }
    }

    fn tell(&self, connection: &Connection, listener: &'static str, failure: &HandshakeFailure) {
        let HandshakeFailure { cause, text } = failure;
        telemetry::handshake_failed(listener, cause);
        let peer = connection.peer();
        if failure.is_about_certificates() && self.told.check().is_ok() {
            tracing::warn!(%peer, listener, cause, "{text}; told of once a minute");
        } else {
            tracing::debug!(%peer, listener, cause, "{text}");
        }
    }
}

/// None where nothing was said, as by a probe that only connects.
async fn handshake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    deadline: Instant,
) -> Result<Option<TlsStream<TcpStream>>, HandshakeFailure> {
    let mut first = [0];
    // Who speaks no TLS is told apart by it.
    let first = match timeout_at(deadline, stream.peek(&mut first)).await {
        Ok(Ok(1..)) => first[0],
        Ok(Ok(0) | Err(_)) => return Ok(None),
        Err(_) => return Err(HandshakeFailure::timed_out()),
    };
    let accepted = TlsAcceptor::from(config).accept_with(stream, |connection| {
        // What is encrypted and not taken is bounded as what is not encrypted.
        connection.set_buffer_limit(Some(MAX_UNSENT));
    });
    match timeout_at(deadline, accepted.into_fallible()).await {
        Ok(Ok(stream)) => Ok(Some(stream)),
        Ok(Err((error, stream))) => {
            let until = deadline.min(Instant::now() + LONGEST_GOODBYE);
            let _ = timeout_at(until, part(stream)).await;
            Err(HandshakeFailure::of(&error, Some(first)))
        }
        Err(_) => Err(HandshakeFailure::timed_out()),
    }
}

/// Lets the client read why it is not let in. In TLS 1.3 it has often sent its first request by then, and a socket that is
/// closed before that was read breaks what it writes next, or even takes our last word back.
async fn part(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    for _ in 0..MOST_UNREAD / unread.len() {
        if stream.read(&mut unread).await? == 0 {
            break;
        }
    }
    Ok(())
}
