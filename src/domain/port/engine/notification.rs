//! What engines tell the service of their own accord.

use async_trait::async_trait;

use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::SessionName;
use crate::domain::reducer::Observation;
use crate::domain::session::EngineKind;

/// Something that WhatsApp told a session.
#[derive(Debug, Clone)]
pub struct EngineNotification {
    pub session: SessionName,
    pub engine: EngineKind,
    /// Unique within the session; the same one again is a duplicate.
    pub source_id: String,
    /// The key of our own call that caused it, where the engine can tell.
    pub call_key: Option<String>,
    pub observations: Vec<Observation>,
}

/// What became of a session's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionNews {
    /// Connected, and all that was missed meanwhile has been delivered, as far as the engine can tell.
    Online,
    /// The connection is lost; the engine connects again by itself.
    Offline,
    /// WhatsApp has unlinked the device.
    LoggedOut,
    /// Someone must link the device: this is the code to scan now.
    Pairing(QrCode),
    /// The device was linked.
    Linked,
}

/// A code to scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrCode {
    pub value: String,
    pub expire_time: Option<Timestamp>,
}

/// A code to type into the phone: 8 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingCode {
    pub code: String,
    pub expire_time: Timestamp,
}

/// Takes what engines are told.
#[async_trait]
pub trait NotificationSink: Send + Sync + 'static {
    /// Returns once the notifications are durable. On an error they must be delivered again.
    async fn deliver(
        &self,
        notifications: Vec<EngineNotification>,
    ) -> std::result::Result<(), Error>;

    /// Never waits. For one session, in the order in which it happened.
    fn connection_changed(&self, session: &SessionName, news: ConnectionNews);
}
