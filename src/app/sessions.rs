//! Sessions: made, started, stopped, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::report::Report;
use super::{App, Call, Inner};
use crate::domain::error::{Error, Result};
use crate::domain::event::Origin;
use crate::domain::id::SessionName;
use crate::domain::page::{decode_page_token, encode_page_token};
use crate::domain::port::engine::{AccountWish, GroupEngine};
use crate::domain::port::repository::{SessionInsert, SessionPatch};
use crate::domain::reason::Reason;
use crate::domain::session::{EngineKind, Session, SessionStatus};

#[derive(Debug, Clone)]
pub struct NewSession {
    pub name: SessionName,
    pub engine: EngineKind,
    pub wish: AccountWish,
    pub metadata: BTreeMap<String, String>,
    pub start: bool,
}

/// What `ListSessions` lists; part of its page token.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct SessionQuery {
    pub statuses: Vec<SessionStatus>,
    pub engines: Vec<EngineKind>,
}

/// A session after a wish about it, and whether the wish changed anything.
#[derive(Debug, Clone)]
pub struct SessionChange {
    pub session: Arc<Session>,
    pub changed: bool,
}

impl App {
    pub async fn create_session(&self, call: &Call, new: NewSession) -> Result<Arc<Session>> {
        let inner = &self.inner;
        call.caller.authorize(&new.name)?;
        inner.refuse_if_draining()?;
        inner.engine(new.engine)?;
        let _turn = inner.directory.lock(&new.name).await;
        if inner.directory.contains(&new.name) {
            return Err(already_exists(&new.name));
        }
        if inner.directory.len() >= inner.options.max_sessions {
            return Err(Error::new(
                Reason::SessionLimitReached,
                format!(
                    "there are {} sessions already, the most that this service keeps",
                    inner.options.max_sessions
                ),
            )
            .with("limit", inner.options.max_sessions));
        }
        let now = inner.clock.now();
        let session = Session {
            name: new.name.clone(),
            engine: new.engine,
            status: SessionStatus::Stopped,
            status_reason: String::new(),
            status_time: now,
            account: None,
            push_name: new.wish.push_name.clone().unwrap_or_default(),
            metadata: new.metadata,
            wanted: new.start,
            sequence: 0,
            create_time: now,
        };
        match inner.repository.insert_session(&session, inner.epoch).await? {
            SessionInsert::AlreadyExists => return Err(already_exists(&new.name)),
            SessionInsert::Inserted => {}
        }
        inner.directory.put(session);
        inner.writer.forget(&new.name).await;
        if new.start {
            if let Err(error) = inner.bring_up(&new.name, &new.wish).await {
                // A wish that the engine refuses makes no session.
                if error.reason() == Reason::InvalidRequest {
                    inner.remove(&new.name, new.engine, Origin::Api).await?;
                    return Err(error);
                }
            }
        } else if new.wish.phone_number.is_some() {
            // The engine remembers the wish; the account is known before the session runs.
            let engine = inner.engine(new.engine)?;
            if let Err(error) = inner.adopt_account(&engine, &new.name, &new.wish).await {
                inner.remove(&new.name, new.engine, Origin::Api).await?;
                return Err(error);
            }
        }
        inner.refreshed(&new.name).await
    }

    pub async fn get_session(&self, call: &Call, name: &SessionName) -> Result<Arc<Session>> {
        call.caller.authorize(name)?;
        self.inner.directory.get(name)?;
        self.inner.refreshed(name).await
    }

    /// A page of the sessions that the caller may see, and the token of the next one.
    pub async fn list_sessions(
        &self,
        call: &Call,
        query: &SessionQuery,
        page_size: u32,
        page_token: &str,
    ) -> Result<(Vec<Arc<Session>>, String)> {
        let after: Option<SessionName> = decode_page_token(query, page_token)?;
        let wanted = usize::try_from(page_size).unwrap_or(usize::MAX);
        let mut page = Vec::new();
        for session in self.inner.directory.after(after.as_ref()) {
            let matches = (query.statuses.is_empty() || query.statuses.contains(&session.status))
                && (query.engines.is_empty() || query.engines.contains(&session.engine));
            if !matches || !call.caller.may_see(&session.name) {
                continue;
            }
            if page.len() == wanted {
                let last = page.last().map(|last: &Arc<Session>| last.name.clone());
                return Ok((self.with_sequences(page), encode_page_token(query, last)?));
            }
            page.push(session);
        }
        Ok((self.with_sequences(page), String::new()))
    }

    pub async fn start_session(&self, call: &Call, name: &SessionName) -> Result<SessionChange> {
        let inner = &self.inner;
        call.caller.authorize(name)?;
        inner.directory.get(name)?;
        inner.refuse_if_draining()?;
        let _turn = inner.directory.lock(name).await;
        let session = inner.directory.get(name)?;
        if session.wanted && session.status == SessionStatus::Working {
            return Ok(SessionChange { session: inner.refreshed(name).await?, changed: false });
        }
        inner.patch(name, SessionPatch { wanted: Some(true), ..Default::default() }).await?;
        inner.bring_up(name, &AccountWish::default()).await?;
        Ok(SessionChange { session: inner.refreshed(name).await?, changed: true })
    }

    pub async fn stop_session(&self, call: &Call, name: &SessionName) -> Result<SessionChange> {
        let inner = &self.inner;
        call.caller.authorize(name)?;
        inner.directory.get(name)?;
        inner.refuse_if_draining()?;
        let _turn = inner.directory.lock(name).await;
        let session = inner.directory.get(name)?;
        if !session.wanted && session.status == SessionStatus::Stopped {
            return Ok(SessionChange { session: inner.refreshed(name).await?, changed: false });
        }
        inner.patch(name, SessionPatch { wanted: Some(false), ..Default::default() }).await?;
        inner.engine(session.engine)?.stop(name).await.map_err(|error| error.error)?;
        inner.set_status(name, SessionStatus::Stopped, "").await?;
        Ok(SessionChange { session: inner.refreshed(name).await?, changed: true })
    }

    /// Ends the session. Its log stays readable until retention, under its name.
    pub async fn delete_session(&self, call: &Call, name: &SessionName) -> Result<u64> {
        let inner = &self.inner;
        call.caller.authorize(name)?;
        inner.directory.get(name)?;
        inner.refuse_if_draining()?;
        let _turn = inner.directory.lock(name).await;
        let session = inner.directory.get(name)?;
        if let Ok(engine) = inner.engine(session.engine) {
            engine.stop(name).await.map_err(|error| error.error)?;
        }
        inner.remove(name, session.engine, Origin::Api).await
    }

    /// Brings up the sessions that shall run. What fails is tried again later, with growing pauses.
    pub async fn start_wanted_sessions(&self) {
        let mut pause = Duration::from_secs(1);
        loop {
            let mut failed = 0;
            for session in self.inner.directory.all() {
                if !session.wanted || self.inner.is_draining() {
                    continue;
                }
                let _turn = self.inner.directory.lock(&session.name).await;
                let Ok(session) = self.inner.directory.get(&session.name) else { continue };
                let is_up =
                    session.status == SessionStatus::Working && self.inner.is_up(&session.name);
                if session.wanted && !is_up {
                    let wish = AccountWish {
                        phone_number: session.account.and_then(|account| account.phone()),
                        push_name: None,
                    };
                    if let Err(error) = self.inner.bring_up(&session.name, &wish).await {
                        tracing::warn!(session = %session.name, %error, "session could not be started");
                        failed += 1;
                    }
                }
            }
            if failed == 0 || self.inner.is_draining() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.inner.draining.cancelled() => return,
            }
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }

    /// Whether nothing was ever done with this database.
    pub fn is_fresh(&self) -> bool {
        self.inner.directory.len() == 0 && self.inner.live.head().position == 0
    }

    fn with_sequences(&self, sessions: Vec<Arc<Session>>) -> Vec<Arc<Session>> {
        sessions
            .into_iter()
            .map(|session| {
                let sequence = self.inner.live.sequence(&session.name);
                Arc::new(Session { sequence, ..(*session).clone() })
            })
            .collect()
    }
}

impl Inner {
    /// The engine of a session that can act now.
    pub(super) fn working_engine(&self, name: &SessionName) -> Result<Arc<dyn GroupEngine>> {
        let session = self.directory.get(name)?;
        let engine = self.engine(session.engine)?;
        let refuse = |reason: Reason, what: &str| {
            Error::new(reason, format!("session {name} {what}"))
                .with("session", name)
                .with("status", session.status.contract_name())
        };
        match session.status {
            SessionStatus::Working if self.is_up(name) => Ok(engine),
            // It shall run and is on its way, as right after the start of the service.
            SessionStatus::Working | SessionStatus::Starting => {
                Err(refuse(Reason::SessionStarting, "is starting; try again in a moment")
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

    /// Whether this process has brought the session up.
    fn is_up(&self, name: &SessionName) -> bool {
        self.directory.is_up(name)
    }

    async fn bring_up(&self, name: &SessionName, wish: &AccountWish) -> Result<()> {
        let session = self.directory.get(name)?;
        self.set_status(name, SessionStatus::Starting, "").await?;
        let engine = self.engine(session.engine)?;
        match self.adopt_account(&engine, name, wish).await {
            Ok(()) => {
                self.set_status(name, SessionStatus::Working, "").await?;
                self.directory.mark_up(name);
                Ok(())
            }
            Err(error) => {
                self.set_status(name, SessionStatus::Failed, error.message()).await?;
                Err(error)
            }
        }
    }

    /// Starts the session at its engine and notes who it is there.
    async fn adopt_account(
        &self,
        engine: &Arc<dyn GroupEngine>,
        name: &SessionName,
        wish: &AccountWish,
    ) -> Result<()> {
        let login = engine.log_in(name, wish).await.map_err(|error| error.error)?;
        let session = self.directory.get(name)?;
        if session.account != Some(login.account) || session.push_name != login.push_name {
            let patch = SessionPatch {
                account: Some(login.account),
                push_name: Some(login.push_name),
                ..Default::default()
            };
            self.patch(name, patch).await?;
            // The writer must know who we are before the first notification is reduced.
            self.writer.forget(name).await;
        }
        if session.wanted {
            engine.start(name).await.map_err(|error| error.error)?;
        }
        Ok(())
    }

    async fn set_status(
        &self,
        name: &SessionName,
        status: SessionStatus,
        reason: &str,
    ) -> Result<()> {
        self.directory.mark_down(name);
        let patch = SessionPatch {
            status: Some((status, reason.to_owned(), self.clock.now())),
            ..Default::default()
        };
        self.patch(name, patch).await
    }

    async fn patch(&self, name: &SessionName, patch: SessionPatch) -> Result<()> {
        if !self.repository.patch_session(name, &patch).await? {
            self.directory.remove(name);
            return Err(Error::session_not_found(name));
        }
        let mut session = (*self.directory.get(name)?).clone();
        if let Some((status, reason, time)) = patch.status {
            (session.status, session.status_reason, session.status_time) = (status, reason, time);
        }
        session.account = patch.account.or(session.account);
        session.push_name = patch.push_name.unwrap_or(session.push_name);
        session.metadata = patch.metadata.unwrap_or(session.metadata);
        session.wanted = patch.wanted.unwrap_or(session.wanted);
        self.directory.put(session);
        Ok(())
    }

    async fn remove(&self, name: &SessionName, engine: EngineKind, origin: Origin) -> Result<u64> {
        let report = Report { deletes_session: true, ..Report::new(name.clone(), engine, origin) };
        let committed = self.writer.write(report).await?;
        self.directory.remove(name);
        if let Ok(engine) = self.engine(engine) {
            engine.forget(name).await.map_err(|error| error.error)?;
        }
        Ok(committed.sequence)
    }

    async fn refreshed(&self, name: &SessionName) -> Result<Arc<Session>> {
        let session = self.directory.get(name)?;
        let sequence = self.live.sequence(name);
        Ok(Arc::new(Session { sequence, ..(*session).clone() }))
    }
}

fn already_exists(name: &SessionName) -> Error {
    Error::new(
        Reason::SessionAlreadyExists,
        format!("session {name} exists already; GetSession shows it"),
    )
    .about("session", name)
    .with("session", name)
}
