//! Sessions: the WhatsApp accounts that this service acts for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::id::{PhoneNumber, SessionName};
use super::participant::Account;

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
    },
    Native {},
}

impl EngineConfig {
    pub fn default_of(kind: EngineKind) -> Self {
        match kind {
            EngineKind::Simulator => Self::Simulator { phone_number: None },
            EngineKind::Waha => Self::Waha { server: None, remote_session: None },
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

    /// The account that the session would like to be, where its engine lets one choose.
    pub fn phone_number(&self) -> Option<PhoneNumber> {
        match self {
            Self::Simulator { phone_number } => *phone_number,
            Self::Waha { .. } | Self::Native {} => None,
        }
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
    pub sequence: u64,
    pub create_time: Timestamp,
    /// When its groups were last compared with WhatsApp's in full.
    pub synced_time: Option<Timestamp>,
}

/// Limits of a session's metadata.
pub const MAX_METADATA_ENTRIES: usize = 32;
pub const MAX_METADATA_KEY_BYTES: usize = 64;
pub const MAX_METADATA_VALUE_BYTES: usize = 512;
