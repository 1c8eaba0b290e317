//! The bodies that WAHA posts to webhooks, read into changes of groups.
//!
//! One WAHA runs one of four engines, and each fills the same envelope in its own way. Everything that
//! differs is settled here, so that nothing above has to know the engines: see [`info`] for the flags
//! that mean their opposite, [`order`] for the clocks, [`events`] for what each event reports.

mod envelope;
mod events;
mod fields;
mod info;
mod order;
mod surrogates;
#[cfg(test)]
mod tests;

use super::{names, text};
use crate::domain::clock::Timestamp;
use crate::domain::id::{Lid, PhoneNumber};
use crate::domain::port::engine::{Login, ServerEvent, ServerEventContent};
use crate::domain::reducer::Observation;
use crate::domain::session::SessionStatus;

pub use envelope::WahaEngine;

/// One event, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// WAHA's id of the event, the same however often and by whatever way it comes.
    pub id: String,
    /// The session's name on the WAHA server.
    pub session: String,
    /// When WAHA made it.
    pub time: Timestamp,
    pub engine: Option<WahaEngine>,
    /// The session's account, once it is linked.
    pub me: Option<Login>,
    /// Accounts that have both ids in the event, beside its changes.
    pub aliases: Vec<(Lid, PhoneNumber)>,
    pub content: Content,
    /// Names of fields that this version does not know, of an event that it knows.
    pub unknown_fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Changes of groups.
    Group(Vec<Observation>),
    /// The session's connection at the WAHA server.
    Status(WahaStatus),
    /// Nothing that concerns groups, or nothing that can be understood; kept out of the way.
    Ignored(Ignored),
}

/// Where a session of a WAHA server stands. WAHA adds states from time to time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WahaStatus {
    Stopped,
    Starting,
    ScanQrCode,
    /// Since 2026: the account's holder has to confirm with a passkey.
    PasskeyRequired,
    Working,
    Failed,
    Other(String),
}

impl WahaStatus {
    /// The state of this name.
    pub fn named(status: &str) -> Self {
        match status {
            "STOPPED" => Self::Stopped,
            "STARTING" => Self::Starting,
            "SCAN_QR_CODE" => Self::ScanQrCode,
            "PASSKEY_REQUIRED" | "PASSKEY_CONFIRMATION_REQUIRED" => Self::PasskeyRequired,
            "WORKING" => Self::Working,
            "FAILED" => Self::Failed,
            other => Self::Other(text::kept(other, text::MAX_NAME_BYTES)),
        }
    }

    /// The same in our terms, and why, for people.
    pub fn in_our_terms(&self) -> (SessionStatus, String) {
        let (status, reason) = match self {
            Self::Working => (SessionStatus::Working, ""),
            Self::Starting => (SessionStatus::Starting, "the WAHA server is connecting"),
            Self::ScanQrCode => {
                (SessionStatus::ScanQrCode, "waits at the WAHA server to be paired with a phone")
            }
            Self::PasskeyRequired => {
                (SessionStatus::ScanQrCode, "the account's holder must confirm with a passkey")
            }
            // Our STOPPED means that a caller of this service stopped it.
            Self::Stopped => (SessionStatus::Failed, "stopped at the WAHA server"),
            Self::Failed => (SessionStatus::Failed, "failed at the WAHA server"),
            Self::Other(name) => {
                return (SessionStatus::Starting, format!("the WAHA server says {name}"));
            }
        };
        (status, reason.to_owned())
    }
}

/// Why a webhook is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// An event of another kind: messages, presence, and what WAHA may invent.
    OtherEvent,
    /// An event that another one covers better, or that has too little.
    Redundant,
    /// A group's event that is not as we know it; the text names what is odd.
    Odd(String),
}

impl Webhook {
    /// The event as the engine port has it, or why it is ignored.
    pub fn into_event(self) -> Result<ServerEvent, Ignored> {
        let content = match self.content {
            Content::Group(observations) => ServerEventContent::Changes(observations),
            Content::Status(status) => {
                let (status, reason) = status.in_our_terms();
                ServerEventContent::Status(status, reason)
            }
            Content::Ignored(ignored) => return Err(ignored),
        };
        let (source_id, time) = (self.id, self.time);
        let (login, aliases) = (self.me, self.aliases);
        Ok(ServerEvent { source_id, time, login, aliases, trace: None, content })
    }
}

/// A body that is no webhook of WAHA's at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAWebhook(String);

/// Reads a body that arrived at `now`. The caller has verified that it comes from the WAHA server.
pub fn read(body: &[u8], now: Timestamp) -> Result<Webhook, NotAWebhook> {
    let envelope = envelope::read(body, now)?;
    let content = events::read(&envelope);
    Ok(Webhook {
        engine: envelope.engine(),
        aliases: names::aliases(&envelope.payload),
        unknown_fields: fields::unknown(&envelope, &content),
        id: envelope.id,
        session: envelope.session,
        time: envelope.time,
        me: envelope.me.as_ref().and_then(names::me),
        content,
    })
}
