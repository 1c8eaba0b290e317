//! Connecting to a listener that speaks TLS.

use std::io;
use std::sync::Arc;

use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Connects to the host and the port of an address.
pub async fn connect_tcp(address: &Uri) -> io::Result<TcpStream> {
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

/// An address of IPv6 as it is written beside others.
pub fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
