//! Connections that callers have us make, without becoming their way into our network: to a picture's URL,
//! to a webhook's receiver.
//!
//! Every address is looked at after it was resolved and before it is connected to.

pub mod address;

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect};
use rustls::ClientConfig;
use url::{Host, Url};

use self::address::is_public;
use crate::domain::error::causes;

/// Decides which addresses may be asked. As a client's resolver it forgets those that may not: what remains
/// is what is connected to, so that a second look-up cannot give another address.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    allow_private_addresses: bool,
}

/// No address of the name may be asked.
#[derive(Debug, thiserror::Error)]
#[error("no address of this name may be asked")]
struct NotAllowed;

impl Guard {
    pub fn new(allow_private_addresses: bool) -> Self {
        Self { allow_private_addresses }
    }

    /// Whether the URL may be asked, by the URL alone: an address in it is not resolved, so that
    /// the resolver never sees it.
    pub fn admits(self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.allows(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.allows(IpAddr::V6(address)),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }

    /// A client that asks no address but those, over this TLS: it follows no redirect by itself, so that each is looked
    /// at, and knows no proxy, which would look addresses up by itself.
    pub fn client(self, tls: ClientConfig) -> ClientBuilder {
        Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(self)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("wagroups/", env!("CARGO_PKG_VERSION")))
    }

    fn allows(self, address: IpAddr) -> bool {
        self.allow_private_addresses || is_public(address)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(|address| guard.allows(address.ip())).collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(NotAllowed.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether it was a [`Guard`] that refused, among the causes of the client's error.
pub fn was_refused(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| cause.is::<NotAllowed>())
}
