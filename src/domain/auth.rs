//! Who calls, and which sessions they may see.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

/// What a key may do with the sessions that it sees; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads groups, sessions and the log, and watches.
    Reader,
    /// Changes groups as well, and whatever else the account can do at WhatsApp.
    Operator,
    /// Makes, links, stops and deletes sessions and webhooks as well; with all sessions also the simulator and the relay.
    Admin,
}

/// What an error about a role names the role by that would do.
pub const NEEDED_ROLE: &str = "needed_role";

impl Role {
    pub const ALL: [Self; 3] = [Self::Reader, Self::Operator, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| format!("{text:?} is no role: use reader, operator or admin"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The caller: the name of its key and what that key may do.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key_name: String,
    sessions: Vec<SessionPattern>,
    role: Role,
}

impl Caller {
    /// With every right to its sessions.
    pub fn new(key_name: impl Into<String>, sessions: Vec<SessionPattern>) -> Self {
        Self::with_role(key_name, sessions, Role::Admin)
    }

    pub fn with_role(
        key_name: impl Into<String>,
        sessions: Vec<SessionPattern>,
        role: Role,
    ) -> Self {
        Self(Arc::new(Inner { key_name: key_name.into(), sessions, role }))
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

    pub fn role(&self) -> Role {
        self.0.role
    }

    /// Refuses what needs a higher role than the key has, whichever session is meant.
    pub fn require(&self, needed: Role) -> Result<()> {
        let role = self.role();
        if role >= needed {
            return Ok(());
        }
        let message = format!(
            "this API key has the role {role}, and this needs {needed}; use a key with that role, which whoever runs the service can make"
        );
        Err(Error::new(Reason::PermissionDenied, message)
            .with("role", role)
            .with(NEEDED_ROLE, needed))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str) -> SessionName {
        name.parse().expect("a name")
    }

    fn caller(patterns: &[&str]) -> Caller {
        let patterns = patterns.iter().map(|text| text.parse().expect("a pattern"));
        Caller::new("billing", patterns.collect())
    }

    #[test]
    fn a_pattern_is_a_name_or_a_beginning_of_names() {
        for (pattern, name, matches) in [
            ("shop", "shop", true),
            ("shop", "shop-1", false),
            ("shop-*", "shop-1", true),
            ("shop-*", "shop-", true),
            ("shop-*", "shop", false),
            ("shop-*", "my-shop-1", false),
            ("*", "shop", true),
        ] {
            let parsed: SessionPattern = pattern.parse().expect(pattern);
            assert_eq!(parsed.matches(&session(name)), matches, "{pattern} {name}");
            assert_eq!(parsed.to_string(), pattern);
        }
        for text in ["", "-*", "a b", "a*b", "**", "shop-*-x", "ä*"] {
            let error = text.parse::<SessionPattern>().expect_err(text);
            assert!(error.contains("no session pattern"), "{error}");
        }
    }

    #[test]
    fn a_key_sees_the_sessions_of_its_patterns_and_is_refused_all_others() {
        let caller = caller(&["shop-*", "support"]);
        assert_eq!(caller.key_name(), "billing");
        for name in ["shop-1", "support"] {
            assert!(caller.may_see(&session(name)) && caller.authorize(&session(name)).is_ok());
        }
        let error = caller.authorize(&session("supporters")).expect_err("another session");
        assert!(!caller.may_see(&session("supporters")));
        assert_eq!(error.reason(), Reason::PermissionDenied);
        assert_eq!(error.metadata()["session"], "supporters");
    }

    #[test]
    fn a_role_may_do_what_those_before_it_may_and_no_more() {
        for (held, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role.to_string().parse(), Ok(role));
            let caller = Caller::with_role("billing", Vec::new(), role);
            for (needed, other) in Role::ALL.into_iter().enumerate() {
                match caller.require(other) {
                    Ok(()) => assert!(held >= needed, "{role} {other}"),
                    Err(error) => {
                        assert!(held < needed, "{role} {other}");
                        assert_eq!(error.reason(), Reason::PermissionDenied);
                        assert_eq!(error.metadata()["needed_role"], other.as_str());
                    }
                }
            }
        }
        assert_eq!(Caller::anyone().role(), Role::Admin);
        assert!("Admin".parse::<Role>().unwrap_err().contains("reader, operator or admin"));
    }

    #[test]
    fn only_a_star_alone_sees_all() {
        for (patterns, all) in [
            (&["*"][..], true),
            (&["shop", "*"], true),
            (&["shop-*"], false),
            (&["shop"], false),
            (&[], false),
        ] {
            assert_eq!(caller(patterns).sees_all(), all, "{patterns:?}");
        }
        let anyone = Caller::anyone();
        assert!(anyone.sees_all() && anyone.may_see(&session("shop")));
        assert_eq!(anyone.key_name(), "");
    }
}
