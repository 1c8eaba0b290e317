//! What all listeners have in common: how long strangers are waited for, and how many at a time.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::problems::Problems;
use super::{MINUTE, SECOND};

/// Bounds of every listener.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inbound {
    /// How long the first head of a request may take, counted from when its connection was accepted.
    #[serde(with = "humantime_serde")]
    pub head_timeout: Duration,
    /// How long an answer may wait to be taken, beside what its size takes at 4 KiB/s. Watches and streams of
    /// events may wait for ever.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// Calls of those who show no key, at the same time on each listener: probes, and whoever tries. The oldest
    /// gives way.
    pub max_keyless_calls: usize,
    /// Addresses of proxies, whose peers all look alike: their connections are told apart, where otherwise those
    /// of one address are taken for one, and bodies of webhooks count by session alone.
    pub proxies: Vec<IpAddr>,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            head_timeout: 30 * SECOND,
            answer_timeout: 30 * SECOND,
            max_keyless_calls: 64,
            proxies: Vec::new(),
        }
    }
}

impl Inbound {
    pub(super) fn validate(&self, problems: &mut Problems) {
        let times = [
            ("inbound.head_timeout", self.head_timeout),
            ("inbound.answer_timeout", self.answer_timeout),
        ];
        for (path, value) in times {
            problems.require_duration(path, value, SECOND..=10 * MINUTE);
        }
        let calls = self.max_keyless_calls as u64;
        problems.require_range("inbound.max_keyless_calls", calls, 1..=100_000);
    }
}
