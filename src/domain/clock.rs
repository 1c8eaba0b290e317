//! Time and chance, handed in. `clippy.toml` bans the ambient ones.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const EPOCH: Self = Self(0);

    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long after `earlier` this is; zero where it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

/// RFC 3339 in UTC, `2026-11-23T12:00:00.5Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<jiff::Timestamp>()
            .map(|time| Self(time.as_microsecond()))
            .map_err(|_| "must be a time such as 2026-11-23T12:00:00Z".to_owned())
    }
}

/// Where a component takes the time of day from.
pub trait Clock: Send + Sync + fmt::Debug {
    fn now(&self) -> Timestamp;
}

/// How long the machine has run, also while it was suspended: no clock that is set counts in it. It says nothing on
/// another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uptime(u64);

impl Uptime {
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero where it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Where a component takes the machine's uptime from.
pub trait UptimeClock: Send + Sync + fmt::Debug {
    fn uptime(&self) -> Uptime;
}

/// Where a component takes random bytes from.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);

    fn u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// The pause, shorter or longer by at most this share of it: calls that failed together do not come
    /// back together.
    fn jittered(&self, pause: Duration, share: f64) -> Duration {
        pause.mul_f64(1.0 - share + 2.0 * share * (self.u64() % 1024) as f64 / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws the same number each time.
    struct Always(u64);

    impl Entropy for Always {
        fn fill(&self, bytes: &mut [u8]) {
            let number = self.0.to_le_bytes();
            for (byte, drawn) in bytes.iter_mut().zip(number.into_iter().cycle()) {
                *byte = drawn;
            }
        }
    }

    #[test]
    fn a_moment_is_the_same_in_micros_millis_and_seconds() {
        let time = Timestamp::from_micros(1_500_999);
        assert_eq!((time.as_micros(), time.as_millis()), (1_500_999, 1500));
        assert_eq!(Timestamp::from_seconds(2).as_micros(), 2_000_000);
        assert_eq!(Timestamp::from_seconds(i64::MAX).as_micros(), i64::MAX);
        // Before 1970 too, a millisecond begins where it begins.
        assert_eq!(Timestamp::from_micros(-1).as_millis(), -1);
    }

    #[test]
    fn time_goes_forth_and_back_and_ends_at_its_ends() {
        let (early, late) = (Timestamp::from_seconds(10), Timestamp::from_seconds(25));
        let between = Duration::from_secs(15);
        assert_eq!(early + between, late);
        assert_eq!(late - between, early);
        assert_eq!(late.since(early), between);
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late + Duration::MAX, Timestamp::from_micros(i64::MAX));
        let first = Timestamp::from_micros(i64::MIN);
        assert_eq!(first + Duration::from_secs(1) - Duration::MAX, first);
    }

    #[test]
    fn times_are_written_as_rfc_3339_in_utc() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_500_000, "1970-01-01T00:00:01.5Z"),
            // Beyond the calendar.
            (i64::MAX, "9223372036854775807us"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), text);
        }
        let zoned = "1970-01-01T02:00:01+02:00".parse();
        assert_eq!(zoned, Ok(Timestamp::from_seconds(1)));
        let error = "yesterday".parse::<Timestamp>().expect_err("no time");
        assert!(error.contains("2026-11-23T12:00:00Z"), "{error}");
    }

    #[test]
    fn uptime_counts_in_milliseconds() {
        let (early, late) = (Uptime::from_millis(1000), Uptime::from_millis(3500));
        assert_eq!(early.plus(Duration::from_micros(2_500_900)), late);
        assert_eq!(late.since(early), Duration::from_millis(2500));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.plus(Duration::MAX).as_millis(), u64::MAX);
    }

    #[test]
    fn a_pause_is_spread_evenly_around_itself() {
        let pause = Duration::from_secs(100);
        for (drawn, seconds) in [(0, 75), (512, 100), (256, 87), (768, 112), (1024 + 512, 100)] {
            assert_eq!(Always(drawn).u64(), drawn);
            assert_eq!(Always(drawn).jittered(pause, 0.25).as_secs(), seconds, "{drawn}");
        }
        assert_eq!(Always(77).jittered(pause, 0.0), pause);
    }
}
