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

/// Whether a stream that takes `pattern` takes all subjects below the prefix.
pub(super) fn covers(pattern: &str, prefix: &str) -> bool {
    let mut wanted = prefix.split('.');
    for token in pattern.split('.') {
        match (token, wanted.next()) {
            (">", _) => return true,
            ("*", Some(_)) => {}
            (token, Some(wanted)) if token == wanted => {}
            _ => return false,
        }
    }
    false
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
        for pattern in [">", "wagroups.>", "wagroups.events.>", "*.events.>", "wagroups.*.*.>"] {
            assert_eq!(
                covers(pattern, "wagroups.events"),
                pattern != "wagroups.*.*.>",
                "{pattern}"
            );
        }
        for pattern in
            ["wagroups.events", "wagroups.events.*", "wagroups.other.>", "wagroups.events.shop.>"]
        {
            assert!(!covers(pattern, "wagroups.events"), "{pattern}");
        }
    }
}
