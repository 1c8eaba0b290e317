//! How a session's webhooks come in, before anything of them is read.

use crate::app::App;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::reason::Reason;
use crate::domain::session::WebhookSecret;

/// What a session's webhooks must be like.
#[derive(Debug, Clone)]
pub struct WebhookIngress {
    /// What they are signed with; `None` = all are refused.
    pub secret: Option<WebhookSecret>,
    /// Why requests signed with the secret are refused, too.
    pub closed: Option<Error>,
    /// The session's name on its server.
    pub remote_session: String,
    /// An event made before this cannot be distinguished from a repetition.
    pub oldest: Timestamp,
}

impl App {
    /// How the session's webhooks come in. Refuses where it does not exist, or is of an engine that takes none;
    /// a sender that cannot prove a secret must not learn which.
    pub fn webhook_ingress(&self, name: &SessionName) -> Result<WebhookIngress> {
        let inner = &self.inner;
        inner.refuse_if_draining()?;
        let session = inner.sessions.directory.get(name)?;
        if !session.config.takes_webhooks() {
            let engine = session.engine.as_str();
            let message = format!(
                "session {name} runs on engine {engine}, which takes no webhooks; use a session of engine waha"
            );
            return Err(Error::new(Reason::UnsupportedByEngine, message)
                .with("engine", engine)
                .with("operation", "webhook"));
        }
        let closed = (!session.wanted).then(|| {
            let message = format!("session {name} is stopped; start it with StartSession");
            Error::new(Reason::SessionNotWorking, message)
                .with("session", name)
                .with("status", session.status.contract_name())
        });
        Ok(WebhookIngress {
            closed,
            secret: session.config.webhook_secret().cloned(),
            remote_session: session.config.name_at_server(name).to_owned(),
            oldest: inner.clock.now() - inner.options.retention,
        })
    }
}
