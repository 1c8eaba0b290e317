//! An event that is not about groups, read only as far as its session and passed on as it came, under the session's
//! name here.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::clock::Timestamp;
use crate::domain::id::SessionName;
use crate::domain::other_event::{MAX_EVENT_BYTES, OtherEvent, is_passed_on};

/// Longer ids and names than these are not WAHA's.
const MAX_TEXT_BYTES: usize = 128;

/// Why an event is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPassedOn {
    /// It is no event of WAHA's, or has no name or no session.
    Unreadable,
    /// It is about groups or a session's status.
    Ours,
    TooLarge,
}

/// What stands at the front of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub name: String,
    id: String,
    time: Option<i64>,
    /// The session's name at the server.
    pub remote: String,
    /// Where it stands, with its quotes.
    place: Range<usize>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    session: &'a RawValue,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
}

impl Head {
    pub fn read(body: &[u8]) -> Result<Self, NotPassedOn> {
        // What is not looked into is passed on as text all the same; and serde would take a list for an object.
        let text = std::str::from_utf8(body).map_err(|_| NotPassedOn::Unreadable)?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err(NotPassedOn::Unreadable);
        }
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|_| NotPassedOn::Unreadable)?;
        let is_plain = |text: &str| {
            let is_short = (1..=MAX_TEXT_BYTES).contains(&text.len());
            is_short && text.bytes().all(|b| b.is_ascii_graphic())
        };
        if !is_plain(&envelope.id) || !is_plain(&envelope.event) {
            return Err(NotPassedOn::Unreadable);
        }
        if !is_passed_on(&envelope.event) {
            return Err(NotPassedOn::Ours);
        }
        let session = envelope.session.get();
        let remote: Cow<'_, str> =
            serde_json::from_str(session).map_err(|_| NotPassedOn::Unreadable)?;
        // It is a piece of the text.
        let begin = session.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        let place = begin..begin.saturating_add(session.len());
        Ok(Self {
            remote: remote.into_owned(),
            time: envelope.timestamp.and_then(|time| time.get().parse().ok()),
            place,
            id: envelope.id.into_owned(),
            name: envelope.event.into_owned(),
        })
    }

    /// The event under the session's name here. `body` is what the head was read of.
    pub fn of(
        self,
        session: &SessionName,
        body: &Bytes,
        now: Timestamp,
    ) -> Result<OtherEvent, NotPassedOn> {
        if body.len() > MAX_EVENT_BYTES {
            return Err(NotPassedOn::TooLarge);
        }
        let body = if self.remote == session.as_str() {
            // A part of a larger buffer would keep all of it.
            Bytes::copy_from_slice(body)
        } else {
            let name = serde_json::to_string(session).map_err(|_| NotPassedOn::Unreadable)?;
            let (before, after) = (body.get(..self.place.start), body.get(self.place.end..));
            let (before, after) = before.zip(after).ok_or(NotPassedOn::Unreadable)?;
            let mut renamed = BytesMut::with_capacity(before.len() + name.len() + after.len());
            renamed.extend_from_slice(before);
            renamed.extend_from_slice(name.as_bytes());
            renamed.extend_from_slice(after);
            renamed.freeze()
        };
        let time = self.time.unwrap_or_else(|| now.as_millis());
        Ok(OtherEvent { name: self.name, id: self.id, time, body })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn shop() -> SessionName {
        "shop".parse().expect("a name")
    }

    fn passed(body: &str) -> Result<OtherEvent, NotPassedOn> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Head::read(&body)?.of(&shop(), &body, Timestamp::from_seconds(7))
    }

    #[test]
    fn all_but_the_sessions_name_is_as_it_came() {
        let came = r#" { "id":"evt_1", "event" : "message","payload":{"session":"remote","n":1e2,"a":"\ud83d","b":[{"session":"x"}]},
            "session" : "re\u006dote" ,"timestamp": 1795971681317,"me":null, "big":123456789012345678901234567890} "#;
        let event = passed(came).expect("an event");
        let wanted = came.replace(r#""re\u006dote""#, r#""shop""#);
        assert_eq!(event.body, wanted.as_bytes());
        assert_eq!((&*event.name, &*event.id, event.time), ("message", "evt_1", 1_795_971_681_317));
        let same = came.replace(r#""re\u006dote""#, r#""shop""#);
        assert_eq!(passed(&same).expect("an event").body, same.as_bytes());
    }

    #[test]
    fn what_is_ours_or_nobodys_is_not_passed_on() {
        let of = |name: &str| json!({ "id": "evt_1", "event": name, "session": "a" }).to_string();
        for name in ["group.v2.join", "group.join", "session.status"] {
            assert_eq!(passed(&of(name)), Err(NotPassedOn::Ours), "{name}");
        }
        for body in [
            "",
            "[]",
            "null",
            r#"["evt_1","message","a"]"#,
            r#"{"id":"evt_1","event":"message"}"#,
            r#"{"id":"evt_1","event":"message","session":1}"#,
            r#"{"id":"evt_1","event":"message","session":"a","session":"b"}"#,
            r#"{"id":"evt_1","event":"message","session":"a"} {}"#,
            r#"{"id":"","event":"message","session":"a"}"#,
            r#"{"id":"evt_1","event":"mess age","session":"a"}"#,
        ] {
            assert_eq!(passed(body), Err(NotPassedOn::Unreadable), "{body}");
        }
        let broken = b"{\"id\":\"evt_1\",\"event\":\"message\",\"session\":\"a\",\"x\":\"\xff\"}";
        assert_eq!(Head::read(broken), Err(NotPassedOn::Unreadable));
        let mut large = json!({ "id": "evt_1", "event": "message", "session": "a" });
        large["payload"] = json!("x".repeat(MAX_EVENT_BYTES));
        assert_eq!(passed(&large.to_string()), Err(NotPassedOn::TooLarge));
        // A time that is none is when it came.
        let untimed = r#"{"id":"evt_1","event":"message","session":"a","timestamp":"soon"}"#;
        assert_eq!(passed(untimed).expect("an event").time, 7000);
    }

    proptest! {
        #[test]
        fn any_payload_stays_and_any_name_is_replaced(remote in "\\PC{0,20}", text in "\\PC{0,40}", deep in 0..200_usize) {
            let inner = format!("{}{}{}", "[".repeat(deep), json!(text), "]".repeat(deep));
            let body = |session: &str| {
                format!(r#"{{"session":{},"payload":{inner},"event":"message","id":"evt_1"}}"#, json!(session))
            };
            let event = passed(&body(&remote)).expect("an event");
            prop_assert_eq!(event.body, body("shop"));
        }

        #[test]
        fn any_bytes_are_an_event_or_none(bytes in any::<Vec<u8>>()) {
            let _ = Head::read(&bytes);
        }
    }

    #[test]
    fn the_name_is_where_it_is_said_to_be() {
        let body =
            json!({ "id": "evt_1", "event": "call.received", "session": "ä\"b" }).to_string();
        let head = Head::read(body.as_bytes()).expect("a head");
        let name: Value = serde_json::from_str(&body[head.place]).expect("JSON");
        assert_eq!(name, json!("ä\"b"));
    }
}
