//! How long to wait before something that failed is tried again.

use std::time::Duration;

use crate::domain::clock::Entropy;
use crate::domain::error::Error;

/// Between tries: longer each time, and never the same for two sessions.
#[derive(Debug, Default)]
pub(super) struct Pauses(u32);

impl Pauses {
    const FIRST: Duration = Duration::from_secs(2);
    const LONGEST: Duration = Duration::from_secs(120);

    /// How many were taken.
    pub fn count(&self) -> u32 {
        self.0
    }

    /// At least as long as the error asks for.
    pub fn after(&mut self, error: &Error, entropy: &dyn Entropy) -> Duration {
        self.next(entropy).max(error.retry_delay().unwrap_or_default())
    }

    fn next(&mut self, entropy: &dyn Entropy) -> Duration {
        let pause = Self::FIRST.saturating_mul(1 << self.0.min(16)).min(Self::LONGEST);
        self.0 += 1;
        entropy.jittered(pause, 0.5)
    }
}
