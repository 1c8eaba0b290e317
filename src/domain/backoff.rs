//! How long to wait before something that failed is tried again.

use std::time::Duration;

use super::clock::Entropy;

/// Of a pause, by how much it may be shorter or longer.
const SPREAD: f64 = 0.5;

/// Pauses between tries: each about twice as long as the one before, up to about the longest. They are spread by half
/// of themselves either way, so that those who failed together do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    tries: u32,
}

impl Backoff {
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, tries: 0 }
    }

    /// How many pauses were taken.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// It has succeeded: the next trouble begins with short pauses again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }

    /// The next pause; not shorter than a refusal asked for.
    pub fn pause(&mut self, asked: Option<Duration>, entropy: &dyn Entropy) -> Duration {
        let pause = self.pause_after(self.tries, entropy);
        self.tries = self.tries.saturating_add(1);
        pause.max(asked.unwrap_or_default())
    }

    /// The pause that follows so many others, for who counts the tries himself.
    pub fn pause_after(&self, tries: u32, entropy: &dyn Entropy) -> Duration {
        let doubled = self.first.saturating_mul(1 << tries.min(16));
        entropy.jittered(doubled.min(self.longest), SPREAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Middle;

    impl Entropy for Middle {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
            bytes[1] = 2;
        }
    }

    struct Lowest;

    impl Entropy for Lowest {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let mut pauses = |count: usize| -> Vec<u64> {
            (0..count).map(|_| backoff.pause(None, &Middle).as_secs()).collect()
        };
        assert_eq!(pauses(5), [1, 2, 4, 5, 5]);
        assert_eq!(backoff.tries(), 5);
        backoff.reset();
        assert_eq!(backoff.pause(None, &Middle), Duration::from_secs(1));
    }

    #[test]
    fn a_pause_is_spread_and_never_shorter_than_asked_for() {
        let mut backoff = Backoff::new(Duration::from_secs(4), Duration::from_secs(60));
        assert_eq!(backoff.pause(None, &Lowest), Duration::from_secs(2));
        let asked = Duration::from_secs(30);
        assert_eq!(backoff.pause(Some(asked), &Lowest), asked);
    }

    #[test]
    fn any_number_of_tries_is_borne() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::from_secs(60));
        backoff.tries = u32::MAX;
        assert_eq!(backoff.pause(None, &Middle), Duration::from_secs(60));
    }
}
