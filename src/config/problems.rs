//! What is wrong with the settings, each with its name, its source and what would be right.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(path) => write!(f, "flag for {path}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name, `grpc.listen`.
    pub path: String,
    pub source: Source,
    /// What would be right.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.path, self.source, self.text)
    }
}

/// Gathers all problems; the caller knows the sources.
#[derive(Debug, Default)]
pub struct Problems(pub(super) Vec<(String, String)>);

impl Problems {
    pub fn add(&mut self, path: &str, text: impl Into<String>) {
        self.0.push((path.to_owned(), text.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn require_range(&mut self, path: &str, value: u64, range: RangeInclusive<u64>) {
        if !range.contains(&value) {
            let text = if *range.end() == u64::MAX {
                format!("must be {} or more; it is {value}", range.start())
            } else {
                format!("must be {} to {}; it is {value}", range.start(), range.end())
            };
            self.add(path, text);
        }
    }

    pub(super) fn require_duration(
        &mut self,
        path: &str,
        value: Duration,
        range: RangeInclusive<Duration>,
    ) {
        if !range.contains(&value) {
            let say = humantime::format_duration;
            self.add(
                path,
                format!(
                    "must be {} to {}; it is {}",
                    say(*range.start()),
                    say(*range.end()),
                    say(value)
                ),
            );
        }
    }
}
