//! What carries calls to WhatsApp and brings its notifications.

mod event;

use std::sync::Arc;

use async_trait::async_trait;
pub use event::{
    ConnectionEvent, EngineEvent, EngineEventContent, EngineEventSink, GroupChanges, IngestOutcome,
    PairingCode, QrCode, ServerEvent, ServerEventContent,
};

use crate::domain::error::Error;
use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::operation::{OperationName, PerformsAll, Result};
use crate::domain::participant::Account;
use crate::domain::session::{EngineConfig, EngineKind};

/// Who a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub account: Account,
    pub push_name: String,
}

/// How far a start got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// The session's calls reach WhatsApp. [`ConnectionEvent::Online`] follows.
    Online,
    /// It is on its way. [`ConnectionEvent::Online`] follows, or what went wrong.
    Connecting,
    /// Someone must link the device first. [`ConnectionEvent::Linked`] follows if they do.
    Pairing(QrCode),
}

/// One way to WhatsApp. What it does for a group is what it [performs](PerformsAll); the rest is about sessions. One
/// suite (`tests/it/engine`) runs against every engine.
#[async_trait]
pub trait GroupEngine: PerformsAll + Send + Sync + 'static {
    fn kind(&self) -> EngineKind;

    /// Whether the session's engine can do this at all. What it cannot is answered with
    /// UNSUPPORTED_BY_ENGINE, and nothing is sent.
    fn supports(&self, session: &SessionName, operation: OperationName) -> bool;

    /// Whether a read of one group fetches all of them from WhatsApp, so that it is better to wait a moment for its
    /// events.
    fn fetches_all(&self, _session: &SessionName) -> bool {
        false
    }

    /// What the session's calls go to. Calls to one upstream share its places, so that one that hangs does not
    /// keep the calls to others waiting.
    fn upstream(&self, _session: &SessionName) -> Arc<str> {
        Arc::default()
    }

    /// Completes the settings of a new session, or refuses them: where they leave open which server carries
    /// it, the engine chooses. `load` is how many sessions a server has.
    fn place(
        &self,
        config: EngineConfig,
        load: &(dyn Fn(&str) -> usize + Sync),
    ) -> std::result::Result<EngineConfig, Error> {
        let _ = load;
        Ok(config)
    }

    /// How the session is set. Comes before its first login, and whenever the settings change.
    fn configure(&self, session: &SessionName, config: &EngineConfig) {
        let _ = (session, config);
    }

    /// Answers who the session is, having made or found its account; `None` where nobody has linked one yet.
    /// Nothing is delivered yet.
    async fn log_in(&self, session: &SessionName, wish: &RequestedAccount)
    -> Result<Option<Login>>;

    /// Brings the session online: from now on its notifications go to the sink that the engine was
    /// built with, also those that came while it was away. Repeating it is harmless.
    async fn start(&self, session: &SessionName) -> Result<Started>;

    /// Takes the session offline; its notifications wait for it meanwhile.
    async fn stop(&self, session: &SessionName) -> Result<()>;

    /// Unlinks the device at WhatsApp and forgets its credentials. The next start leads to pairing.
    async fn log_out(&self, session: &SessionName) -> Result<()>;

    /// A code to link the device by typing, while the session waits for it. It voids the one before.
    async fn request_pairing_code(
        &self,
        session: &SessionName,
        phone: PhoneNumber,
    ) -> Result<PairingCode>;

    /// The session was deleted. The account may live on at WhatsApp; its notifications are dropped.
    async fn forget(&self, session: &SessionName) -> Result<()>;
}

/// Which account a new session would like to be, where the engine lets one choose.
#[derive(Debug, Clone, Default)]
pub struct RequestedAccount {
    pub phone_number: Option<PhoneNumber>,
    pub push_name: Option<String>,
}
