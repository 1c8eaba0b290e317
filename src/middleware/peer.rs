//! Who is at the other end of the connection.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::connection::Connection;

/// The address that a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub SocketAddr);

impl Peer {
    pub fn of(extensions: &http::Extensions) -> Option<Self> {
        extensions.get::<Arc<Connection>>().map(|connection| Self(connection.peer()))
    }

    /// Whom somebody without a key counts as: the network, or, behind a proxy that many share, the connection.
    pub fn caller(self, proxies: &HashSet<IpAddr>) -> (IpAddr, u16) {
        (self.network(), if self.is_among(proxies) { self.0.port() } else { 0 })
    }

    pub fn is_among(self, proxies: &HashSet<IpAddr>) -> bool {
        proxies.contains(&self.0.ip().to_canonical())
    }

    /// What is counted as one caller: the address, or for IPv6 its network of 64 bits, which is what one
    /// customer of a provider gets at the least.
    pub fn network(self) -> IpAddr {
        match self.0.ip().to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let mask = u128::MAX << 64;
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one_caller() {
        let network = |text: &str| Peer(text.parse().unwrap()).network().to_string();
        assert_eq!(network("192.0.2.1:5000"), "192.0.2.1");
        assert_eq!(network("[::ffff:192.0.2.1]:5000"), "192.0.2.1");
        assert_eq!(network("[2001:db8:1:2:3:4:5:6]:5000"), "2001:db8:1:2::");
    }
}
