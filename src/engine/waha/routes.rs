//! Which server carries which session, and under which name.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::server::Server;
use crate::domain::id::SessionName;
use crate::domain::participant::Account;

/// A session's place.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub server: Arc<Server>,
    /// Its name there.
    pub remote: Arc<str>,
    /// Whether its events are followed.
    pub is_started: bool,
    /// It could not be brought up, so that its status is reported next time even if it is as before.
    pub is_unsure: bool,
    /// Its account there, once it was read.
    pub account: Option<Account>,
}

#[derive(Debug, Default)]
pub(super) struct Routes(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    routes: HashMap<SessionName, Route>,
    /// By server and name there. Two sessions cannot share one.
    sessions: HashMap<(Arc<str>, Arc<str>), SessionName>,
}

impl Routes {
    pub fn get(&self, session: &SessionName) -> Option<Route> {
        self.0.read().routes.get(session).cloned()
    }

    /// The started session of this name at the server.
    pub fn session_of(&self, server: &Server, remote: &str) -> Option<SessionName> {
        let table = self.0.read();
        let session = table.sessions.get(&(server.name.clone(), Arc::from(remote)))?;
        table.routes.get(session).filter(|route| route.is_started)?;
        Some(session.clone())
    }

    /// The started sessions that the server carries, with their names there.
    pub fn of_server(&self, server: &Server) -> Vec<(SessionName, Arc<str>)> {
        let table = self.0.read();
        let routes = table.routes.iter();
        routes
            .filter(|(_, route)| route.server.name == server.name && route.is_started)
            .map(|(session, route)| (session.clone(), route.remote.clone()))
            .collect()
    }

    /// Sends the session this way from now on. Elsewhere than before, it begins unknown.
    pub fn put(&self, session: &SessionName, server: Arc<Server>, remote: &str) {
        let mut table = self.0.write();
        if let Some(held) = table.routes.get(session)
            && held.server.name == server.name
            && &*held.remote == remote
        {
            return;
        }
        table.remove(session);
        let remote: Arc<str> = remote.into();
        table.sessions.insert((server.name.clone(), remote.clone()), session.clone());
        let route = Route { server, remote, is_started: false, is_unsure: false, account: None };
        table.routes.insert(session.clone(), route);
    }

    pub fn set_started(&self, session: &SessionName, is_started: bool) {
        if let Some(route) = self.0.write().routes.get_mut(session) {
            route.is_started = is_started;
        }
    }

    pub fn set_unsure(&self, session: &SessionName) {
        if let Some(route) = self.0.write().routes.get_mut(session) {
            route.is_unsure = true;
        }
    }

    /// Whether it was unsure; it no longer is.
    pub fn take_unsure(&self, session: &SessionName) -> bool {
        self.0
            .write()
            .routes
            .get_mut(session)
            .is_some_and(|route| std::mem::take(&mut route.is_unsure))
    }

    pub fn set_account(&self, session: &SessionName, account: Option<Account>) {
        if let Some(route) = self.0.write().routes.get_mut(session) {
            route.account = account;
        }
    }

    pub fn remove(&self, session: &SessionName) {
        self.0.write().remove(session);
    }
}

impl Table {
    fn remove(&mut self, session: &SessionName) {
        let Some(route) = self.routes.remove(session) else { return };
        let place = (route.server.name.clone(), route.remote);
        // Another session may have taken the place meanwhile.
        if self.sessions.get(&place) == Some(session) {
            self.sessions.remove(&place);
        }
    }
}
