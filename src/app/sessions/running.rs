//! Sessions that run: started, stopped, linked, unlinked, and what their connections report.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;

use super::SessionChange;
use crate::app::{App, Call, Inner};
use crate::domain::backoff::Backoff;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::EventId;
use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::operation::{EngineError, OperationName, Outcome};
use crate::domain::port::engine::{
    ConnectionEvent, GroupEngine, PairingCode, RequestedAccount, Started,
};
use crate::domain::port::other_events::OtherEvents as _;
use crate::domain::port::repository::SessionPatch;
use crate::domain::reason::Reason;
use crate::domain::session::{Session, SessionStatus};
use crate::envelope::status_changed;
use crate::envelope::words::status;

/// Sessions that are brought up at the same time.
const STARTS: usize = 16;
const UNLINKED: &str = "logged out by request";
const LINK_IT: &str = "scan the QR code, or ask for a pairing code";

impl App {
    pub async fn start_session(&self, call: &Call, name: &SessionName) -> Result<SessionChange> {
        self.in_turn(call, name, |inner, session| async move { inner.start(&session).await }).await
    }

    pub async fn stop_session(&self, call: &Call, name: &SessionName) -> Result<SessionChange> {
        self.in_turn(call, name, |inner, session| async move { inner.stop(&session).await }).await
    }

    /// Stops the session and starts it in one turn, so that a caller who hangs up leaves none stopped.
    pub async fn restart_session(&self, call: &Call, name: &SessionName) -> Result<SessionChange> {
        self.in_turn(call, name, |inner, session| async move {
            let stopped = inner.stop(&session).await?;
            inner.start(&stopped.session).await
        })
        .await
    }

    /// Unlinks the device. The session keeps its groups, its log and the memory of its account.
    pub async fn log_out_session(&self, call: &Call, name: &SessionName) -> Result<SessionChange> {
        self.in_turn(call, name, |inner, session| async move {
            let name = &session.name;
            let changed = inner.unlink(&session).await?;
            if changed {
                inner.set_status(name, SessionStatus::LoggedOut, UNLINKED).await?;
            }
            Ok(SessionChange { session: inner.refreshed(name).await?, changed })
        })
        .await
    }

    /// The same, and a session that shall run goes on to the code by which it is linked again.
    pub async fn link_anew(&self, call: &Call, name: &SessionName) -> Result<SessionChange> {
        self.in_turn(call, name, |inner, session| async move {
            let name = &session.name;
            let changed = inner.unlink(&session).await?;
            if session.wanted {
                inner.wait_for_link(&session).await?;
            } else if changed {
                inner.set_status(name, SessionStatus::LoggedOut, UNLINKED).await?;
            }
            Ok(SessionChange { session: inner.refreshed(name).await?, changed })
        })
        .await
    }

    /// A code to link the device by typing it into the phone.
    pub async fn request_pairing_code(
        &self,
        call: &Call,
        name: &SessionName,
        phone: PhoneNumber,
    ) -> Result<PairingCode> {
        let inner = &self.inner;
        call.caller.authorize(name)?;
        inner.refuse_if_draining()?;
        let session = inner.sessions.directory.get(name)?;
        refuse_if_webhooks_only(&session, OperationName::RequestPairingCode)?;
        let refuse = |reason: Reason, what: &str| {
            Error::new(reason, format!("session {name} {what}"))
                .with("session", name)
                .with("status", session.status.contract_name())
        };
        match session.status {
            SessionStatus::ScanQrCode => {}
            SessionStatus::Working => {
                return Err(refuse(
                    Reason::AlreadyLoggedIn,
                    "is linked already; LogoutSession first, to link another account",
                ));
            }
            SessionStatus::Starting => {
                return Err(refuse(Reason::SessionStarting, "is starting; try again in a moment")
                    .retry_after(Duration::from_secs(1)));
            }
            SessionStatus::Stopped | SessionStatus::Failed | SessionStatus::LoggedOut => {
                return Err(refuse(
                    Reason::SessionNotWorking,
                    "does not wait to be linked; StartSession first",
                ));
            }
        }
        let engine = inner.engine(session.engine)?;
        let code = engine.request_pairing_code(name, phone).await.map_err(|error| error.error)?;
        inner.sessions.directory.show_pairing_code(name, code.clone());
        Ok(code)
    }

    /// Brings up the sessions that shall run, some at a time: one whose server is silent must not hold up the
    /// others. What fails is tried again later, with growing pauses.
    pub async fn start_wanted_sessions(&self) {
        let mut pauses = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        loop {
            let wanted =
                self.inner.sessions.directory.all().into_iter().filter(|session| session.wanted);
            let starts =
                wanted.map(|session| async move { self.start_wanted(&session.name).await });
            let failed = futures::stream::iter(starts)
                .buffer_unordered(STARTS)
                .filter(|is_settled| std::future::ready(!is_settled))
                .count();
            if failed.await == 0 || self.inner.is_draining() {
                return;
            }
            let pause = pauses.pause(None, self.inner.entropy.as_ref());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.inner.lifecycle.draining.cancelled() => return,
            }
        }
    }

    /// Brings the session up if it shall run and does not; returns whether nothing is left to be done.
    async fn start_wanted(&self, name: &SessionName) -> bool {
        if self.inner.is_draining() {
            return true;
        }
        let _turn = self.inner.sessions.directory.lock(name).await;
        let Ok(session) = self.inner.sessions.directory.get(name) else { return true };
        let is_up = match session.status {
            SessionStatus::Working => self.inner.sessions.directory.is_up(name),
            // Someone has to link the device first; a start would do no good.
            SessionStatus::LoggedOut => true,
            SessionStatus::Stopped
            | SessionStatus::Starting
            | SessionStatus::ScanQrCode
            | SessionStatus::Failed => false,
        };
        if !session.wanted || is_up {
            return true;
        }
        match self.inner.bring_up(name, &wish(&session)).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(session = %name, %error, "session could not be started");
                false
            }
        }
    }

    /// Applies what the engine reports of the session's connection.
    pub(in crate::app) async fn connection_changed(
        &self,
        name: &SessionName,
        event: ConnectionEvent,
    ) -> Result<()> {
        let inner = &self.inner;
        let turn = inner.sessions.directory.lock(name).await;
        let Ok(session) = inner.sessions.directory.get(name) else { return Ok(()) };
        let moved = match (event, session.status) {
            (ConnectionEvent::Online, SessionStatus::Working)
                if inner.sessions.directory.is_up(name) =>
            {
                Ok(())
            }
            (
                ConnectionEvent::Online,
                SessionStatus::Working | SessionStatus::Starting | SessionStatus::Failed,
            ) if session.wanted => inner.come_online(&session).await,
            (ConnectionEvent::Offline, SessionStatus::Working) => {
                inner
                    .set_status(
                        name,
                        SessionStatus::Starting,
                        "the connection is lost; reconnecting",
                    )
                    .await
            }
            (
                ConnectionEvent::LoggedOut,
                SessionStatus::Working | SessionStatus::Starting | SessionStatus::ScanQrCode,
            ) => {
                let reason = "WhatsApp has unlinked the device";
                inner.set_status(name, SessionStatus::LoggedOut, reason).await
            }
            (ConnectionEvent::Unlinked, SessionStatus::Working) => {
                let reason = "the device was unlinked";
                inner.set_status(name, SessionStatus::LoggedOut, reason).await
            }
            (
                ConnectionEvent::Unlinked,
                SessionStatus::Starting | SessionStatus::ScanQrCode | SessionStatus::Failed,
            ) if session.wanted => inner.await_link(&session).await,
            (
                ConnectionEvent::Failed(reason),
                SessionStatus::Working | SessionStatus::Starting | SessionStatus::ScanQrCode,
            ) => inner.set_status(name, SessionStatus::Failed, &reason).await,
            (ConnectionEvent::Pairing(code), SessionStatus::ScanQrCode) => {
                inner.sessions.directory.show_qr_code(name, code);
                Ok(())
            }
            // Linked with the last code, when it had just been reported that nobody came.
            (ConnectionEvent::Linked, SessionStatus::Failed)
            | (ConnectionEvent::Linked | ConnectionEvent::Online, SessionStatus::ScanQrCode)
                if session.wanted =>
            {
                inner.bring_up(name, &RequestedAccount::default()).await
            }
            // Somebody linked it again at its server.
            (ConnectionEvent::Online, SessionStatus::LoggedOut)
                if session.wanted && session.config.is_linked_elsewhere() =>
            {
                inner.bring_up(name, &RequestedAccount::default()).await
            }
            // A late report of a session that was stopped or started anew meanwhile.
            (
                ConnectionEvent::Online
                | ConnectionEvent::Offline
                | ConnectionEvent::LoggedOut
                | ConnectionEvent::Pairing(_)
                | ConnectionEvent::Linked
                | ConnectionEvent::Unlinked
                | ConnectionEvent::Failed(_),
                _,
            ) => Ok(()),
        };
        drop(turn);
        moved
    }
}

/// What an engine needs to find the session's account.
fn wish(session: &Session) -> RequestedAccount {
    let known = session.account.and_then(|account| account.phone());
    RequestedAccount { phone_number: session.config.phone_number().or(known), push_name: None }
}

/// A session that only receives webhooks cannot query WhatsApp.
fn refuse_if_webhooks_only(session: &Session, operation: OperationName) -> Result<()> {
    if !session.config.takes_webhooks_only() {
        return Ok(());
    }
    let (name, operation) = (&session.name, operation.as_str());
    let message = format!(
        "session {name} only takes webhooks, so {operation} cannot be sent; use a session that has an engine"
    );
    Err(Error::new(Reason::UnsupportedByEngine, message)
        .with("engine", session.engine.as_str())
        .with("operation", operation))
}

/// A logout is no mutation of groups: its outcome is reported with the reasons of its own RPC.
fn unlinking(failed: EngineError, name: &SessionName) -> Error {
    match failed.outcome {
        Outcome::NotSent | Outcome::Rejected | Outcome::Supposed => failed.error,
        Outcome::Unknown => Error::outcome_unknown(
            "the device may or may not have been unlinked; look at the session, and repeat the call",
        ),
    }
    .with_context("session", name)
}

impl Inner {
    /// Unlinks the device; returns whether it was linked.
    async fn unlink(&self, session: &Session) -> Result<bool> {
        if session.status == SessionStatus::LoggedOut {
            return Ok(false);
        }
        refuse_if_webhooks_only(session, OperationName::LogoutSession)?;
        let unlinked = self.engine(session.engine)?.log_out(&session.name).await;
        unlinked.map_err(|failed| unlinking(failed, &session.name))?;
        Ok(true)
    }

    /// Goes on from an unlinked device to the next code. It is unlinked, whatever comes of it.
    async fn wait_for_link(&self, session: &Session) -> Result<()> {
        let name = &session.name;
        let gone_on = if session.config.is_linked_elsewhere() {
            // Its server starts it anew by itself, and says when there is a code; until then what it says may be of
            // before.
            self.set_status(name, SessionStatus::ScanQrCode, LINK_IT).await?;
            let followed = self.engine(session.engine)?.log_in(name, &wish(session)).await;
            followed.map(drop).map_err(|error| error.error)
        } else {
            self.bring_up(name, &wish(session)).await
        };
        if let Err(error) = gone_on {
            tracing::warn!(session = %name, %error, "an unlinked session does not go on");
        }
        Ok(())
    }

    async fn start(&self, session: &Session) -> Result<SessionChange> {
        let name = &session.name;
        let runs = match session.status {
            SessionStatus::Working | SessionStatus::ScanQrCode => true,
            SessionStatus::Stopped
            | SessionStatus::Starting
            | SessionStatus::Failed
            | SessionStatus::LoggedOut => false,
        };
        if session.wanted && runs {
            return Ok(SessionChange { session: self.refreshed(name).await?, changed: false });
        }
        self.patch(name, SessionPatch { wanted: Some(true), ..Default::default() }).await?;
        self.bring_up(name, &wish(session)).await?;
        Ok(SessionChange { session: self.refreshed(name).await?, changed: true })
    }

    async fn stop(&self, session: &Session) -> Result<SessionChange> {
        let name = &session.name;
        if !session.wanted && session.status == SessionStatus::Stopped {
            return Ok(SessionChange { session: self.refreshed(name).await?, changed: false });
        }
        self.patch(name, SessionPatch { wanted: Some(false), ..Default::default() }).await?;
        if !session.config.takes_webhooks_only() {
            self.engine(session.engine)?.stop(name).await.map_err(|error| error.error)?;
        }
        // An unlinked device stays unlinked, whether or not the session shall run.
        let status = match session.status {
            SessionStatus::LoggedOut => SessionStatus::LoggedOut,
            SessionStatus::Stopped
            | SessionStatus::Starting
            | SessionStatus::ScanQrCode
            | SessionStatus::Working
            | SessionStatus::Failed => SessionStatus::Stopped,
        };
        self.set_status(name, status, "").await?;
        Ok(SessionChange { session: self.refreshed(name).await?, changed: session.wanted })
    }

    /// The engine of a session that can act now, for the operation that is asked of it.
    pub(in crate::app) fn working_engine(
        &self,
        name: &SessionName,
        operation: OperationName,
    ) -> Result<Arc<dyn GroupEngine>> {
        let session = self.sessions.directory.get(name)?;
        refuse_if_webhooks_only(&session, operation)?;
        let engine = self.engine(session.engine)?;
        let refuse = |reason: Reason, what: &str| {
            Error::new(reason, format!("session {name} {what}"))
                .with("session", name)
                .with("status", session.status.contract_name())
        };
        match session.status {
            SessionStatus::Working if self.sessions.directory.is_up(name) => Ok(engine),
            // It shall run and is on its way, as right after the start of the service.
            SessionStatus::Working | SessionStatus::Starting => {
                Err(refuse(Reason::SessionStarting, "is starting; try again in a moment")
                    .with("status", SessionStatus::Starting.contract_name())
                    .retry_after(Duration::from_secs(1)))
            }
            SessionStatus::Stopped => {
                Err(refuse(Reason::SessionNotWorking, "is stopped; start it with StartSession"))
            }
            SessionStatus::ScanQrCode => Err(refuse(
                Reason::SessionNotWorking,
                "waits to be paired with a phone; WatchSession shows how",
            )),
            SessionStatus::Failed => Err(refuse(
                Reason::SessionNotWorking,
                "has failed; GetSession says why, StartSession tries again",
            )),
            SessionStatus::LoggedOut => {
                Err(refuse(Reason::LoggedOut, "is logged out; start it and pair it anew"))
            }
        }
    }

    pub(super) async fn bring_up(&self, name: &SessionName, wish: &RequestedAccount) -> Result<()> {
        let session = self.sessions.directory.get(name)?;
        if session.config.takes_webhooks_only() {
            return self.await_webhooks(&session).await;
        }
        self.set_status(name, SessionStatus::Starting, "").await?;
        let engine = self.engine(session.engine)?;
        match self.adopt_account(&engine, name, wish).await {
            Ok(Some(Started::Pairing(code))) => {
                self.set_status(name, SessionStatus::ScanQrCode, LINK_IT).await?;
                self.sessions.directory.show_qr_code(name, code);
                Ok(())
            }
            Ok(Some(Started::Online) | None) => self.set_working(name).await,
            // Its connection will report the status.
            Ok(Some(Started::Connecting)) => Ok(()),
            Err(error) => {
                self.set_status(name, SessionStatus::Failed, error.message()).await?;
                Err(error)
            }
        }
    }

    async fn set_working(&self, name: &SessionName) -> Result<()> {
        self.set_status(name, SessionStatus::Working, "").await?;
        // What was learned on the connection before may have changed while there was none.
        self.groups.reads.forget_session(name);
        self.sessions.directory.mark_up(name, self.clock.now());
        Ok(())
    }

    /// The session's connection is there, perhaps for the first time that somebody linked it; and where
    /// others link it, perhaps with another account.
    async fn come_online(&self, session: &Session) -> Result<()> {
        if session.account.is_none() {
            return self.bring_up(&session.name, &RequestedAccount::default()).await;
        }
        if session.config.is_linked_elsewhere() {
            let engine = self.engine(session.engine)?;
            let login = engine.log_in(&session.name, &RequestedAccount::default()).await;
            let adopted = match login.map_err(|error| error.error)? {
                Some(login) => self.adopt_login(session, login).await,
                None => return self.bring_up(&session.name, &RequestedAccount::default()).await,
            };
            if let Err(error) = adopted {
                self.set_status(&session.name, SessionStatus::Failed, error.message()).await?;
                return Err(error);
            }
        }
        self.set_working(&session.name).await
    }

    /// Nobody has linked the session's device: shows the code that does it.
    async fn await_link(&self, session: &Session) -> Result<()> {
        let engine = self.engine(session.engine)?;
        match engine.start(&session.name).await.map_err(|error| error.error)? {
            Started::Pairing(code) => {
                if session.status != SessionStatus::ScanQrCode {
                    self.set_status(&session.name, SessionStatus::ScanQrCode, LINK_IT).await?;
                }
                self.sessions.directory.show_qr_code(&session.name, code);
                Ok(())
            }
            // The report was late.
            Started::Online | Started::Connecting => Ok(()),
        }
    }

    pub(in crate::app) async fn set_status(
        &self,
        name: &SessionName,
        status: SessionStatus,
        reason: &str,
    ) -> Result<()> {
        self.set_status_at(name, status, reason, self.clock.now()).await
    }

    pub(in crate::app) async fn set_status_at(
        &self,
        name: &SessionName,
        status: SessionStatus,
        reason: &str,
        time: Timestamp,
    ) -> Result<()> {
        self.sessions.directory.mark_down(name);
        let before = self.sessions.directory.get(name)?;
        let patch =
            SessionPatch { status: Some((status, reason.to_owned(), time)), ..Default::default() };
        self.patch(name, patch).await?;
        self.tell_status(&before);
        Ok(())
    }

    /// Tells those who want it where the session stands now, if that is another status in WAHA's words.
    fn tell_status(&self, before: &Session) {
        let Ok(session) = self.sessions.directory.get(&before.name) else { return };
        if status(before) == status(&session) {
            return;
        }
        let now = self.clock.now();
        let id = EventId::new(now, self.entropy.as_ref());
        let event = status_changed(id, now, before, &session, self.hooks.options.words);
        self.fanout.publish(&session.name, event);
    }
}
