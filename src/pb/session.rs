//! Sessions.

use super::{self as pb, wire};
use crate::domain::port::engine::PairingCode;
use crate::domain::session::{EngineConfig, Session, SessionStatus};
pub use crate::pb::generated::session::Config;

impl From<SessionStatus> for pb::SessionStatus {
    fn from(status: SessionStatus) -> Self {
        match status {
            SessionStatus::Stopped => Self::Stopped,
            SessionStatus::Starting => Self::Starting,
            SessionStatus::ScanQrCode => Self::ScanQrCode,
            SessionStatus::Working => Self::Working,
            SessionStatus::Failed => Self::Failed,
            SessionStatus::LoggedOut => Self::LoggedOut,
        }
    }
}

impl pb::SessionStatus {
    /// `None` for UNSPECIFIED.
    pub fn to_domain(self) -> Option<SessionStatus> {
        match self {
            Self::Unspecified => None,
            Self::Stopped => Some(SessionStatus::Stopped),
            Self::Starting => Some(SessionStatus::Starting),
            Self::ScanQrCode => Some(SessionStatus::ScanQrCode),
            Self::Working => Some(SessionStatus::Working),
            Self::Failed => Some(SessionStatus::Failed),
            Self::LoggedOut => Some(SessionStatus::LoggedOut),
        }
    }
}

impl From<&PairingCode> for pb::PairingCode {
    fn from(code: &PairingCode) -> Self {
        Self { code: code.code.clone(), expire_time: Some(wire::timestamp(code.expire_time)) }
    }
}

impl From<&Session> for pb::Session {
    fn from(session: &Session) -> Self {
        let phone = session.account.and_then(|account| account.phone());
        let config = match &session.config {
            EngineConfig::Simulator { phone_number } => {
                let number = phone_number.or(phone).map(|phone| phone.get().to_string());
                Config::Simulator(pb::SimulatorConfig { phone_number: number.unwrap_or_default() })
            }
            EngineConfig::Waha { server, remote_session, webhook_secret, webhooks_only: _ } => {
                Config::Waha(pb::WahaConfig {
                    server: server.clone().unwrap_or_default(),
                    remote_session: remote_session.clone().unwrap_or_default(),
                    webhook_secret: String::new(),
                    has_webhook_secret: webhook_secret.is_some(),
                    webhooks_only: server.is_none(),
                })
            }
            EngineConfig::Native {} => Config::Native(pb::NativeConfig {}),
        };
        Self {
            name: session.name.to_string(),
            engine: pb::Engine::from(session.engine).into(),
            status: pb::SessionStatus::from(session.status).into(),
            status_time: Some(wire::timestamp(session.status_time)),
            status_reason: session.status_reason.clone(),
            desired_running: session.wanted,
            account: session.account.map(|account| pb::SessionAccount {
                id: account.id().to_string(),
                lid: pb::group::text(account.lid()),
                phone_number_id: pb::group::text(account.phone()),
                push_name: session.push_name.clone(),
            }),
            sequence: session.sequence.as_i64(),
            synced_time: session.synced_time.map(wire::timestamp),
            create_time: Some(wire::timestamp(session.create_time)),
            metadata: session.metadata.clone().into_iter().collect(),
            config: Some(config),
        }
    }
}
