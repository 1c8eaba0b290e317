//! Which account a session is: as its engine reports at a login, or its server with each event.

use std::sync::Arc;

use crate::app::Inner;
use crate::app::log::{Identities, WriteContent, WriteRequest};
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::participant::Account;
use crate::domain::port::engine::{GroupEngine, Login, RequestedAccount, Started};
use crate::domain::port::repository::SessionPatch;
use crate::domain::reason::Reason;
use crate::domain::session::{EngineKind, Session};

/// Groups that are written at once.
const WRITES: usize = 64;

impl Inner {
    /// Starts the session at its engine, where it shall run, and notes who it is there.
    pub(super) async fn adopt_account(
        &self,
        engine: &Arc<dyn GroupEngine>,
        name: &SessionName,
        wish: &RequestedAccount,
    ) -> Result<Option<Started>> {
        engine.configure(name, &self.sessions.directory.get(name)?.config);
        let login = engine.log_in(name, wish).await.map_err(|error| error.error)?;
        let session = self.sessions.directory.get(name)?;
        if let Some(login) = login {
            self.adopt_login(&session, login).await?;
        }
        if !session.wanted {
            return Ok(None);
        }
        engine.start(name).await.map(Some).map_err(|error| error.error)
    }

    pub(super) async fn adopt_login(&self, session: &Session, login: Login) -> Result<()> {
        let account = if session.config.is_linked_elsewhere() {
            // Groups of two accounts must not mix in one log.
            match changed_account(session, &login)? {
                Some(account) => account,
                None => return Ok(()),
            }
        } else {
            login.account
        };
        if session.account == Some(account) && session.push_name == login.push_name {
            return Ok(());
        }
        let patch = SessionPatch {
            account: Some(account),
            push_name: Some(login.push_name),
            ..Default::default()
        };
        self.patch(&session.name, patch).await?;
        // The writer must know who we are before the first notification is reduced.
        self.log.forget(&session.name).await;
        Ok(())
    }

    /// Learns who the session is. Groups of two accounts must not mix in one log.
    pub(in crate::app) async fn adopt_reported_account(
        &self,
        name: &SessionName,
        login: &Login,
    ) -> Result<()> {
        if changed_account(&*self.sessions.directory.get(name)?, login)?.is_none() {
            return Ok(());
        }
        let _turn = self.sessions.directory.lock(name).await;
        let session = self.sessions.directory.get(name)?;
        let Some(account) = changed_account(&session, login)? else { return Ok(()) };
        let patch = SessionPatch {
            account: Some(account),
            push_name: Some(login.push_name.clone()),
            ..Default::default()
        };
        if session.account == Some(account) {
            return self.patch(name, patch).await;
        }
        // The writer must know our account before any report is reduced, also those of concurrent callers, which read
        // the directory: so the store first, then the writer, then the directory.
        self.repository.patch_session(name, &patch).await?;
        self.log.forget(name).await;
        self.patch(name, patch).await?;
        self.write_anew(name, session.engine).await
    }

    /// Which role we have in a group depends on who we are, so that all groups are written once more.
    async fn write_anew(&self, name: &SessionName, engine: EngineKind) -> Result<()> {
        for groups in self.groups_of(name, None).await?.chunks(WRITES) {
            let writes = groups.iter().map(|group_id| {
                let content = WriteContent::Identities(Identities {
                    group_id: group_id.clone(),
                    aliases: Vec::new(),
                    rewrites: true,
                });
                self.log.write(WriteRequest { session: name.clone(), engine, content })
            });
            futures::future::try_join_all(writes).await?;
        }
        Ok(())
    }
}

/// The account of the session as its server reports it; `None` where it is known already.
fn changed_account(session: &Session, login: &Login) -> Result<Option<Account>> {
    let reported = login.account;
    let account = match session.account {
        None => reported,
        Some(held) if held.is_same(&reported) => {
            Account::from_names(reported.lid().or(held.lid()), reported.phone().or(held.phone()))
                .unwrap_or(reported)
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
