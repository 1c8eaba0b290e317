//! A session on its way to its server: what every call of it needs.

use std::collections::HashSet;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use super::capability::ServerInfo;
use super::server::{Answer, Ask, Server};
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::operation::{
    CallEcho, EngineAnswer, EngineError, Operation, OperationName, Outcome, Result,
};
use crate::domain::participant::Account;
use crate::domain::reason::Reason;
use crate::domain::reducer::{Change, Observation};

/// What a session's server does for it; `calls` has a file for each kind.
pub(super) trait Serve<O: Operation> {
    fn serve(&self, operation: &O) -> impl Future<Output = Result<O::Answer>> + Send;
}

#[derive(Debug, Clone)]
pub(super) struct RoutedSession {
    pub server: Arc<Server>,
    pub info: ServerInfo,
    pub session: SessionName,
    /// The session's name there.
    pub remote: Arc<str>,
    pub me: Option<Account>,
    /// When the call began.
    pub now: Timestamp,
    /// What events report meanwhile of what the call changes.
    pub echo: Option<Arc<dyn CallEcho>>,
}

impl RoutedSession {
    /// Below `/api/{session}/groups`.
    pub fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let mut path = vec!["api", &self.remote, "groups"];
        path.extend(rest);
        path
    }

    pub fn get<'a>(&'a self, operation: OperationName, rest: &[&'a str]) -> Ask<'a> {
        Ask::get(operation, self.path(rest))
    }

    pub async fn send(
        &self,
        operation: OperationName,
        method: Method,
        rest: &[&str],
        body: Value,
    ) -> Result<Answer> {
        let ask = Ask::of(operation, method, self.path(rest));
        // A body that is no object is refused before anything is looked at.
        let ask = if body.is_null() { ask } else { ask.body(body) };
        self.server.ask(ask).await
    }

    /// A change that WAHA answers with nothing, or with a flag.
    pub async fn change(
        &self,
        operation: OperationName,
        method: Method,
        rest: &[&str],
        body: Value,
    ) -> Result<()> {
        let answer = self.send(operation, method, rest, body).await?;
        // WEBJS answers so where the account may not, with 200.
        if answer.is_false() {
            Err(no_admin_perhaps(operation, "it answered false"))
        } else {
            Ok(())
        }
    }

    pub fn observe(&self, group_id: &GroupId, change: Change) -> Observation {
        Observation {
            group_id: group_id.clone(),
            change,
            actor: self.me.map(|me| me.id()),
            occur_time: self.now,
            stamp: None,
        }
    }

    pub fn answer<T>(&self, group_id: &GroupId, value: T, change: Change) -> EngineAnswer<T> {
        let observations = vec![self.observe(group_id, change)];
        EngineAnswer { value, observations, source_ids: Vec::new() }
    }
}

/// `[{"id": …}]`, as WAHA wants people, each once. NOWEB and WEBJS take ids as they are, so they must be canonical.
pub(super) fn people(ids: impl IntoIterator<Item = ParticipantId>) -> Value {
    let mut known = HashSet::new();
    let once = ids.into_iter().filter(|id| known.insert(*id));
    once.map(|id| json!({ "id": id.to_string() })).collect()
}

pub(super) fn not_admin(operation: OperationName) -> EngineError {
    let message = format!("only admins of the group may do {}", operation.as_str());
    EngineError::rejected(Error::new(Reason::NotGroupAdmin, message))
}

/// The same as a guess, from an answer without a cause.
pub(super) fn no_admin_perhaps(operation: OperationName, said: &str) -> EngineError {
    let error = not_admin(operation).error.caused_by(said);
    EngineError { outcome: Outcome::Supposed, error }
}

pub(super) fn unsupported(operation: OperationName, what: &str) -> EngineError {
    EngineError::not_sent(cannot(operation, format!("WAHA cannot {what}; nothing was sent")))
}

/// The same, of what was sent and did nothing.
pub(super) fn ineffective(operation: OperationName, what: &str) -> Error {
    cannot(operation, format!("this version of WAHA {what}"))
}

fn cannot(operation: OperationName, message: String) -> Error {
    Error::new(Reason::UnsupportedByEngine, message)
        .with("engine", "waha")
        .with("operation", operation.as_str())
}
