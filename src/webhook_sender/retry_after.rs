//! How long a receiver asks to be left alone: `Retry-After`, in seconds or as a date.

use std::time::Duration;

use jiff::fmt::rfc2822;

use crate::domain::clock::Timestamp;

/// `None` where it cannot be understood.
pub fn parse(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let time = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_nothing_else() {
        let now = "2026-11-26T08:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Thu, 26 Nov 2026 08:01:00 GMT", Some(60)),
            // It has passed.
            ("Thu, 26 Nov 2026 07:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(parse(text, now).map(|delay| delay.as_secs()), seconds, "{text}");
        }
    }
}
