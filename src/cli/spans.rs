//! Spans of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const LONGEST: u64 = 365 * DAY;

/// After what time messages disappear: whole seconds up to 365 days, zero where they stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer(u64);

impl Timer {
    /// The timer that the service answered; what is out of range is shown as none.
    pub fn of(span: Option<&prost_types::Duration>) -> Self {
        Self(span.map_or(0, |span| u64::try_from(span.seconds).unwrap_or(0)))
    }
}

impl From<Timer> for prost_types::Duration {
    fn from(timer: Timer) -> Self {
        Self { seconds: i64::try_from(timer.0).unwrap_or(i64::MAX), nanos: 0 }
    }
}

impl FromStr for Timer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "off" | "0") {
            return Ok(Self(0));
        }
        let span = humantime::parse_duration(text)
            .map_err(|error| format!("must be off, 24h, 7d, 90d or another span: {error}"))?;
        if span.subsec_nanos() != 0 {
            return Err("must be whole seconds".to_owned());
        }
        if span.as_secs() > LONGEST {
            return Err("must be at most 365d".to_owned());
        }
        Ok(Self(span.as_secs()))
    }
}

/// As it is written: in the largest unit of which it is a whole number, but a day is `24h`, as
/// WhatsApp calls it.
impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        match seconds {
            0 => f.write_str("off"),
            DAY => f.write_str("24h"),
            _ if seconds.is_multiple_of(DAY) => write!(f, "{}d", seconds / DAY),
            _ if seconds.is_multiple_of(HOUR) => write!(f, "{}h", seconds / HOUR),
            _ if seconds.is_multiple_of(MINUTE) => write!(f, "{}m", seconds / MINUTE),
            _ => write!(f, "{seconds}s"),
        }
    }
}

/// For an argument that the service takes as it is: `5s`, `1m 30s`.
pub fn span(text: &str) -> Result<prost_types::Duration, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    wire(span).ok_or_else(|| "is too long".to_owned())
}

pub fn wire(span: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(span).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_timers_read_as_whatsapp_calls_them() {
        let seconds = |text: &str| text.parse::<Timer>().map(|timer| timer.0);
        assert_eq!(seconds("off"), Ok(0));
        assert_eq!(seconds("0"), Ok(0));
        assert_eq!(seconds("0s"), Ok(0));
        assert_eq!(seconds("24h"), Ok(86_400));
        assert_eq!(seconds("1day"), Ok(86_400));
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(seconds("90d"), Ok(7_776_000));
        for text in ["off", "24h", "7d", "90d", "365d", "90m", "61s"] {
            assert_eq!(text.parse::<Timer>().map(|timer| timer.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_the_contract_refuses_is_refused_here() {
        for text in ["", "on", "-1d", "1500ms", "366d", "7"] {
            assert!(text.parse::<Timer>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_timer_reads_back_as_it_was_shown(seconds in 0..=LONGEST) {
            let timer = Timer(seconds);
            prop_assert_eq!(timer.to_string().parse::<Timer>(), Ok(timer));
        }

        #[test]
        fn no_text_breaks_the_parser(text in any::<String>()) {
            if let Ok(Timer(seconds)) = text.parse::<Timer>() {
                prop_assert!(seconds <= LONGEST);
            }
        }
    }
}
