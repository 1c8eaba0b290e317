//! What is around every event, the same on all engines.

use serde::Deserialize;
use serde_json::Value;

use super::super::raw::time;
use super::{NotAWebhook, surrogates};
use crate::domain::clock::Timestamp;

/// What a WAHA server runs on; one for all its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WahaEngine {
    /// whatsmeow, in Go.
    Gows,
    /// Baileys, over the socket.
    Noweb,
    /// whatsapp-web.js, in a browser.
    Webjs,
    /// WPPConnect, in a browser.
    Wpp,
}

impl WahaEngine {
    pub const ALL: [Self; 4] = [Self::Gows, Self::Noweb, Self::Webjs, Self::Wpp];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gows => "GOWS",
            Self::Noweb => "NOWEB",
            Self::Webjs => "WEBJS",
            Self::Wpp => "WPP",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.as_str() == name)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    /// `evt_` and a ULID, the same for all receivers of the event.
    pub id: String,
    /// Milliseconds.
    #[serde(default)]
    timestamp: Value,
    /// When WAHA made the event; when it arrived, where WAHA gives no time or its clock is far ahead.
    #[serde(skip)]
    pub time: Timestamp,
    /// When it arrived.
    #[serde(skip)]
    pub now: Timestamp,
    pub event: String,
    pub session: String,
    #[serde(default)]
    pub me: Option<Value>,
    #[serde(default)]
    pub payload: Value,
    #[serde(default)]
    engine: Option<Value>,
    #[serde(default)]
    environment: Value,
}

impl Envelope {
    /// What the server runs on. Up to 2026.4.1 it stands in the environment alone.
    pub fn engine(&self) -> Option<WahaEngine> {
        let said = self.engine.iter().chain(self.environment.get("engine"));
        said.filter_map(Value::as_str).find_map(WahaEngine::from_name)
    }
}

/// Longer ids than these are not WAHA's; they become keys of our own tables.
const MAX_ID_BYTES: usize = 128;

pub(super) fn read(body: &[u8], now: Timestamp) -> Result<Envelope, NotAWebhook> {
    // serde would take the fields without their names as well.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(NotAWebhook("the body is not an event of WAHA's: it is no object".to_owned()));
    }
    let read = serde_json::from_slice(body).or_else(|error| match surrogates::mended(body) {
        Some(mended) => serde_json::from_slice(&mended),
        None => Err(error),
    });
    let mut envelope: Envelope =
        read.map_err(|error| NotAWebhook(format!("the body is not an event of WAHA's: {error}")))?;
    envelope.now = now;
    envelope.time = time(&envelope.timestamp, now).unwrap_or(now);
    let is_plain = |text: &str| {
        !text.is_empty() && text.len() <= MAX_ID_BYTES && text.bytes().all(|b| b.is_ascii_graphic())
    };
    if !is_plain(&envelope.id) {
        return Err(NotAWebhook(format!(
            "the event's id must have 1 to {MAX_ID_BYTES} printable characters of ASCII"
        )));
    }
    Ok(envelope)
}
