//! Sessions: made, listed, changed, deleted. How they run is in [`running`].

mod account;
mod clearing;
mod connections;
mod directory;
mod reported_status;
mod running;
mod update;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::log::{SessionEnd, WriteContent, WriteRequest};
use super::{App, Call, Inner};
use crate::domain::auth::Caller;
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::event::Initiator;
use crate::domain::fair_share::FairShare;
use crate::domain::id::SessionName;
use crate::domain::log_position::LogPosition;
use crate::domain::page::{decode_page_token, encode_page_token};
use crate::domain::port::engine::RequestedAccount;
use crate::domain::port::repository::{Repository, SessionInsert, SessionPatch};
use crate::domain::reason::Reason;
use crate::domain::session::{EngineConfig, EngineKind, Session, SessionStatus};
use connections::Connections;
use directory::Directory;
pub use directory::SessionState;
pub(super) use reported_status::ReportedStatus;
use reported_status::ReportedStatuses;
pub use update::{MetadataUpdate, SessionUpdate};
pub use watch::SessionWatch;

/// The sessions that there are, and what is reported of them.
#[derive(Debug)]
pub(super) struct Sessions {
    pub directory: Directory,
    pub connections: Connections,
    pub reported_statuses: ReportedStatuses,
}

impl Sessions {
    /// `acts`: this process has yet to bring up those that worked when the last one ended.
    pub async fn load(repository: &dyn Repository, acts: bool) -> Result<Self> {
        let directory = Directory::load(repository, acts).await?;
        let reported_statuses = ReportedStatuses::of(&directory.all());
        Ok(Self { directory, connections: Connections::default(), reported_statuses })
    }
}

#[derive(Debug, Clone)]
pub struct NewSession {
    pub name: SessionName,
    pub config: EngineConfig,
    pub push_name: Option<String>,
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
        call.caller.authorize(&new.name)?;
        self.inner.refuse_if_draining()?;
        let (inner, call) = (self.inner.clone(), call.clone());
        self.undisturbed(async move { inner.make_session(&call, new).await }).await
    }

    pub fn has_session(&self, name: &SessionName) -> bool {
        self.inner.sessions.directory.contains(name)
    }

    pub async fn get_session(&self, call: &Call, name: &SessionName) -> Result<Arc<Session>> {
        call.caller.authorize(name)?;
        self.inner.known(name).await?;
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
        for session in self.inner.sessions.directory.after(after.as_ref()) {
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

    /// Changes the labels or the engine's settings, where they are given. What concerns webhooks counts at
    /// once, other settings take effect at the next start.
    pub async fn update_session(
        &self,
        call: &Call,
        name: &SessionName,
        update: SessionUpdate,
    ) -> Result<SessionChange> {
        let caller = call.caller.clone();
        self.in_turn(call, name, |inner, session| async move {
            inner.change_session(&caller, &session, update).await
        })
        .await
    }

    /// Ends the session. Its log stays readable until retention, under its name.
    pub async fn delete_session(&self, call: &Call, name: &SessionName) -> Result<Sequence> {
        let initiator = call.initiator(None);
        self.in_turn(call, name, |inner, session| async move {
            inner.log.refuse_if_late()?;
            if let Ok(engine) = inner.engine(session.engine) {
                engine.stop(&session.name).await.map_err(|error| error.error)?;
            }
            inner.remove(&session, initiator).await
        })
        .await
    }

    /// Changes a session in its turn. It runs to its end though the caller hangs up: what the store, the engine and
    /// the directory hold of a session must not come apart half-way.
    async fn in_turn<T, F, Fut>(&self, call: &Call, name: &SessionName, change: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Inner>, Arc<Session>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + Send,
    {
        let (inner, name) = (self.inner.clone(), name.clone());
        call.caller.authorize(&name)?;
        inner.sessions.directory.get(&name)?;
        inner.refuse_if_draining()?;
        self.undisturbed(async move {
            let _turn = inner.sessions.directory.lock(&name).await;
            let session = inner.sessions.directory.get(&name)?;
            change(inner, session).await
        })
        .await
    }

    /// Whether nothing was ever done with this database.
    pub fn is_fresh(&self) -> bool {
        self.inner.sessions.directory.len() == 0 && self.inner.log.head() == LogPosition::START
    }

    fn with_sequences(&self, sessions: Vec<Arc<Session>>) -> Vec<Arc<Session>> {
        sessions
            .into_iter()
            .map(|session| {
                let sequence = self.inner.log.sequence(&session.name);
                Arc::new(Session { sequence, ..(*session).clone() })
            })
            .collect()
    }
}

impl Inner {
    async fn make_session(self: &Arc<Self>, call: &Call, new: NewSession) -> Result<Arc<Session>> {
        let kind = new.config.kind();
        let _turn = self.sessions.directory.lock(&new.name).await;
        let placing = self.sessions.directory.placing().await;
        let config = self.placed(new.config)?;
        self.claim(&call.caller, &new.name, &config)?;
        let wish = RequestedAccount {
            phone_number: config.phone_number(),
            push_name: new.push_name.clone(),
        };
        if self.sessions.directory.contains(&new.name) {
            return Err(already_exists(&new.name));
        }
        self.refuse_session_above_share(&call.caller)?;
        let now = self.clock.now();
        let session = Session {
            name: new.name.clone(),
            engine: kind,
            config,
            status: SessionStatus::Stopped,
            status_reason: String::new(),
            status_time: now,
            account: None,
            push_name: new.push_name.unwrap_or_default(),
            metadata: new.metadata,
            wanted: new.start,
            sequence: Sequence::ZERO,
            create_time: now,
            synced_time: None,
        };
        match self.repository.insert_session(&session, self.epoch).await? {
            SessionInsert::AlreadyExists => {
                // The answer to an earlier call was lost for good, and the store has made it all the same.
                if let Some(held) = self.repository.session(&new.name).await? {
                    self.sessions.directory.put(held);
                }
                return Err(already_exists(&new.name));
            }
            SessionInsert::Inserted => {}
        }
        self.sessions.directory.put(session);
        drop(placing);
        self.log.forget(&new.name).await;
        if new.start {
            if let Err(error) = self.bring_up(&new.name, &wish).await {
                // A wish that the engine refuses makes no session.
                if error.reason() == Reason::InvalidRequest {
                    self.unmake(&new.name, call).await?;
                    return Err(error);
                }
            }
        } else if wish.phone_number.is_some() {
            // The engine remembers the wish; the account is known before the session runs.
            let engine = self.engine(kind)?;
            if let Err(error) = self.adopt_account(&engine, &new.name, &wish).await {
                self.unmake(&new.name, call).await?;
                return Err(error);
            }
        }
        self.refreshed(&new.name).await
    }

    /// The settings of a new session, completed by its engine.
    fn placed(&self, config: EngineConfig) -> Result<EngineConfig> {
        let sessions = self.sessions.directory.all();
        let load = |server: &str| {
            sessions.iter().filter(|session| session.config.server() == Some(server)).count()
        };
        self.engine(config.kind())?.place(config, &load)
    }

    /// Refuses one session more than the caller may have of all that there may be. Sessions have no owner: those
    /// count that the key sees, and a key that sees all is not limited to a share.
    fn refuse_session_above_share(&self, caller: &Caller) -> Result<()> {
        let max = self.options.max_sessions;
        let rule = self.options.share_of(max);
        let rule = FairShare { is_shared: rule.is_shared && !caller.sees_all(), ..rule };
        let (held, all) = self.sessions.directory.count(|session| caller.may_see(session));
        if rule.allows(held, all, 1) {
            return Ok(());
        }
        let message = format!(
            "this service keeps {max} sessions at the most, which API keys share; there are {all}, and this key sees \
             {held} of them: delete one, or have sessions.max raised"
        );
        Err(Error::new(Reason::SessionLimitReached, message).with("limit", max).with("held", held))
    }

    /// Refuses a session of a server that another one here uses, or whose name there the caller's key may not
    /// use: through it, all groups of that account can be read and changed.
    fn claim(&self, caller: &Caller, name: &SessionName, config: &EngineConfig) -> Result<()> {
        let Some(server) = config.server() else { return Ok(()) };
        let remote = config.name_at_server(name);
        if remote != name.as_str() {
            caller.authorize(&remote.parse().map_err(Error::internal)?)?;
        }
        let is_taken = self.sessions.directory.all().iter().any(|held| {
            held.name != *name
                && held.config.server() == Some(server)
                && held.config.name_at_server(&held.name) == remote
        });
        if is_taken {
            let message = format!(
                "session {remote} of the WAHA server {server} is another session here already; two cannot share one"
            );
            return Err(Error::new(Reason::InvalidRequest, message).blaming(
                "waha.remote_session",
                "must be a session that no other session here is",
            ));
        }
        Ok(())
    }

    /// The session has another server, or another name there: from now on it is carried there.
    async fn reroute(&self, name: &SessionName) -> Result<()> {
        let session = self.sessions.directory.get(name)?;
        let engine = self.engine(session.engine)?;
        engine.configure(name, &session.config);
        if session.wanted {
            // The status reports what is wrong there; the move itself is done.
            if let Err(error) = self.bring_up(name, &RequestedAccount::default()).await {
                tracing::warn!(session = %name, %error, "a session could not be started on its new server");
            }
        }
        Ok(())
    }

    pub(in crate::app) async fn patch(
        &self,
        name: &SessionName,
        patch: SessionPatch,
    ) -> Result<()> {
        if !self.repository.patch_session(name, &patch).await? {
            self.sessions.directory.remove(name);
            return Err(Error::session_not_found(name));
        }
        self.sessions.directory.update(name, |session| {
            if let Some((status, reason, time)) = patch.status {
                (session.status, session.status_reason, session.status_time) =
                    (status, reason, time);
            }
            session.account = patch.account.or(session.account);
            session.push_name = patch.push_name.unwrap_or(std::mem::take(&mut session.push_name));
            session.metadata = patch.metadata.unwrap_or(std::mem::take(&mut session.metadata));
            session.wanted = patch.wanted.unwrap_or(session.wanted);
            session.synced_time = patch.synced_time.or(session.synced_time);
            if let Some(config) = patch.config {
                session.config = config;
            }
        });
        Ok(())
    }

    /// Takes back a session that could not be made as it was wished.
    async fn unmake(self: &Arc<Self>, name: &SessionName, call: &Call) -> Result<Sequence> {
        let session = self.sessions.directory.get(name)?;
        self.remove(&session, call.initiator(None)).await
    }

    async fn remove(self: &Arc<Self>, session: &Session, initiator: Initiator) -> Result<Sequence> {
        let (name, engine) = (&session.name, session.engine);
        let content =
            WriteContent::SessionDeleted(SessionEnd { initiator, session: session.into() });
        let request = WriteRequest { session: name.clone(), engine, content };
        let written = self.log.write(request).await?;
        self.sessions.directory.remove(name);
        self.sessions.reported_statuses.forget(name);
        self.clear_in_background(name);
        if let Ok(engine) = self.engine(engine) {
            engine.forget(name).await.map_err(|error| error.error)?;
        }
        Ok(written.sequence)
    }

    /// The session; where this replica follows, also one that was made a moment ago.
    pub(super) async fn known(&self, name: &SessionName) -> Result<Arc<Session>> {
        match self.sessions.directory.get(name) {
            Err(not_found) if self.follows => {
                let session = self.repository.session(name).await?.ok_or(not_found)?;
                // What is remembered of an earlier session of the name is brought up to the row first.
                self.log.catch_up().await?;
                self.log.note_sequence(name, session.sequence);
                self.sessions.directory.put(session);
                self.sessions.directory.get(name)
            }
            known => known,
        }
    }

    async fn refreshed(&self, name: &SessionName) -> Result<Arc<Session>> {
        let session = self.sessions.directory.get(name)?;
        let sequence = self.log.sequence(name);
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
