//! A server's streams of events: WAHA's WebSocket, each for all its sessions.
//!
//! The server only sends: there is no acknowledgement and no resume, so that a client that connects again
//! has to compare what may be missing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use super::server::Server;
use crate::tls::Trust;

/// The events that are asked for. The older ones, before `group.v2`, hold nothing that these do not.
pub(super) const EVENTS: [&str; 6] = [
    "group.v2.join",
    "group.v2.leave",
    "group.v2.participants",
    "group.v2.update",
    "group.v2.participants.join-request",
    "session.status",
];

/// A group of 1,024 members with the engine's own object beside it has about 500 KiB.
const MAX_FRAME_BYTES: usize = 8 * 1024 * 1024;
/// WAHA pings every 60 seconds; after two missed pings it counts as gone.
const SILENCE: Duration = Duration::from_secs(150);

/// Why a stream ended, or did not begin, without the address: the key is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Broken {
    /// It ended without a cause.
    pub fn closed() -> Self {
        broken("it was closed")
    }
}

fn broken(what: &str) -> Broken {
    Broken(what.to_owned())
}

/// With TLS or without.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

pub(super) struct Socket(WebSocketStream<Box<dyn Connection>>);

/// Opens a stream of these events.
pub(super) async fn connect(
    server: &Server,
    events: &[&str],
    patience: Duration,
) -> Result<Socket, Broken> {
    let url = server.stream_url(events).map_err(|_| broken("its address is no URL of a stream"))?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    let shaking = async {
        let connection = reach(&url, &server.trust).await?;
        let shaken = client_async_with_config(url.as_str(), connection, Some(limits)).await;
        shaken.map(|(socket, _)| Socket(socket)).map_err(|error| cause(&error))
    };
    timeout(patience, shaking).await.unwrap_or_else(|_| Err(broken("it does not answer in time")))
}

/// A connection to the server, its certificate verified where it has one.
async fn reach(url: &Url, trust: &Trust) -> Result<Box<dyn Connection>, Broken> {
    let failed = |error: std::io::Error| Broken(error.to_string());
    let host = url.host_str().ok_or_else(|| broken("its address has no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().ok_or_else(|| broken("its address has no port"))?;
    let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
    // Frames are small and must not be delayed.
    stream.set_nodelay(true).map_err(failed)?;
    if url.scheme() != "wss" {
        return Ok(Box::new(stream));
    }
    let trust = trust.client_config().map_err(|_| broken("TLS cannot be set up"))?;
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| broken("its host is no name for a certificate"))?;
    let stream = TlsConnector::from(Arc::new(trust)).connect(name, stream).await;
    Ok(Box::new(stream.map_err(failed)?))
}

/// The events, as they come; ends with the cause.
pub(super) fn frames(socket: Socket) -> impl Stream<Item = Result<Bytes, Broken>> + Send + Unpin {
    let frames = futures::stream::unfold(Some(socket), |socket| async move {
        let mut socket = socket?;
        loop {
            // Pings are answered by reading on.
            let ended = match timeout(SILENCE, socket.0.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => return Some((Ok(text.into()), Some(socket))),
                Ok(Some(Ok(Message::Binary(bytes)))) => return Some((Ok(bytes), Some(socket))),
                Ok(Some(Ok(Message::Close(frame)))) => closed(frame),
                Ok(Some(Ok(_))) => continue,
                Ok(Some(Err(error))) => cause(&error),
                Ok(None) => Broken::closed(),
                Err(_) => broken("nothing came for 150 seconds"),
            };
            return Some((Err(ended), None));
        }
    });
    Box::pin(frames)
}

/// WAHA accepts every connection, and closes those whose key it does not like.
fn closed(frame: Option<CloseFrame>) -> Broken {
    match frame {
        Some(frame) => Broken(format!(
            "the server closed it: {} {}",
            u16::from(frame.code),
            super::text::kept(&frame.reason, 100)
        )),
        None => broken("the server closed it"),
    }
}

fn cause(error: &tungstenite::Error) -> Broken {
    match error {
        tungstenite::Error::Io(error) => Broken(error.to_string()),
        tungstenite::Error::Http(response) => {
            Broken(format!("it answers {} instead of a stream", response.status().as_u16()))
        }
        tungstenite::Error::Capacity(_) => broken("an event was larger than 8 MiB"),
        tungstenite::Error::Protocol(error) => Broken(error.to_string()),
        _ => broken("the connection failed"),
    }
}
