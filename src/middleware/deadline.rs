//! The caller's deadline, for handlers that can answer better than with silence.

use std::time::Duration;

use http::Request;
use tokio::time::Instant;

/// When the caller stops waiting.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// The request with the deadline of its `grpc-timeout` in its extensions.
pub fn with_deadline<B>(mut request: Request<B>) -> Request<B> {
    let header = request.headers().get("grpc-timeout").and_then(|value| value.to_str().ok());
    // A deadline so far away that it cannot be represented is none.
    if let Some(deadline) =
        header.and_then(parse_timeout).and_then(|timeout| Instant::now().checked_add(timeout))
    {
        request.extensions_mut().insert(Deadline(deadline));
    }
    request
}

/// At most 8 digits and a unit, as gRPC's HTTP/2 mapping has it.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_timeout_is_at_most_eight_digits_of_hours_or_none(text in "\\PC{0,12}|[0-9]{1,10}[HMSmun]") {
            if let Some(timeout) = parse_timeout(&text) {
                prop_assert!(timeout <= Duration::from_secs(99_999_999 * 3600));
            }
        }
    }

    #[test]
    fn timeouts_are_read_in_every_unit_and_nonsense_is_none() {
        assert_eq!(parse_timeout("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(parse_timeout("300m"), Some(Duration::from_millis(300)));
        assert_eq!(parse_timeout("7n"), Some(Duration::from_nanos(7)));
        for nonsense in ["", "S", "1", "123456789S", "-1S", "1.5S", "1s", "é"] {
            assert_eq!(parse_timeout(nonsense), None, "{nonsense:?}");
        }
    }
}
