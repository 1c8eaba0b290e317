//! What engines tell the service of their own accord.

use async_trait::async_trait;

use super::Login;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::{Lid, PhoneNumber, SessionName};
use crate::domain::reducer::Observation;
use crate::domain::session::{EngineKind, SessionStatus};

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
    /// Nobody has linked the device, or somebody has unlinked it: it must be asked for a code.
    Unlinked,
    /// Whoever carries the session has given up; the text says why, for people.
    Failed(String),
}

impl ConnectionNews {
    /// What a server's word about a session means for its connection.
    pub fn of_status(status: SessionStatus, reason: String) -> Self {
        match status {
            SessionStatus::Working => Self::Online,
            SessionStatus::Starting => Self::Offline,
            SessionStatus::ScanQrCode | SessionStatus::LoggedOut => Self::Unlinked,
            SessionStatus::Failed | SessionStatus::Stopped => Self::Failed(reason),
        }
    }
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

/// One event of a session's server, whichever way it came: by its stream or by a webhook.
#[derive(Debug, Clone)]
pub struct Told {
    /// The same however often it comes.
    pub source_id: String,
    /// When the server made it, its clock.
    pub time: Timestamp,
    /// Who the session is there.
    pub login: Option<Login>,
    /// Who goes by both names.
    pub aliases: Vec<(Lid, PhoneNumber)>,
    pub news: News,
}

#[derive(Debug, Clone)]
pub enum News {
    Groups(Vec<Observation>),
    /// Where the session stands, and why, for people.
    Status(SessionStatus, String),
}

/// What became of what was told; durable either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Accepted,
    /// It was dealt with before.
    Duplicate,
}

/// Takes what engines are told.
#[async_trait]
pub trait NotificationSink: Send + Sync + 'static {
    /// Takes in an event of the session's server; returns once it is durable. On an error it must be told
    /// again.
    ///
    /// This is for those that care neither who is who nor when it was told.
    async fn take_in(
        &self,
        session: &SessionName,
        told: Told,
    ) -> std::result::Result<Taken, Error> {
        match told.news {
            News::Groups(observations) => {
                let notification = EngineNotification {
                    session: session.clone(),
                    engine: EngineKind::Waha,
                    source_id: told.source_id,
                    call_key: None,
                    observations,
                };
                self.deliver(vec![notification]).await?;
            }
            News::Status(status, reason) => {
                self.connection_changed(session, ConnectionNews::of_status(status, reason));
            }
        }
        Ok(Taken::Accepted)
    }

    /// Returns once the notifications are durable. On an error they must be delivered again.
    async fn deliver(
        &self,
        notifications: Vec<EngineNotification>,
    ) -> std::result::Result<(), Error>;

    /// Never waits. For one session, in the order in which it happened.
    fn connection_changed(&self, session: &SessionName, news: ConnectionNews);
}
