//! Which sessions of the simulator have a connection.

use std::collections::HashMap;

use parking_lot::RwLock;

use crate::domain::id::{PhoneNumber, SessionName};

/// Which sessions have a connection, and which of them are broken just now.
#[derive(Debug, Default)]
pub(super) struct Online(RwLock<HashMap<SessionName, Connection>>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    pub phone: PhoneNumber,
    pub is_broken: bool,
}

impl Online {
    pub fn set_broken(&self, session: &SessionName, is_broken: bool) {
        let mut online = self.0.write();
        if let Some(connection) = online.get_mut(session) {
            connection.is_broken = is_broken;
        }
    }

    pub fn get(&self, session: &SessionName) -> Option<Connection> {
        self.0.read().get(session).copied()
    }

    pub fn put(&self, session: &SessionName, phone: PhoneNumber) {
        let connection = Connection { phone, is_broken: false };
        let mut online = self.0.write();
        online.insert(session.clone(), connection);
    }

    pub fn remove(&self, session: &SessionName) {
        self.0.write().remove(session);
    }

    pub fn clear(&self) {
        self.0.write().clear();
    }
}
