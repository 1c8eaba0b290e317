//! Several processes on one PostgreSQL: who of them acts, and how calls reach it.
//!
//! Each replica reads and watches by itself. One of them, the owner, acts: it has the engines, writes the log, and
//! delivers webhooks. What another replica is asked to change it hands on to the owner as it came ([`forward`]), over a
//! listener that only replicas use ([`peer`]). Who the owner is, [`membership`] finds out; that an owner who was
//! replaced cannot write, the database sees to (migration `add_cluster`). docs/adr/0028 has the reasons.

mod forward;
mod hop;
mod membership;
mod other_events;
mod peer;

pub use forward::{Forwarder, HttpForwarder, Outgoing, unanswered};
pub use hop::PeerTls;
pub use membership::{Member, Membership, Owner, Role};
pub use other_events::{follow_other_events, other_events_router};
pub use peer::{CallOfPeer, PeerListener, PeerSecret};

use http::HeaderName;

/// The secret that replicas share.
const SECRET: HeaderName = HeaderName::from_static("wagroups-cluster-secret");
/// Which listener the call came in by.
const LISTENER: HeaderName = HeaderName::from_static("wagroups-listener");
/// Whom the certificate of the call's client names, as JSON. Replicas alone say so: what a client sends by this name is
/// taken away.
const CLIENT_CERTIFICATE: HeaderName = HeaderName::from_static("wagroups-client-certificate");
/// What each answer of a replica carries: its version. Whatever else answers at the address has done nothing.
const PEER: HeaderName = HeaderName::from_static("wagroups-peer");
/// That the call was refused before anything was done: it may be sent elsewhere.
const REFUSED: HeaderName = HeaderName::from_static("wagroups-refused");

/// A listener whose calls are handed on, or what else replicas ask of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    Grpc,
    Rest,
    WahaWebhooks,
    /// A stream that only replicas have: what WAHA servers tell beside groups.
    OtherEvents,
}

impl Surface {
    const ALL: [Self; 4] = [Self::Grpc, Self::Rest, Self::WahaWebhooks, Self::OtherEvents];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Rest => "rest",
            Self::WahaWebhooks => "waha",
            Self::OtherEvents => "other_events",
        }
    }
}
