//! What a session is told by a server of its own: a WAHA server that posts webhooks.
//!
//! The server says of every event which session it is about, who that session is, and when the event was
//! made. It repeats events until they are acknowledged, in any order and at the same time; what is
//! acknowledged here is durable.

use std::sync::Arc;

use super::identities::WRITES;
use super::report::Report;
use super::told_status::{ToldStatus, WAITS};
use super::{App, Inner};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::Origin;
use crate::domain::id::{Lid, PhoneNumber, SessionName};
use crate::domain::participant::Account;
use crate::domain::port::engine::{ConnectionNews, Login, News, Taken, Told};
use crate::domain::port::repository::SessionPatch;
use crate::domain::reason::Reason;
use crate::domain::reducer::{Change, Observation};
use crate::domain::session::{EngineConfig, EngineKind, Session, SessionStatus, WebhookSecret};

/// How a session's webhooks come in.
#[derive(Debug, Clone)]
pub struct Door {
    /// What they are signed with; `None` = all are refused.
    pub secret: Option<WebhookSecret>,
    /// Why whoever has the secret is refused, too.
    pub closed: Option<Error>,
    /// The session's name on its server.
    pub remote_session: String,
    /// What was made before cannot be told from a repetition.
    pub oldest: Timestamp,
}

impl App {
    /// How the session's webhooks come in. Refuses where it does not exist, or is of an engine that takes none;
    /// that is nothing for whoever has no secret of it.
    pub fn webhook_door(&self, name: &SessionName) -> Result<Door> {
        let inner = &self.inner;
        inner.refuse_if_draining()?;
        let session = inner.directory.get(name)?;
        let EngineConfig::Waha { remote_session, webhook_secret, .. } = &session.config else {
            let engine = session.engine.as_str();
            let message = format!(
                "session {name} runs on engine {engine}, which takes no webhooks; use a session of engine waha"
            );
            return Err(Error::new(Reason::UnsupportedByEngine, message)
                .with("engine", engine)
                .with("operation", "webhook"));
        };
        let closed = (!session.wanted).then(|| {
            let message = format!("session {name} is stopped; start it with StartSession");
            Error::new(Reason::SessionNotWorking, message)
                .with("session", name)
                .with("status", session.status.contract_name())
        });
        Ok(Door {
            closed,
            secret: webhook_secret.clone(),
            remote_session: remote_session.clone().unwrap_or_else(|| name.to_string()),
            oldest: inner.clock.now() - inner.options.retention,
        })
    }

    /// Takes in what the session was told; on return it is durable. On an error it must be told again.
    pub async fn take_in(&self, name: &SessionName, told: Told) -> Result<Taken> {
        let inner = &self.inner;
        inner.refuse_if_draining()?;
        let Told { source_id, time, login, mut aliases, news } = told;
        if let Some(login) = &login {
            inner.adopt_told_account(name, login).await?;
            aliases.extend(login.account.both_names());
        }
        match news {
            News::Status(status, reason) => {
                drop(inner.identify(name, &mut [], &aliases, time).await?);
                if inner.is_carried(name)? {
                    inner.connections.tell(name, ConnectionNews::of_status(status, reason));
                    return Ok(Taken::Accepted);
                }
                let told = ToldStatus { made: (time, source_id), status, reason };
                inner.follow_status(name, told).await?;
                Ok(Taken::Accepted)
            }
            News::Groups(observations) => {
                let made = (time, source_id.clone());
                let taken =
                    inner.take_in_groups(name, source_id, time, &aliases, observations).await?;
                if inner.is_carried(name)? {
                    return Ok(taken);
                }
                // Who is told of groups is linked and connected.
                let told =
                    ToldStatus { made, status: SessionStatus::Working, reason: String::new() };
                inner.follow_status(name, told).await?;
                Ok(taken)
            }
        }
    }
}

impl Inner {
    /// Whether an engine carries the session, so that its connection is followed as any other.
    fn is_carried(&self, name: &SessionName) -> Result<bool> {
        Ok(!self.directory.get(name)?.config.takes_webhooks_only())
    }

    async fn take_in_groups(
        &self,
        name: &SessionName,
        source_id: String,
        time: Timestamp,
        aliases: &[(Lid, PhoneNumber)],
        mut observations: Vec<Observation>,
    ) -> Result<Taken> {
        let _under_way = self.identify(name, &mut observations, aliases, time).await?;
        // Who is named beside the news may be known in this group under one name only.
        let beside = observations.last().filter(|_| !aliases.is_empty()).map(|last| Observation {
            change: Change::Aliases(aliases.to_vec()),
            actor: None,
            ..last.clone()
        });
        observations.extend(beside);
        let engine = self.directory.get(name)?.engine;
        let report = Report {
            observations,
            source_ids: vec![source_id],
            is_notification: true,
            may_be_late: true,
            ..Report::new(name.clone(), engine, Origin::Engine)
        };
        let committed = self.writer.write(report).await?;
        Ok(if committed.known { Taken::Duplicate } else { Taken::Accepted })
    }

    /// Learns who the session is. Groups of two accounts must not mix in one log.
    async fn adopt_told_account(&self, name: &SessionName, login: &Login) -> Result<()> {
        if told_account(&*self.directory.get(name)?, login)?.is_none() {
            return Ok(());
        }
        let _turn = self.directory.lock(name).await;
        let session = self.directory.get(name)?;
        let Some(account) = told_account(&session, login)? else { return Ok(()) };
        let patch = SessionPatch {
            account: Some(account),
            push_name: Some(login.push_name.clone()),
            ..Default::default()
        };
        if session.account == Some(account) {
            return self.patch(name, patch).await;
        }
        // The writer must know who we are before any news is reduced, also that of others, who look into the
        // directory: so the store first, then the writer, then the directory.
        self.repository.patch_session(name, &patch).await?;
        self.writer.forget(name).await;
        self.patch(name, patch).await?;
        self.write_anew(name, session.engine).await
    }

    /// Which role we have in a group depends on who we are, so that all groups are written once more.
    async fn write_anew(&self, name: &SessionName, engine: EngineKind) -> Result<()> {
        for groups in self.groups_of(name, None).await?.chunks(WRITES) {
            let writes = groups.iter().map(|group_id| {
                let observation = Observation {
                    group_id: group_id.clone(),
                    change: Change::Aliases(Vec::new()),
                    actor: None,
                    occur_time: self.clock.now(),
                    stamp: None,
                };
                self.writer.write(Report {
                    observations: vec![observation],
                    writes_anew: true,
                    ..Report::new(name.clone(), engine, Origin::Engine)
                })
            });
            futures::future::try_join_all(writes).await?;
        }
        Ok(())
    }

    /// The start of a session that is only told: nothing is to be connected, and where it stands comes with
    /// the webhooks. What was told last still holds.
    pub(super) async fn await_webhooks(&self, session: &Arc<Session>) -> Result<()> {
        match session.status {
            SessionStatus::Working
            | SessionStatus::ScanQrCode
            | SessionStatus::Failed
            | SessionStatus::Starting => Ok(()),
            SessionStatus::Stopped | SessionStatus::LoggedOut => {
                self.told.forget(&session.name);
                self.set_status(&session.name, SessionStatus::Starting, WAITS).await
            }
        }
    }
}

/// Who the session is now that its server says so; `None` where that is no news.
pub(super) fn told_account(session: &Session, login: &Login) -> Result<Option<Account>> {
    let told = login.account;
    let account = match session.account {
        None => told,
        Some(held) if held.is_same(&told) => {
            Account::from_names(told.lid().or(held.lid()), told.phone().or(held.phone()))
                .unwrap_or(told)
        }
        Some(_) => {
            let message = format!(
                "session {} is linked to another account than the event is of; delete the session and create it \
                 anew to follow that one (the log of its name goes on)",
                session.name
            );
            return Err(Error::new(Reason::AlreadyLoggedIn, message)
                .with("session", &session.name)
                .with("status", session.status.contract_name()));
        }
    };
    let is_known = session.account == Some(account)
        && (login.push_name.is_empty() || login.push_name == session.push_name);
    Ok((!is_known).then_some(account))
}
