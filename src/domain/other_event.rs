//! A WAHA server's events that are not about groups or statuses: messages, presence, calls, and any that it may add.
//! They are passed on as they came. They are not in the log: they have no sequence, and nobody gets them later.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use super::id::{ParseError, serde_as_text};

/// Names that one receiver may ask for.
pub const MAX_NAMES: usize = 64;
const MAX_NAME_BYTES: usize = 64;
/// The largest event that is passed on. A message has some kilobytes: its media stay at the server, and only a small
/// picture of them comes along.
pub const MAX_EVENT_BYTES: usize = 1 << 20;
/// All events, as WAHA means it.
const ALL: &str = "*";
/// WAHA sends these only where they are named: the first is all raw events of an engine, the second its own state.
const NOT_IN_ALL: [&str; 2] = ["engine.event", "state.change"];

/// One event, for one session here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherEvent {
    /// As WAHA names it.
    pub name: String,
    /// WAHA's id of it, the same for all receivers.
    pub id: String,
    /// When WAHA made it, in milliseconds.
    pub time: i64,
    /// WAHA's envelope, with the session's name here. It is JSON in UTF-8, and no larger than the largest.
    pub body: Bytes,
}

/// A session's status, which this service tells itself: it is found out by more than a server's events, and sessions of
/// every engine have one.
pub const SESSION_STATUS: &str = "session.status";

/// Whether an event of this name is passed on. Groups' events are in the log.
pub fn is_passed_on(name: &str) -> bool {
    !name.starts_with("group.") && name != SESSION_STATUS
}

/// The name of such an event, or `*` for all but those that WAHA sends only where they are named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherEventName(String);

impl OtherEventName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_all(&self) -> bool {
        self.0 == ALL
    }
}

impl FromStr for OtherEventName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == ALL {
            return Ok(Self(ALL.to_owned()));
        }
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        if text.is_empty() || text.len() > MAX_NAME_BYTES || !text.bytes().all(is_plain) {
            return Err(ParseError::new(format!(
                "must be * or a name of WAHA's such as message, 1 to {MAX_NAME_BYTES} letters, digits and . - _"
            )));
        }
        let is_of_a_log = text.starts_with("group.") || text.starts_with("wagroups.");
        if is_of_a_log {
            return Err(ParseError::new(
                "must be no event of groups, which are not passed on: they are asked for in events",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for OtherEventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(OtherEventName);

/// Which of these events somebody wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherEventNames(BTreeSet<OtherEventName>);

impl OtherEventNames {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an event of this name is among them.
    pub fn have(&self, event: &str) -> bool {
        let is_in_all = !NOT_IN_ALL.contains(&event);
        self.0.iter().any(|name| name.as_str() == event || (name.is_all() && is_in_all))
    }

    /// Whether a receiver of these gets all of `those`.
    pub fn cover(&self, those: &Self) -> bool {
        let has = |name: &OtherEventName| self.0.contains(name) || self.have(name.as_str());
        those.0.iter().all(has)
    }

    /// All events, and those of these that are not among all.
    #[must_use]
    pub fn or_all(mut self) -> Self {
        self.0.insert(OtherEventName(ALL.to_owned()));
        self
    }

    /// Those that no engine tells of itself.
    #[must_use]
    pub fn without_raw(self) -> Self {
        self.0.into_iter().filter(|name| !NOT_IN_ALL.contains(&name.as_str())).collect()
    }

    /// The same or more, as a list that is never long, to ask a server for.
    pub fn to_ask_for(&self) -> Vec<&str> {
        let is_long = self.0.len() > MAX_NAMES;
        let names = self.0.iter().map(OtherEventName::as_str);
        let kept = names.filter(|name| !is_long || NOT_IN_ALL.contains(name));
        is_long.then_some(ALL).into_iter().chain(kept).collect()
    }
}

impl FromIterator<OtherEventName> for OtherEventNames {
    fn from_iter<T: IntoIterator<Item = OtherEventName>>(names: T) -> Self {
        Self(names.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a OtherEventNames {
    type Item = &'a OtherEventName;
    type IntoIter = std::collections::btree_set::Iter<'a, OtherEventName>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> OtherEventNames {
        names.iter().map(|name| name.parse().expect(name)).collect()
    }

    #[test]
    fn a_name_is_wahas_and_none_of_groups() {
        for name in [
            "*",
            "message",
            "message.any",
            "event.response.failed",
            "chat.archive",
            "x_1-y",
            SESSION_STATUS,
        ] {
            assert_eq!(name.parse::<OtherEventName>().expect(name).as_str(), name);
        }
        let long = "m".repeat(65);
        for name in ["", "a b", "ä", "**", "message*", "a/b", &long] {
            assert!(name.parse::<OtherEventName>().is_err(), "{name}");
        }
        for name in ["group.v2.join", "group.join", "wagroups.group.update"] {
            assert!(name.parse::<OtherEventName>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_star_is_what_waha_means_by_it() {
        let all = names(&["*"]);
        assert!(all.have("message") && all.have("what.waha.invents") && all.have(SESSION_STATUS));
        assert!(!all.have("engine.event") && !all.have("state.change"));
        assert!(names(&["*", "engine.event"]).have("engine.event"));
        let some = names(&["message", "message.ack"]);
        assert!(some.have("message") && !some.have("message.any"));
        assert!(!OtherEventNames::default().have("message"));
    }

    #[test]
    fn what_is_asked_for_covers_what_is_wanted() {
        assert!(names(&["*"]).cover(&names(&["message"])));
        assert!(!names(&["*"]).cover(&names(&["engine.event"])));
        assert!(!names(&["message"]).cover(&names(&["*"])));
        assert!(names(&["message"]).cover(&OtherEventNames::default()));
        assert_eq!(names(&["message", "*"]).to_ask_for(), ["*", "message"]);
        let mut many: Vec<String> = (0..100).map(|number| format!("event.{number}")).collect();
        many.push("engine.event".to_owned());
        let many: OtherEventNames = many.iter().map(|name| name.parse().expect(name)).collect();
        assert_eq!(many.to_ask_for(), ["*", "engine.event"]);
    }

    #[test]
    fn events_of_groups_and_the_session_s_status_are_not_passed_on() {
        for (name, passed_on) in [
            ("message", true),
            ("groups", true),
            ("session.status.x", true),
            ("group.v2.join", false),
            ("group.leave", false),
            (SESSION_STATUS, false),
        ] {
            assert_eq!(is_passed_on(name), passed_on, "{name}");
        }
        assert_eq!(MAX_EVENT_BYTES, 1024 * 1024);
    }

    #[test]
    fn a_name_has_at_most_64_characters() {
        let name = "m".repeat(64);
        let parsed: OtherEventName = name.parse().expect("a name");
        assert_eq!(parsed.to_string(), name);
    }

    #[test]
    fn who_wants_all_still_gets_what_is_not_among_all() {
        let all = names(&["message", "engine.event"]).or_all();
        assert!(all.have("presence.update") && all.have("engine.event"));
        assert!(!all.have("state.change") && !all.is_empty());
        let listed: Vec<&str> = (&all).into_iter().map(OtherEventName::as_str).collect();
        assert_eq!(listed, ["*", "engine.event", "message"]);
        assert!(OtherEventNames::default().is_empty());
    }

    #[test]
    fn as_many_names_as_one_may_ask_for_are_asked_for_by_name() {
        let many = |count: usize| -> OtherEventNames {
            (0..count).map(|number| format!("e{number}").parse().expect("a name")).collect()
        };
        assert_eq!(many(64).to_ask_for().len(), 64);
        assert!(!many(64).to_ask_for().contains(&"*"));
        assert_eq!(many(65).to_ask_for(), ["*"]);
    }
}
