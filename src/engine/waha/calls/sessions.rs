//! A session at its server: found or made, started, linked and unlinked.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::domain::error::Error;
use crate::domain::id::PhoneNumber;
use crate::domain::operation::{EngineError, OperationName, Outcome, Result};
use crate::domain::port::engine::{Login, PairingCode, QrCode, Started};
use crate::domain::reason::Reason;
use crate::engine::waha::names;
use crate::engine::waha::routed_session::RoutedSession;
use crate::engine::waha::server::{Answer, Ask};
use crate::engine::waha::webhook::WahaStatus;

/// How long a pairing code can be typed.
const PAIRING_CODE_LIFE: Duration = Duration::from_secs(160);
/// How long WhatsApp lets a QR code be scanned.
const QR_CODE_LIFE: Duration = Duration::from_secs(20);
/// To find or start a session may be done again.
const LOOK: OperationName = OperationName::FetchAll;

impl RoutedSession {
    /// Who is linked there; `None` where nobody is, or there is no such session yet.
    pub async fn login(&self) -> Result<Option<Login>> {
        let session = self.session().await?;
        Ok(session.and_then(|session| session.get("me").and_then(names::me)))
    }

    /// Creates the session if it is missing, starts it if it does not run, and returns its state.
    pub async fn start(&self) -> Result<Started> {
        let Some(session) = self.session().await? else {
            let body = json!({ "name": &*self.remote, "start": true });
            let path = vec!["api", "sessions"];
            self.server.ask(Ask::of(LOOK, Method::POST, path).body(body)).await?;
            return Ok(Started::Connecting);
        };
        let status = session.get("status").and_then(Value::as_str).map(WahaStatus::named);
        match status {
            Some(WahaStatus::Working) => Ok(Started::Online),
            Some(WahaStatus::ScanQrCode) => {
                Ok(self.qr_code().await?.map_or(Started::Connecting, Started::Pairing))
            }
            Some(WahaStatus::Stopped) | None => self.begin("start").await,
            Some(WahaStatus::Failed) => self.begin("restart").await,
            Some(WahaStatus::Starting | WahaStatus::PasskeyRequired | WahaStatus::Other(_)) => {
                Ok(Started::Connecting)
            }
        }
    }

    async fn begin(&self, verb: &str) -> Result<Started> {
        let path = vec!["api", "sessions", &*self.remote, verb];
        self.server.ask(Ask::of(LOOK, Method::POST, path)).await?;
        Ok(Started::Connecting)
    }

    async fn session(&self) -> Result<Option<Value>> {
        let ask = Ask::get(LOOK, vec!["api", "sessions", &*self.remote]);
        match self.server.ask(ask).await {
            Ok(Answer::Json(session)) => Ok(Some(session)),
            Ok(Answer::Empty | Answer::Text(_)) => {
                let error =
                    self.server.unavailable("answers no session where it was asked for one");
                Err(EngineError::not_sent(error))
            }
            Err(error)
                if error.outcome == Outcome::Rejected
                    && error.error.reason() == Reason::GroupNotFound =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn qr_code(&self) -> Result<Option<QrCode>> {
        let ask = Ask::get(LOOK, vec!["api", &*self.remote, "auth", "qr"]).with("format", "raw");
        let answer = match self.server.ask(ask).await {
            Ok(answer) => answer,
            // It was linked, or the next code is not there yet.
            Err(error) if error.outcome == Outcome::Rejected => return Ok(None),
            Err(error) => return Err(error),
        };
        let value = answer.json().and_then(|object| object.get("value")).and_then(Value::as_str);
        Ok(value.map(|value| QrCode {
            value: value.to_owned(),
            expire_time: Some(self.now + QR_CODE_LIFE),
        }))
    }

    pub async fn log_out(&self) -> Result<()> {
        let path = vec!["api", "sessions", &*self.remote, "logout"];
        let ask = Ask::of(OperationName::LogoutSession, Method::POST, path);
        self.server.ask(ask).await.map(drop)
    }

    pub async fn pairing_code(&self, phone: PhoneNumber) -> Result<PairingCode> {
        let path = vec!["api", &*self.remote, "auth", "request-code"];
        let body = json!({ "phoneNumber": phone.get().to_string() });
        let ask = Ask::of(OperationName::RequestPairingCode, Method::POST, path).body(body);
        let answer = self.server.ask(ask).await?;
        let code = answer.json().and_then(|object| object.get("code")).and_then(Value::as_str);
        // `ABCD-EFGH`
        let code: String = code.unwrap_or_default().chars().filter(|c| *c != '-').collect();
        if code.is_empty() {
            let message = "the WAHA server gave no pairing code; ask again, or scan the QR code";
            return Err(EngineError::rejected(Error::new(Reason::RefusedByWhatsapp, message)));
        }
        Ok(PairingCode { code, expire_time: self.now + PAIRING_CODE_LIFE })
    }
}
