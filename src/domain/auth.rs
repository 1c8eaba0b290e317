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
