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
    /// Addresses of proxies, whose peers all look alike: their connections are distinguished, where otherwise those
    /// of one address are taken for one, and bodies of webhooks count by session alone.
    pub proxies: Vec<IpAddr>,
    /// Origins whose pages may call the listeners of HTTP; `*` is all. None by itself.
    pub allowed_origins: Vec<String>,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            head_timeout: 30 * SECOND,
            answer_timeout: 30 * SECOND,
            max_keyless_calls: 64,
            proxies: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

impl Inbound {
    pub(super) fn validate(&self, has_keys: bool, problems: &mut Problems) {
        let times = [
            ("inbound.head_timeout", self.head_timeout),
            ("inbound.answer_timeout", self.answer_timeout),
        ];
        for (path, value) in times {
            problems.require_duration(path, value, SECOND..=10 * MINUTE);
        }
        let calls = self.max_keyless_calls as u64;
        problems.require_range("inbound.max_keyless_calls", calls, 1..=100_000);
        for origin in &self.allowed_origins {
            if origin == "*" {
                if !has_keys {
                    let must = "must not be * where no keys are set: any page that a browser here shows could call";
                    problems.add("inbound.allowed_origins", must);
                }
            } else if !is_origin(origin) {
                let message = format!(
                    "{origin:?} is no origin: write it as browsers do, https://panel.example, with no slash at its end"
                );
                problems.add("inbound.allowed_origins", message);
            }
        }
    }
}

/// Whether a text is an origin exactly as a browser would write it: that is what it is compared with.
fn is_origin(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for origin in ["https://panel.example", "http://localhost:5173", "http://[::1]:8080"] {
            assert!(is_origin(origin), "{origin}");
        }
        for origin in [
            "panel.example",
            "https://panel.example/",
            "https://Panel.example",
            "https://panel.example:443",
            "https://panel.example/app",
            "ftp://panel.example",
            "null",
            "",
        ] {
            assert!(!is_origin(origin), "{origin}");
        }
    }

    #[test]
    fn without_keys_not_everybody_may_be_allowed() {
        let inbound = Inbound { allowed_origins: vec!["*".to_owned()], ..Inbound::default() };
        let problems = |has_keys| {
            let mut problems = Problems::default();
            inbound.validate(has_keys, &mut problems);
            problems
        };
        assert!(problems(true).is_empty());
        assert!(!problems(false).is_empty());
    }
}
