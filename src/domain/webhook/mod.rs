//! Webhooks: URLs to which the log's events are posted in WAHA's format, each from a position of its own in
//! the log.

mod config;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::clock::{Entropy, Timestamp};
use super::event::EventRecord;
use super::id::{ParseError, SessionName};
use super::token::ResumeToken;
use crate::domain::counter::Sequence;
use crate::domain::log_position::LogPosition;

pub use config::{
    EventName, Header, MAX_ATTEMPTS, MAX_DELAY, MAX_HEADERS, MAX_SESSIONS, Retries, RetryPolicy,
    WebhookConfig,
};

/// `whk_` + ULID in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookId(ulid::Ulid);

impl WebhookId {
    const PREFIX: &'static str = "whk_";

    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 16];
        entropy.fill(&mut random[..10]);
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self(ulid::Ulid::from_parts(millis, u128::from_le_bytes(random)))
    }

    /// Always the same for the same digest: how a creation that is repeated finds what it made.
    pub fn of_digest(digest: [u8; 16]) -> Self {
        Self(ulid::Ulid::from_bytes(digest))
    }

    /// The id of the delivery of an event, the same over all tries: hexadecimal, as WAHA's are opaque.
    pub fn delivery_id(self, event: impl fmt::Display) -> String {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(format!("{self}/{event}"));
        hex::encode(&digest[..16])
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0.to_string().to_ascii_lowercase())
    }
}

impl fmt::Debug for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WebhookId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.strip_prefix(Self::PREFIX)
            .and_then(|ulid| ulid::Ulid::from_string(&ulid.to_ascii_uppercase()).ok())
            .map(Self)
            .ok_or_else(|| ParseError::new("must be whk_ and 26 letters and digits"))
    }
}

super::id::serde_as_text!(WebhookId);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    /// Of the key that made it; empty where none was needed. It gets the events that this key may see.
    pub key_name: String,
    /// Of the request that made it: a repetition must be the same.
    pub request_sha256: [u8; 32],
    pub config: WebhookConfig,
    pub status: WebhookStatus,
    pub progress: Progress,
    pub create_time: Timestamp,
    /// When its owner last changed how it is set.
    pub update_time: Timestamp,
}

impl Webhook {
    /// Moves it to another state; the reason may change while it is there.
    pub fn set_state(&mut self, state: WebhookState, reason: &str, now: Timestamp) {
        let held = &self.status;
        let time = if held.state == state { held.time } else { now };
        if held.state != state || held.reason != reason {
            self.status = WebhookStatus { state, reason: reason.to_owned(), time };
        }
    }
}

/// Where a webhook stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookStatus {
    pub state: WebhookState,
    /// For people; empty where there is nothing to say.
    pub reason: String,
    pub time: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookState {
    /// Delivers events.
    Active,
    /// The last delivery failed and is tried again.
    Failing,
    /// Paused by its owner.
    Paused,
    /// It failed for too long, or nothing can be delivered to it at all.
    PausedByFailure,
    /// Retention has removed events that were not delivered to it.
    Expired,
}

impl WebhookState {
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Failing, Self::Paused, Self::PausedByFailure, Self::Expired];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Failing => "failing",
            Self::Paused => "paused",
            Self::PausedByFailure => "paused_by_failure",
            Self::Expired => "expired",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether it gets events.
    pub fn delivers(self) -> bool {
        match self {
            Self::Active | Self::Failing => true,
            Self::Paused | Self::PausedByFailure | Self::Expired => false,
        }
    }
}

/// How far a webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here was delivered, or is none of its concern.
    pub cursor: ResumeToken,
    /// Events that were delivered, repetitions included.
    pub delivered_count: u64,
    pub last_delivery_time: Option<Timestamp>,
    /// Of the event that fails for longest; `None` while none does.
    pub failure: Option<Failure>,
    /// Places of the log that retention had removed before they were looked at, all in all.
    pub lost_count: u64,
}

/// A delivery that does not succeed, from a cause of its receiver's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure<C = FailureCause> {
    pub event_id: String,
    pub session: SessionName,
    pub sequence: Sequence,
    /// Where the event stands: the token of this position skips it.
    #[serde(flatten)]
    pub at: LogPosition,
    /// When it failed first.
    pub since: Timestamp,
    /// When it failed last.
    pub time: Timestamp,
    /// How often.
    pub failures: u32,
    pub cause: C,
}

impl<C> Failure<C> {
    pub fn of(event: &EventRecord, now: Timestamp, cause: C) -> Self {
        Self {
            event_id: event.id.to_string(),
            session: event.session.clone(),
            sequence: event.sequence,
            at: LogPosition::from(event),
            since: now,
            time: now,
            failures: 1,
            cause,
        }
    }

    /// It failed once more.
    pub fn again(self, now: Timestamp, cause: C) -> Self {
        Self { time: now, failures: self.failures.saturating_add(1), cause, ..self }
    }
}

/// Why a receiver was not reached, or what it answered instead of 2xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// The URL leads to an address that is not public.
    AddressNotAllowed,
    /// No connection, none that can be trusted, or one that broke.
    Connect,
    /// No answer in time.
    Timeout,
    /// Another status than 2xx. Redirects are not followed.
    Status(u16),
    /// A fault of the service; its log has the cause.
    Internal,
}

impl FailureCause {
    /// For metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddressNotAllowed => "address_not_allowed",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Internal => "internal",
        }
    }

    pub fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            Self::AddressNotAllowed | Self::Connect | Self::Timeout | Self::Internal => None,
        }
    }
}

/// For people.
impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressNotAllowed => {
                f.write_str("the URL leads to an address that is not public")
            }
            Self::Connect => {
                f.write_str("nothing answers at the URL, or its certificate is not valid")
            }
            Self::Timeout => f.write_str("the receiver takes too long to answer"),
            Self::Status(status @ 300..=399) => {
                write!(f, "the receiver answers with status {status}; redirects are not followed")
            }
            Self::Status(status) => write!(f, "the receiver answers with status {status}"),
            Self::Internal => f.write_str("an internal error of the service"),
        }
    }
}

#[cfg(test)]
mod tests;
