//! A webhook's settings: where which events are sent, and how.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::event::EventType;
use crate::domain::id::{ParseError, SessionName, serde_as_text};
use crate::domain::other_event::OtherEventName;
use crate::domain::session::WebhookSecret;
use crate::domain::web_url::WebUrl;

/// Sessions that one webhook may name.
pub const MAX_SESSIONS: usize = 1000;
/// Headers of its own that one webhook may send.
pub const MAX_HEADERS: usize = 16;
pub const MAX_HEADER_NAME_BYTES: usize = 64;
pub const MAX_HEADER_VALUE_BYTES: usize = 1024;
/// Further tries that a webhook may ask for.
pub const MAX_ATTEMPTS: u32 = 100;
/// The longest pause between two tries, whatever asks for it.
pub const MAX_DELAY: Duration = Duration::from_secs(3600);
/// The first pause once the retries are used up; it doubles.
const BACK_OFF: Duration = Duration::from_secs(60);

/// All that its owner sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookConfig {
    pub url: WebUrl,
    /// Empty = all that its key may see, also those made later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionName>,
    /// Empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventName>,
    /// Events of WAHA servers that are not about groups; empty = none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_on_events: Vec<OtherEventName>,
    /// What its posts are signed with; `None` = they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac_key: Option<WebhookSecret>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    #[serde(default)]
    pub retries: Retries,
}

/// The events of groups, as WAHA names them; and those for which WAHA has no word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventName {
    Join,
    Leave,
    Participants,
    Update,
    JoinRequest,
    /// An update of what WAHA's do not carry: the lock, the timer, second names.
    OtherUpdate,
    Picture,
    SessionDeleted,
}

impl EventName {
    /// WAHA's, which are sent where none are asked for.
    pub const OF_WAHA: [Self; 5] =
        [Self::Join, Self::Leave, Self::Participants, Self::Update, Self::JoinRequest];

    pub const ALL: [Self; 8] = [
        Self::Join,
        Self::Leave,
        Self::Participants,
        Self::Update,
        Self::JoinRequest,
        Self::OtherUpdate,
        Self::Picture,
        Self::SessionDeleted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "group.v2.join",
            Self::Leave => "group.v2.leave",
            Self::Participants => "group.v2.participants",
            Self::Update => "group.v2.update",
            Self::JoinRequest => "group.v2.participants.join-request",
            Self::OtherUpdate => "wagroups.group.update",
            Self::Picture => "wagroups.group.picture",
            Self::SessionDeleted => "wagroups.session.deleted",
        }
    }

    /// The types of events that are sent under this name.
    pub fn event_types(self) -> &'static [EventType] {
        match self {
            Self::Join => &[EventType::Joined],
            Self::Leave => &[EventType::Left, EventType::Deleted],
            Self::Participants => &[EventType::ParticipantsChanged],
            Self::Update => &[EventType::Updated, EventType::InviteRevoked],
            Self::JoinRequest => &[EventType::JoinRequest],
            Self::OtherUpdate => &[EventType::Updated],
            Self::Picture => &[EventType::PictureChanged],
            Self::SessionDeleted => &[EventType::SessionDeleted],
        }
    }
}

impl FromStr for EventName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            ParseError::new(format!("must be among {names}"))
        })
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

serde_as_text!(EventName);

/// A header that a webhook sends besides those that all send. Its value may be a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    name: String,
    value: String,
}

impl Header {
    /// Refuses what is no header, and the headers that are the connection's or the service's own.
    pub fn new(name: &str, value: &str) -> Result<Self, ParseError> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || name.len() > MAX_HEADER_NAME_BYTES || !name.bytes().all(is_token) {
            let must = format!(
                "the name must have 1 to {MAX_HEADER_NAME_BYTES} letters, digits and - _ . and the like"
            );
            return Err(ParseError::new(must));
        }
        let lower = name.to_ascii_lowercase();
        if is_reserved(&lower) {
            let must =
                format!("{lower} is the connection's or the service's own and cannot be set");
            return Err(ParseError::new(must));
        }
        let is_text = |b: u8| (0x20..0x7f).contains(&b) || b == b'\t';
        if value.len() > MAX_HEADER_VALUE_BYTES || !value.bytes().all(is_text) {
            let must = format!(
                "the value must have at most {MAX_HEADER_VALUE_BYTES} characters of ASCII, none of them a control character"
            );
            return Err(ParseError::new(must));
        }
        Ok(Self { name: lower, value: value.trim().to_owned() })
    }

    /// In lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For the request itself; never for logs or answers.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

fn is_reserved(lower: &str) -> bool {
    const OWN: [&str; 15] = [
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "expect",
        "content-length",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "user-agent",
        "http2-settings",
        "forwarded",
    ];
    OWN.contains(&lower) || lower.starts_with("proxy-") || lower.starts_with("x-webhook-")
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({}: …)", self.name)
    }
}

/// How the pauses between tries grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryPolicy {
    /// Always the delay.
    #[default]
    Constant,
    /// The delay, twice the delay, three times, …
    Linear,
    /// Twice the delay, four times, eight times, …
    Exponential,
}

/// When a delivery that failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    pub policy: RetryPolicy,
    pub delay: Duration,
    /// Tries after the first one; those that follow are further apart.
    pub attempts: u32,
}

/// As WAHA has it.
impl Default for Retries {
    fn default() -> Self {
        Self { policy: RetryPolicy::Constant, delay: Duration::from_secs(2), attempts: 15 }
    }
}

impl Retries {
    /// Whether no try is left after so many failures, so that the webhook may be paused.
    pub fn are_used_up(&self, failures: u32) -> bool {
        failures > self.attempts
    }

    /// The pause after so many failures in a row, 1 at the least. `chance` spreads it by up to 20 %.
    pub fn delay(&self, failures: u32, chance: u64) -> Duration {
        let n = failures.max(1);
        let power = |n: u32| 1_u32.checked_shl(n).unwrap_or(u32::MAX);
        let pause = if self.are_used_up(n) {
            BACK_OFF.saturating_mul(power(n - self.attempts - 1))
        } else {
            match self.policy {
                RetryPolicy::Constant => self.delay,
                RetryPolicy::Linear => self.delay.saturating_mul(n),
                RetryPolicy::Exponential => self.delay.saturating_mul(power(n)),
            }
        };
        let spread = 1.0 + 0.2 * (chance % 1024) as f64 / 1024.0;
        pause.min(MAX_DELAY).mul_f64(spread)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_grow_as_waha_has_them_then_by_minutes() {
        let seconds = |policy, failures| {
            let retries = Retries { policy, ..Retries::default() };
            retries.delay(failures, 0).as_secs()
        };
        assert_eq!([1, 2, 15].map(|n| seconds(RetryPolicy::Constant, n)), [2, 2, 2]);
        assert_eq!([1, 2, 15].map(|n| seconds(RetryPolicy::Linear, n)), [2, 4, 30]);
        assert_eq!([1, 2, 3].map(|n| seconds(RetryPolicy::Exponential, n)), [4, 8, 16]);
        for policy in [RetryPolicy::Constant, RetryPolicy::Exponential] {
            assert_eq!([16, 17, 18, 99].map(|n| seconds(policy, n)), [60, 120, 240, 3600]);
        }
    }

    #[test]
    fn a_delay_of_zero_is_at_once() {
        let retries = Retries { delay: Duration::ZERO, ..Retries::default() };
        assert_eq!(retries.delay(1, u64::MAX), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn no_pause_is_longer_than_the_longest(
            failures in any::<u32>(), chance in any::<u64>(), seconds in 0..3600_u64, attempts in 0..=MAX_ATTEMPTS,
        ) {
            for policy in [RetryPolicy::Constant, RetryPolicy::Linear, RetryPolicy::Exponential] {
                let retries = Retries { policy, delay: Duration::from_secs(seconds), attempts };
                let pause = retries.delay(failures, chance);
                prop_assert!(pause <= MAX_DELAY.mul_f64(1.2));
                prop_assert!(pause >= retries.delay(failures, 0));
            }
        }

        #[test]
        fn any_text_is_a_header_or_a_refusal(name in "\\PC{0,70}", value in "\\PC{0,30}") {
            let _ = Header::new(&name, &value);
        }
    }

    #[test]
    fn an_event_is_known_by_its_name_and_every_type_is_sent_under_one() {
        for name in EventName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
            assert_eq!(name.to_string(), name.as_str());
            // WAHA has no word for the others.
            assert_eq!(EventName::OF_WAHA.contains(&name), name.as_str().starts_with("group.v2."));
        }
        let error = "group.v2.joined".parse::<EventName>().expect_err("no name");
        assert!(error.to_string().contains("group.v2.join, group.v2.leave"), "{error}");
        let names = |kind| -> Vec<EventName> {
            let sends = |name: &EventName| name.event_types().contains(&kind);
            EventName::ALL.into_iter().filter(sends).collect()
        };
        for (kind, sent) in [
            (EventType::Joined, &[EventName::Join][..]),
            (EventType::Left, &[EventName::Leave]),
            (EventType::Deleted, &[EventName::Leave]),
            (EventType::ParticipantsChanged, &[EventName::Participants]),
            (EventType::Updated, &[EventName::Update, EventName::OtherUpdate]),
            (EventType::InviteRevoked, &[EventName::Update]),
            (EventType::JoinRequest, &[EventName::JoinRequest]),
            (EventType::PictureChanged, &[EventName::Picture]),
            (EventType::SessionDeleted, &[EventName::SessionDeleted]),
        ] {
            assert_eq!(names(kind), sent, "{kind:?}");
        }
    }

    #[test]
    fn headers_have_their_lengths() {
        let (name, value) = ("n".repeat(64), "v".repeat(1024));
        let header = Header::new(&name, &value).expect("a header");
        assert_eq!((header.name(), header.expose()), (&*name, &*value));
        let error = Header::new(&format!("{name}n"), "x").expect_err("too long");
        assert!(error.to_string().contains("the name must have 1 to 64"), "{error}");
        assert_eq!(Header::new("x-a", "a\tb ~").expect("a header").expose(), "a\tb ~");
    }

    #[test]
    fn a_webhook_is_paused_only_when_no_try_is_left() {
        let retries = Retries { attempts: 3, ..Retries::default() };
        assert_eq!([0, 3, 4].map(|failures| retries.are_used_up(failures)), [false, false, true]);
        let pause = |chance| retries.delay(1, chance).as_millis();
        assert_eq!([pause(0), pause(512), pause(1024)], [2000, 2200, 2000]);
        assert!((2390..2400).contains(&pause(1023)));
    }

    #[test]
    fn headers_are_taken_unless_they_are_the_connections_or_ours() {
        for name in ["Authorization", "x-api-key", "Cookie", "X-Team_1"] {
            let header = Header::new(name, " Bearer abc ").expect(name);
            assert_eq!((header.name(), header.expose()), (&*name.to_lowercase(), "Bearer abc"));
            assert!(!format!("{header:?}").contains("abc"));
        }
        for name in [
            "",
            "a b",
            "ä",
            "Host",
            "Content-Length",
            "TE",
            "Proxy-Authorization",
            "User-Agent",
            "X-Webhook-Hmac",
            "x-webhook-anything",
            "Content-Type",
            "Transfer-Encoding",
        ] {
            assert!(Header::new(name, "x").is_err(), "{name}");
        }
        for value in ["a\r\nb: c", "a\nb", "ä", &"x".repeat(1025), "\u{7f}"] {
            assert!(Header::new("x-a", value).is_err(), "{value:?}");
        }
    }
}
