//! Requests of WAHA's other routes, for sessions that a WAHA server carries.

use std::sync::Arc;

use super::{App, Call};
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::port::passage::{Passage, PassedAnswer, PassedRequest};
use crate::domain::reason::Reason;

impl App {
    /// From now on such requests are passed on this way.
    pub fn open_passage(&self, passage: Arc<dyn Passage>) {
        // Set once, at the start of the service.
        let _ = self.inner.passage.set(passage);
    }

    /// Whether requests that are not about groups are passed on to the session's server.
    pub fn is_passed_on(&self, session: &SessionName) -> bool {
        let session = self.inner.sessions.directory.get(session);
        let is_carried = session.is_ok_and(|session| session.config.server().is_some());
        is_carried && self.inner.passage.get().is_some()
    }

    /// Passes a request on to the session's server. The key must be allowed to change the session, as every key that
    /// sees it is.
    pub async fn pass_on(
        &self,
        call: &Call,
        session: &SessionName,
        request: PassedRequest,
    ) -> Result<PassedAnswer> {
        call.caller.authorize(session)?;
        self.inner.refuse_if_draining()?;
        let known = self.inner.sessions.directory.get(session)?;
        let passage = self.inner.passage.get().filter(|_| known.config.server().is_some());
        let Some(passage) = passage else {
            let message = format!(
                "session {session} is carried by no WAHA server, which alone can do this; wagroups itself is about groups"
            );
            return Err(Error::new(Reason::UnsupportedByEngine, message)
                .with("engine", known.engine.as_str())
                .with("operation", "WAHA"));
        };
        if !known.wanted {
            let message = format!("session {session} is stopped; start it with StartSession");
            return Err(Error::new(Reason::SessionNotWorking, message)
                .with("session", session)
                .with("status", known.status.contract_name()));
        }
        passage.pass(session, request).await
    }
}
