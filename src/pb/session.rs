//! Sessions.

use super::{self as pb, wire};
use crate::domain::session::{EngineKind, Session, SessionStatus};

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

impl From<&Session> for pb::Session {
    fn from(session: &Session) -> Self {
        let phone = session.account.and_then(|account| account.phone());
        let config = match session.engine {
            EngineKind::Simulator => {
                pb::generated::session::Config::Simulator(pb::SimulatorConfig {
                    phone_number: phone.map(|phone| phone.get().to_string()).unwrap_or_default(),
                })
            }
            EngineKind::Waha => pb::generated::session::Config::Waha(pb::WahaConfig::default()),
            EngineKind::Native => pb::generated::session::Config::Native(pb::NativeConfig {}),
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
            sequence: wire::number(session.sequence),
            synced_time: None,
            create_time: Some(wire::timestamp(session.create_time)),
            metadata: session.metadata.clone().into_iter().collect(),
            config: Some(config),
        }
    }
}
