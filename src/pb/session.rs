//! Sessions.

use super::participant::optional;
use super::{self as pb, DecodeError, wire};
use crate::domain::event::DeletedSession;
use crate::domain::participant::Account;
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

fn account(account: Option<Account>, push_name: &str) -> Option<pb::SessionAccount> {
    account.map(|account| pb::SessionAccount {
        id: account.id().to_string(),
        lid: pb::group::text(account.lid()),
        phone_number_id: pb::group::text(account.phone()),
        push_name: push_name.to_owned(),
    })
}

impl From<&DeletedSession> for pb::SessionDeleted {
    fn from(deleted: &DeletedSession) -> Self {
        Self {
            account: account(deleted.account, &deleted.push_name),
            metadata: deleted.metadata.clone().into_iter().collect(),
            create_time: Some(wire::timestamp(deleted.create_time)),
        }
    }
}

impl pb::SessionDeleted {
    /// `None` where an older version did not say what it was.
    pub(super) fn to_domain(&self) -> Result<Option<DeletedSession>, DecodeError> {
        let Some(create_time) = &self.create_time else { return Ok(None) };
        let account = self.account.as_ref();
        Ok(Some(DeletedSession {
            account: match account {
                Some(account) => Account::from_names(
                    optional(&account.lid)?,
                    optional(&account.phone_number_id)?,
                ),
                None => None,
            },
            push_name: account.map(|account| account.push_name.clone()).unwrap_or_default(),
            metadata: self.metadata.clone().into_iter().collect(),
            create_time: wire::to_timestamp(create_time),
        }))
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
            account: account(session.account, &session.push_name),
            sequence: session.sequence.as_i64(),
            synced_time: session.synced_time.map(wire::timestamp),
            create_time: Some(wire::timestamp(session.create_time)),
            metadata: session.metadata.clone().into_iter().collect(),
            config: Some(config),
            etag: session.etag(),
        }
    }
}
