//! A connection, as the calls that come over it see it: whose it is, and how to end it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures::future::AbortHandle;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use super::client_certificate::ClientCertificate;

/// Calls that a stranger may take back before their answer, at once and in a second.
const STRANGERS_RESETS: (u32, u32) = (200, 20);
/// The same where a key was shown: a busy client whose deadline passes takes back all that it has out.
const CALLERS_RESETS: (u32, u32) = (20_000, 1_000);

/// Shared by the listener, which can end it, and the calls on it; an extension of each request.
#[derive(Debug)]
pub struct Connection {
    peer: SocketAddr,
    accepted: Instant,
    has_asked: AtomicBool,
    /// The name of the first key that was shown on it.
    key: OnceLock<String>,
    /// What its client has shown in the handshake.
    certificate: OnceLock<ClientCertificate>,
    /// Ends its task, and with it all that it holds.
    abort: AbortHandle,
    /// It is another replica's, which speaks for many callers.
    is_peers: AtomicBool,
    strangers_resets: DefaultDirectRateLimiter,
    callers_resets: DefaultDirectRateLimiter,
}

impl Connection {
    pub fn new(peer: SocketAddr, abort: AbortHandle) -> Arc<Self> {
        Arc::new(Self {
            peer,
            accepted: Instant::now(),
            has_asked: AtomicBool::new(false),
            key: OnceLock::new(),
            certificate: OnceLock::new(),
            abort,
            is_peers: AtomicBool::new(false),
            strangers_resets: limiter(STRANGERS_RESETS),
            callers_resets: limiter(CALLERS_RESETS),
        })
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub fn accepted(&self) -> Instant {
        self.accepted
    }

    /// A whole head of a request has arrived.
    pub fn asks(&self) {
        self.has_asked.store(true, Ordering::Relaxed);
    }

    pub fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// It is another replica's: what one of its callers does ends no call of another one.
    pub fn belongs_to_peer(&self) {
        self.asks();
        self.vouch("another replica");
        self.is_peers.store(true, Ordering::Relaxed);
    }

    /// Whether its calls are those of many callers.
    pub fn is_peers(&self) -> bool {
        self.is_peers.load(Ordering::Relaxed)
    }

    /// The peer has shown a key, or has signed with a secret.
    pub fn vouch(&self, key: &str) {
        if self.key.get().is_none() {
            let _ = self.key.set(key.to_owned());
        }
    }

    /// The name that its peer has proven first; none where it has proven none.
    pub fn key(&self) -> Option<&str> {
        self.key.get().map(String::as_str)
    }

    /// The client has proven by the handshake that the certificate is its own.
    pub fn certify(&self, certificate: ClientCertificate) {
        let _ = self.certificate.set(certificate);
    }

    /// Gives a request what is known of its connection.
    pub fn extend(self: &Arc<Self>, extensions: &mut http::Extensions) {
        extensions.insert(self.clone());
        if let Some(certificate) = self.certificate.get() {
            extensions.insert(certificate.clone());
        }
    }

    /// Ends it at once. Whatever runs for its calls is dropped, but for what has to go on.
    pub fn end(&self) {
        self.abort.abort();
    }

    /// A call was taken back before it was answered. Each costs us more than its caller, so a client that does this
    /// without an end is cut off ("rapid reset", CVE-2023-44487).
    pub fn taken_back(&self) {
        // The replica bounds its own callers.
        if self.is_peers() {
            return;
        }
        let resets =
            if self.key().is_some() { &self.callers_resets } else { &self.strangers_resets };
        if resets.check().is_err() && !self.abort.is_aborted() {
            tracing::info!(peer = %self.peer, "a connection that takes its calls back without an end was closed");
            self.end();
        }
    }
}

fn limiter((burst, a_second): (u32, u32)) -> DefaultDirectRateLimiter {
    let at_least_one = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::per_second(at_least_one(a_second)).allow_burst(at_least_one(burst));
    RateLimiter::direct(quota)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Arc<Connection> {
        let (abort, _) = AbortHandle::new_pair();
        Connection::new(([127, 0, 0, 1], 1).into(), abort)
    }

    #[test]
    fn a_busy_caller_may_take_back_what_a_stranger_may_not() {
        let (stranger, caller) = (connection(), connection());
        caller.vouch("key");
        for _ in 0..10_000 {
            stranger.taken_back();
            caller.taken_back();
        }
        assert!(stranger.abort.is_aborted());
        assert!(!caller.abort.is_aborted());
        for _ in 0..100_000 {
            caller.taken_back();
        }
        assert!(caller.abort.is_aborted());
    }
}
