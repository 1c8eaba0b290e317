//! Connecting to a listener that speaks TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Connects to the host and the port of an address.
async fn connect_tcp(address: &Uri) -> io::Result<TcpStream> {
    let wrong = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
    let host = address.host().ok_or_else(|| wrong("the address has no host"))?;
    let of_scheme = if address.scheme_str() == Some("https") { 443 } else { 80 };
    let port = address.port_u16().unwrap_or(of_scheme);
    let stream = TcpStream::connect((without_brackets(host), port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The same with TLS, to whoever shows a certificate of this name.
pub async fn connect_tls(
    address: &Uri,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = connect_tcp(address).await?;
    TlsConnector::from(config).connect(name, stream).await
}

/// A connection whose server has let us in: its first byte is there. In TLS 1.3 a client is done before the server has
/// judged its certificate, and learns of a refusal by reading alone; whoever waits for a moment learns it here. A server
/// that says nothing by itself is taken as it is after `patience`.
pub async fn let_in<S>(mut stream: S, patience: Duration) -> io::Result<LetIn<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut first = [0];
    let read = match timeout(patience, stream.read(&mut first)).await {
        Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(Ok(_)) => Some(first[0]),
        Ok(Err(error)) => return Err(error),
        Err(_) => None,
    };
    Ok(LetIn { first: read, stream })
}

/// See [`let_in`].
#[derive(Debug)]
pub struct LetIn<S> {
    /// What was read, and is not handed on yet.
    first: Option<u8>,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for LetIn<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buf.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LetIn<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An address of IPv6 as it is written beside others.
pub fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_read_ahead_is_not_lost_and_a_silent_server_is_waited_for_no_longer() {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(b"settings").await.unwrap();
        let mut ours = let_in(ours, Duration::from_secs(1)).await.unwrap();
        ours.write_all(b"ask").await.unwrap();
        let mut said = [0; 8];
        ours.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"settings");
        theirs.read_exact(&mut said[..3]).await.unwrap();
        assert_eq!(&said[..3], b"ask");

        let (ours, mut theirs) = duplex(64);
        let mut ours = let_in(ours, Duration::from_secs(1)).await.unwrap();
        theirs.write_all(b"late").await.unwrap();
        ours.read_exact(&mut said[..4]).await.unwrap();
        assert_eq!(&said[..4], b"late");

        let (ours, theirs) = duplex(64);
        drop(theirs);
        let closed = let_in(ours, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(closed.kind(), io::ErrorKind::UnexpectedEof);
    }
}
