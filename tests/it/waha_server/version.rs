//! Since when WAHA can do what.

/// A release of WAHA, such as 2026.9.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32, u32);

impl Version {
    pub fn of(text: &str) -> Self {
        let mut numbers = text.split('.').map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self(next(), next(), next())
    }
}

pub const ALWAYS: Version = Version(0, 0, 0);
/// `participants/v2`.
pub const NORMALISED_PARTICIPANTS: Version = Version(2025, 11, 1);
/// Earlier ones answer 201 to every POST, and WEBJS knows members only as they are listed.
pub const YEAR_2026: Version = Version(2026, 1, 0);
/// A key may stand in the query.
pub const KEY_IN_QUERY: Version = Version(2026, 4, 3);
/// Until then GOWS names itself in the environment of an event alone.
pub const ENGINE_NAMED: Version = Version(2026, 4, 2);
pub const MEMBER_ADD_MODE: Version = Version(2026, 7, 2);
/// NOWEB tells leaving of hidden ids, GOWS finds unknown ones, WPP answers to a promotion.
pub const HIDDEN_IDS: Version = Version(2026, 8, 1);
/// Join requests, membership approval, `traceparent`; GOWS does not hang at an empty text any more.
pub const JOIN_REQUESTS: Version = Version(2026, 8, 2);
pub const WORKER: Version = JOIN_REQUESTS;
pub const SHARE_HISTORY: Version = Version(2026, 9, 2);
