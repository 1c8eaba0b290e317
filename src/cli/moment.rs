//! A time as people write it.

use std::str::FromStr;
use std::time::Duration;

use super::system;
use crate::domain::Timestamp;
use crate::pb::wire;

/// A time as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    At(Timestamp),
    Ago(Duration),
}

impl Moment {
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(duration) => now - duration,
        }
    }

    pub fn timestamp(self) -> prost_types::Timestamp {
        wire::timestamp(self.resolve(system::now()))
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(span) = text.strip_suffix("ago") {
            return humantime::parse_duration(span.trim()).map(Self::Ago).map_err(|error| {
                format!("{span:?} is no span of time such as 15m or 2h 30m: {error}")
            });
        }
        text.parse().map(Self::At)
    }
}
