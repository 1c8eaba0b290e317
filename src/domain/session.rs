//! Sessions: the WhatsApp accounts that this service acts for.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::clock::Timestamp;
use super::counter::Sequence;
use super::id::{ParseError, PhoneNumber, SessionName};
use super::participant::Account;
use super::reason::Reason;

/// What carries a session's calls to WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    Simulator,
    Waha,
    Native,
}

impl EngineKind {
    pub const ALL: [Self; 3] = [Self::Simulator, Self::Waha, Self::Native];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::Waha => "waha",
            Self::Native => "native",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Why a service does not have it.
    pub fn reason_if_unavailable(self) -> Reason {
        match self {
            Self::Simulator => Reason::SimulatorDisabled,
            Self::Waha | Self::Native => Reason::UnsupportedByEngine,
        }
    }

    /// What the caller who asked for it can do.
    pub fn hint_if_unavailable(self) -> &'static str {
        match self {
            Self::Simulator => {
                "name another engine (waha), or have simulator.enabled set, on a server for tests"
            }
            Self::Waha => "have its servers named in the settings, waha.servers",
            Self::Native => "use a session of another engine",
        }
    }
}

/// How a session's engine is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineConfig {
    Simulator {
        /// `None` = one derived from the session's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone_number: Option<PhoneNumber>,
    },
    Waha {
        /// The name of a server in the service's settings; `None` = webhooks only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<String>,
        /// The session's name there; `None` = the same as here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remote_session: Option<String>,
        /// What its webhooks are signed with; `None` = they are refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        webhook_secret: Option<WebhookSecret>,
        /// Whether it shall have no server, though there may be some.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        webhooks_only: bool,
    },
    Native {},
}

impl EngineConfig {
    pub fn default_of(kind: EngineKind) -> Self {
        match kind {
            EngineKind::Simulator => Self::Simulator { phone_number: None },
            EngineKind::Waha => Self::Waha {
                server: None,
                remote_session: None,
                webhook_secret: None,
                webhooks_only: false,
            },
            EngineKind::Native => Self::Native {},
        }
    }

    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Simulator { .. } => EngineKind::Simulator,
            Self::Waha { .. } => EngineKind::Waha,
            Self::Native {} => EngineKind::Native,
        }
    }

    /// Whether the session's server may post webhooks.
    pub fn takes_webhooks(&self) -> bool {
        match self {
            Self::Waha { .. } => true,
            Self::Simulator { .. } | Self::Native {} => false,
        }
    }

    /// Whether somebody else decides which account is linked: its server, at which others may link another one.
    pub fn is_linked_elsewhere(&self) -> bool {
        match self {
            Self::Waha { .. } => true,
            Self::Simulator { .. } | Self::Native {} => false,
        }
    }

    /// Whether the session only receives webhooks, so that WhatsApp cannot be queried for it.
    pub fn takes_webhooks_only(&self) -> bool {
        match self {
            Self::Waha { server, .. } => server.is_none(),
            Self::Simulator { .. } | Self::Native {} => false,
        }
    }

    /// The server that carries the session, where one does.
    pub fn server(&self) -> Option<&str> {
        match self {
            Self::Waha { server, .. } => server.as_deref(),
            Self::Simulator { .. } | Self::Native {} => None,
        }
    }

    /// Where calls for the session go: the server, and the session's name there, if it has one of its own.
    pub fn route(&self) -> Option<(&str, Option<&str>)> {
        match self {
            Self::Waha { server: Some(server), remote_session, .. } => {
                Some((server, remote_session.as_deref()))
            }
            Self::Waha { server: None, .. } | Self::Simulator { .. } | Self::Native {} => None,
        }
    }

    /// What the session's webhooks are signed with.
    pub fn webhook_secret(&self) -> Option<&WebhookSecret> {
        match self {
            Self::Waha { webhook_secret, .. } => webhook_secret.as_ref(),
            Self::Simulator { .. } | Self::Native {} => None,
        }
    }

    /// These settings in the place of those that are held. The secret stays where none is given; the server, or its
    /// lack, stays where none is named and `webhooks_only` is not set.
    #[must_use]
    pub fn updating(mut self, held: &Self, secret: Option<Option<WebhookSecret>>) -> Self {
        if let Self::Waha { webhook_secret, server, webhooks_only, .. } = &mut self {
            *webhook_secret = secret.unwrap_or_else(|| held.webhook_secret().cloned());
            if server.is_none() && !*webhooks_only {
                *server = held.server().map(str::to_owned);
                *webhooks_only = server.is_none();
            }
        }
        self
    }

    fn without_secret(mut self) -> Self {
        if let Self::Waha { webhook_secret, .. } = &mut self {
            *webhook_secret = None;
        }
        self
    }

    /// The session's name at that server.
    pub fn name_at_server<'a>(&'a self, session: &'a SessionName) -> &'a str {
        match self {
            Self::Waha { remote_session: Some(remote), .. } => remote,
            Self::Waha { .. } | Self::Simulator { .. } | Self::Native {} => session.as_str(),
        }
    }

    /// The account that the session would like to be, where its engine lets one choose.
    pub fn phone_number(&self) -> Option<PhoneNumber> {
        match self {
            Self::Simulator { phone_number } => *phone_number,
            Self::Waha { .. } | Self::Native {} => None,
        }
    }
}

/// The key with which a WAHA server signs its webhooks: 8 to 512 bytes without control characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    pub const BYTES: std::ops::RangeInclusive<usize> = 8..=512;

    /// For the verification of a signature; never for logs or answers.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for WebhookSecret {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !Self::BYTES.contains(&text.len()) || text.chars().any(char::is_control) {
            return Err(ParseError(format!(
                "must have {} to {} bytes and no control characters",
                Self::BYTES.start(),
                Self::BYTES.end()
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    Stopped,
    Starting,
    ScanQrCode,
    Working,
    Failed,
    LoggedOut,
}

impl SessionStatus {
    pub const ALL: [Self; 6] = [
        Self::Stopped,
        Self::Starting,
        Self::ScanQrCode,
        Self::Working,
        Self::Failed,
        Self::LoggedOut,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::ScanQrCode => "scan_qr_code",
            Self::Working => "working",
            Self::Failed => "failed",
            Self::LoggedOut => "logged_out",
        }
    }

    /// As the contract's enum names it, without its prefix.
    pub fn contract_name(self) -> String {
        self.as_str().to_ascii_uppercase()
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub name: SessionName,
    pub engine: EngineKind,
    pub config: EngineConfig,
    pub status: SessionStatus,
    /// Why the status is what it is, for people; empty where there is nothing to say.
    pub status_reason: String,
    pub status_time: Timestamp,
    /// Who we are there; `None` until the first login.
    pub account: Option<Account>,
    pub push_name: String,
    pub metadata: BTreeMap<String, String>,
    /// Whether it shall run; a process that starts brings up what shall run.
    pub wanted: bool,
    /// The sequence of the last event.
    pub sequence: Sequence,
    pub create_time: Timestamp,
    /// When its groups were last compared with WhatsApp's in full.
    pub synced_time: Option<Timestamp>,
}

impl Session {
    /// Stands for the labels and the engine's settings as they are. The secret is no part of it: what is made of it
    /// must not be shown, and callers cannot read it to decide anything by it.
    pub fn etag(&self) -> String {
        let config = self.config.clone().without_secret();
        let settings = serde_json::to_vec(&(config, &self.metadata)).unwrap_or_default();
        let digest = Sha256::digest(settings);
        URL_SAFE_NO_PAD.encode(&digest[..12])
    }
}

/// Limits of a session's metadata.
pub const MAX_METADATA_ENTRIES: usize = 32;
pub const MAX_METADATA_KEY_BYTES: usize = 64;
pub const MAX_METADATA_VALUE_BYTES: usize = 512;

#[cfg(test)]
mod tests;
