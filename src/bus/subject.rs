//! Under which subjects events are published.

use crate::domain::event::EventRecord;
use crate::domain::id::SessionName;

/// `PREFIX.SESSION.TYPE`.
pub(super) fn of_event(prefix: &str, event: &EventRecord) -> String {
    format!("{prefix}.{}.{}", token_of(&event.session), event.event_type.as_str())
}

/// All subjects of the session.
pub(super) fn of_session(prefix: &str, session: &SessionName) -> String {
    format!("{prefix}.{}.>", token_of(session))
}

/// A `.` would begin another token; `%` is in no session's name.
fn token_of(session: &SessionName) -> String {
    session.as_str().replace('.', "%2E")
}

/// Whether a stream that takes `pattern` takes all subjects of events.
pub(super) fn covers(pattern: &str, prefix: &str) -> bool {
    // Of a session and a type that no pattern names.
    let subject = format!("{prefix}.\u{0}.\u{0}");
    let (mut wanted, mut tokens) = (subject.split('.'), pattern.split('.'));
    loop {
        match (tokens.next(), wanted.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(token), Some(wanted)) if token == wanted => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_name_is_one_token() {
        assert_eq!(
            of_session("wagroups.events", &"shop.eu-1".parse().unwrap()),
            "wagroups.events.shop%2Eeu-1.>"
        );
    }

    #[test]
    fn a_stream_must_take_all_subjects() {
        for pattern in [
            ">",
            "wagroups.>",
            "wagroups.events.>",
            "*.events.>",
            "wagroups.*.*.>",
            "wagroups.events.*.*",
        ] {
            assert!(covers(pattern, "wagroups.events"), "{pattern}");
        }
        for pattern in [
            "wagroups.events",
            "wagroups.events.*",
            "wagroups.other.>",
            "wagroups.events.shop.>",
            "wagroups.events.*.joined",
            "wagroups.events.*.*.>",
        ] {
            assert!(!covers(pattern, "wagroups.events"), "{pattern}");
        }
    }
}
