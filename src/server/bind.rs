//! The ports of the service.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::startup::StartError;

/// Connections that the kernel has made and that wait to be accepted: as many as it allows (`net.core.somaxconn`).
/// Beyond them it drops what a client begins with, which comes again a second later: with the usual 1,024 a burst of
/// some thousand connections held up everybody's new ones for that second.
const BACKLOG: u32 = 65_535;

/// Listens at the address of this setting.
pub(super) fn bind(addr: SocketAddr, setting: &str) -> Result<TcpListener, StartError> {
    listen(addr).map_err(|error| {
        StartError::other(format!("{setting}: cannot listen on {addr}: {error}; choose another address or stop what listens there"))
    })
}

fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Else the connections of an earlier process would keep the address for a minute.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_burst_of_connections_waits_to_be_accepted() {
        let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
        let most: usize = most.ok().and_then(|most| most.trim().parse().ok()).unwrap_or(128);
        let files = crate::server::descriptors::raise();
        let listener = bind("127.0.0.1:0".parse().expect("an address"), "a").expect("a port");
        let addr = listener.local_addr().expect("an address");
        let burst = 1500.min(most).min(usize::try_from(files / 2).unwrap_or(usize::MAX));
        let mut connections = Vec::new();
        for at in 0..burst {
            // What is dropped comes again after a second.
            let connected = TcpStream::connect_timeout(&addr, Duration::from_millis(900));
            connections.push(connected.unwrap_or_else(|error| panic!("connection {at}: {error}")));
        }
    }
}
