use std::collections::HashSet;

use bytes::Bytes;

use super::*;
use crate::domain::counter::Position;
use crate::domain::event::{EventId, EventType};
use crate::domain::log_position::Fingerprint;
use crate::domain::token::LogId;

/// Fills with one byte.
struct Always(u8);

impl Entropy for Always {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn session() -> SessionName {
    "shop".parse().expect("a name")
}

#[test]
fn an_id_tells_when_it_was_made_and_is_read_in_either_case() {
    let id = WebhookId::new(at(1_700_000_000), &Always(7));
    let text = id.to_string();
    assert!(text.starts_with("whk_") && text.len() == 4 + 26, "{text}");
    assert_eq!(text, format!("{id:?}"));
    assert_eq!(text, text.to_ascii_lowercase());
    assert_eq!(text.parse(), Ok(id));
    assert_eq!(format!("whk_{}", text[4..].to_ascii_uppercase()).parse(), Ok(id));
    assert!(WebhookId::new(at(1_700_000_001), &Always(0)) > id, "a later one sorts behind it");
    assert_ne!(WebhookId::new(at(1_700_000_000), &Always(8)), id);
    assert_eq!(WebhookId::new(at(-1), &Always(7)), WebhookId::new(at(0), &Always(7)));
    for text in ["", "whk_", "evt_01arz3ndektsv4rrffq69g5fav", "01arz3ndektsv4rrffq69g5fav"] {
        assert!(text.parse::<WebhookId>().is_err(), "{text}");
    }
}

#[test]
fn a_creation_that_is_repeated_finds_what_it_made() {
    assert_eq!(WebhookId::of_digest([7; 16]), WebhookId::of_digest([7; 16]));
    assert_ne!(WebhookId::of_digest([7; 16]), WebhookId::of_digest([8; 16]));
}

#[test]
fn a_delivery_has_one_id_over_all_tries_and_another_for_each_webhook_and_event() {
    let (one, two) = (WebhookId::of_digest([1; 16]), WebhookId::of_digest([2; 16]));
    let ids = [one.delivery_id("a"), one.delivery_id("b"), two.delivery_id("a")];
    assert_eq!(ids[0], one.delivery_id("a"));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
    for id in ids {
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
}

fn webhook() -> Webhook {
    let token = ResumeToken { log_id: LogId([7; 7]), at: LogPosition::START };
    Webhook {
        id: WebhookId::of_digest([1; 16]),
        key_name: String::new(),
        request_sha256: [0; 32],
        config: WebhookConfig {
            url: "https://example.com/".parse().expect("a URL"),
            sessions: Vec::new(),
            events: Vec::new(),
            passed_on_events: Vec::new(),
            hmac_key: None,
            headers: Vec::new(),
            retries: Retries::default(),
        },
        status: WebhookStatus { state: WebhookState::Active, reason: String::new(), time: at(1) },
        progress: Progress {
            cursor: token,
            delivered_count: 0,
            last_delivery_time: None,
            failure: None,
            lost_count: 0,
        },
        create_time: at(1),
        update_time: at(1),
    }
}

#[test]
fn a_state_lasts_from_its_first_moment_and_its_reason_is_the_last_one() {
    let mut webhook = webhook();
    let status = |state, reason: &str, seconds| WebhookStatus {
        state,
        reason: reason.to_owned(),
        time: at(seconds),
    };
    webhook.set_state(WebhookState::Active, "", at(2));
    assert_eq!(webhook.status, status(WebhookState::Active, "", 1));
    webhook.set_state(WebhookState::Failing, "no answer", at(3));
    assert_eq!(webhook.status, status(WebhookState::Failing, "no answer", 3));
    webhook.set_state(WebhookState::Failing, "status 500", at(4));
    assert_eq!(webhook.status, status(WebhookState::Failing, "status 500", 3));
    webhook.set_state(WebhookState::Paused, "status 500", at(5));
    assert_eq!(webhook.status, status(WebhookState::Paused, "status 500", 5));
}

#[test]
fn events_are_delivered_unless_somebody_or_something_has_paused_it() {
    for (state, name, delivers) in [
        (WebhookState::Active, "active", true),
        (WebhookState::Failing, "failing", true),
        (WebhookState::Paused, "paused", false),
        (WebhookState::PausedByFailure, "paused_by_failure", false),
        (WebhookState::Expired, "expired", false),
    ] {
        assert_eq!((state.as_str(), state.delivers()), (name, delivers));
        assert_eq!(WebhookState::from_name(name), Some(state));
    }
    assert_eq!(WebhookState::from_name("Active"), None);
}

#[test]
fn a_failure_lasts_from_the_first_time_and_says_why_it_failed_last() {
    let record = EventRecord {
        position: Position::from(42),
        id: EventId::new(at(1), &Always(3)),
        session: session(),
        sequence: Sequence::from(7),
        group_id: None,
        event_type: EventType::Left,
        record_time: at(1),
        wire: Bytes::new(),
    };
    let first = Failure::of(&record, at(10), FailureCause::Timeout);
    let expected = Failure {
        event_id: record.id.to_string(),
        session: session(),
        sequence: Sequence::from(7),
        at: LogPosition { position: Position::from(42), fingerprint: Fingerprint([3; 8]) },
        since: at(10),
        time: at(10),
        failures: 1,
        cause: FailureCause::Timeout,
    };
    assert_eq!(first, expected);
    let again = first.again(at(20), FailureCause::Status(500));
    let cause = FailureCause::Status(500);
    assert_eq!(again, Failure { time: at(20), failures: 2, cause, ..expected });
    let json = serde_json::to_string(&again).expect("JSON");
    assert_eq!(serde_json::from_str::<Failure>(&json).expect("a failure"), again);
}

#[test]
fn the_cause_of_a_failure_is_said_to_people_and_to_metrics() {
    for (cause, name, status, text) in [
        (FailureCause::AddressNotAllowed, "address_not_allowed", None, "not public"),
        (FailureCause::Connect, "connect", None, "nothing answers"),
        (FailureCause::Timeout, "timeout", None, "too long"),
        (FailureCause::Status(500), "status", Some(500), "answers with status 500"),
        (FailureCause::Internal, "internal", None, "internal error"),
    ] {
        assert_eq!((cause.as_str(), cause.status()), (name, status));
        assert!(cause.to_string().contains(text), "{cause}");
    }
    for (status, redirects) in [(299, false), (300, true), (399, true), (400, false)] {
        let text = FailureCause::Status(status).to_string();
        assert_eq!(text.contains("redirects are not followed"), redirects, "{text}");
        assert!(text.contains(&status.to_string()), "{text}");
    }
}
