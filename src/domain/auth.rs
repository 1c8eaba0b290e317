//! Who calls, and which sessions they may see.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::error::{Error, Result};
use super::id::SessionName;
use super::reason::Reason;

/// Sessions by name: exact, or a prefix and `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionPattern {
    Exact(SessionName),
    Prefix(String),
}

impl SessionPattern {
    pub fn matches(&self, session: &SessionName) -> bool {
        match self {
            Self::Exact(name) => name == session,
            Self::Prefix(prefix) => session.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl FromStr for SessionPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error =
            || format!("{text:?} is no session pattern: use a session name, a prefix and *, or *");
        match text.strip_suffix('*') {
            Some("") => Ok(Self::Prefix(String::new())),
            // A prefix obeys the rules of a name.
            Some(prefix) => prefix
                .parse::<SessionName>()
                .map(|prefix| Self::Prefix(prefix.as_str().to_owned()))
                .map_err(|_| error()),
            None => text.parse().map(Self::Exact).map_err(|_| error()),
        }
    }
}

impl fmt::Display for SessionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// The caller: the name of its key and what that key may see.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key_name: String,
    sessions: Vec<SessionPattern>,
}

impl Caller {
    pub fn new(key_name: impl Into<String>, sessions: Vec<SessionPattern>) -> Self {
        Self(Arc::new(Inner { key_name: key_name.into(), sessions }))
    }

    /// The caller where no keys are set.
    pub fn anyone() -> Self {
        Self::new("", vec![SessionPattern::Prefix(String::new())])
    }

    /// The name of the key; empty where none is needed. Never the key itself.
    pub fn key_name(&self) -> &str {
        &self.0.key_name
    }

    pub fn may_see(&self, session: &SessionName) -> bool {
        self.0.sessions.iter().any(|pattern| pattern.matches(session))
    }

    pub fn sees_all(&self) -> bool {
        self.0
            .sessions
            .iter()
            .any(|pattern| matches!(pattern, SessionPattern::Prefix(p) if p.is_empty()))
    }

    /// Refuses sessions outside the key's patterns, whether or not they exist.
    pub fn authorize(&self, session: &SessionName) -> Result<()> {
        if self.may_see(session) {
            Ok(())
        } else {
            Err(Error::new(
                Reason::PermissionDenied,
                format!("this API key may not use session {session}; ask the operator for a key that may"),
            )
            .with("session", session))
        }
    }
}
