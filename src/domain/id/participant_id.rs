use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use super::{ParseError, serde_as_text};

/// An account's phone number in international form, without `+`: 5 to 15 digits, no leading zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(NonZeroU64);

impl PhoneNumber {
    const MIN: u64 = 10_000;
    const MAX: u64 = 999_999_999_999_999;

    pub fn new(number: u64) -> Option<Self> {
        if !(Self::MIN..=Self::MAX).contains(&number) {
            return None;
        }
        NonZeroU64::new(number).map(Self)
    }

    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@c.us", self.0)
    }
}

/// A hidden id: what WhatsApp shows of a member instead of the phone number. 1 to 18 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lid(NonZeroU64);

impl Lid {
    const MAX: u64 = 999_999_999_999_999_999;

    pub fn new(number: u64) -> Option<Self> {
        if number > Self::MAX {
            return None;
        }
        NonZeroU64::new(number).map(Self)
    }

    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Lid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@lid", self.0)
    }
}

/// Either name of an account: its phone number (`…@c.us`) or its hidden id (`…@lid`).
///
/// Parsed from `+49 151 000-00001`, bare digits, `…@c.us`, `…@s.whatsapp.net` and `…@lid`, with or
/// without a device (`…:7@lid`). Groups, broadcasts, channels and the service account `0@…` are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParticipantId {
    Phone(PhoneNumber),
    Lid(Lid),
}

impl ParticipantId {
    pub fn phone(self) -> Option<PhoneNumber> {
        match self {
            Self::Phone(number) => Some(number),
            Self::Lid(_) => None,
        }
    }

    pub fn lid(self) -> Option<Lid> {
        match self {
            Self::Phone(_) => None,
            Self::Lid(lid) => Some(lid),
        }
    }
}

const EXPECTED: &str = "must be a phone number in international form (+49 151 0000001 or 491510000001), \
                        or an id ending in @c.us, @s.whatsapp.net or @lid";

impl FromStr for ParticipantId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let (user, server) = match text.split_once('@') {
            Some((user, server)) => (user, Some(server)),
            None => (text, None),
        };
        match server {
            Some("lid") => parse_digits(without_device(user)?)
                .and_then(Lid::new)
                .map(Self::Lid)
                .ok_or_else(|| ParseError::new(EXPECTED)),
            Some("c.us" | "s.whatsapp.net") => parse_phone(without_device(user)?),
            None => parse_phone(user),
            Some(_) => Err(ParseError::new(EXPECTED)),
        }
    }
}

impl FromStr for PhoneNumber {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse()? {
            ParticipantId::Phone(number) => Ok(number),
            ParticipantId::Lid(_) => {
                Err(ParseError::new("must be a phone number, not a hidden id"))
            }
        }
    }
}

impl FromStr for Lid {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse()? {
            ParticipantId::Lid(lid) => Ok(lid),
            ParticipantId::Phone(_) => Err(ParseError::new("must be a hidden id ending in @lid")),
        }
    }
}

/// Drops the device of `user:7`. The wire names a member's phone or companion this way.
fn without_device(user: &str) -> Result<&str, ParseError> {
    match user.split_once(':') {
        Some((user, device))
            if !device.is_empty() && device.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Ok(user)
        }
        Some(_) => Err(ParseError::new(EXPECTED)),
        None => Ok(user),
    }
}

fn parse_phone(text: &str) -> Result<ParticipantId, ParseError> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text.starts_with('0') {
        return Err(ParseError::new(
            "must be a phone number with its country code, so it cannot start with 0",
        ));
    }
    // People paste numbers as they are printed: +49 (151) 000-00.001
    let digits: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '/' | '\u{a0}'))
        .collect();
    parse_digits(&digits)
        .and_then(PhoneNumber::new)
        .map(ParticipantId::Phone)
        .ok_or_else(|| ParseError::new(EXPECTED))
}

fn parse_digits(text: &str) -> Option<u64> {
    let canonical =
        !text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    if canonical { text.parse().ok() } else { None }
}

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(number) => number.fmt(f),
            Self::Lid(lid) => lid.fmt(f),
        }
    }
}

serde_as_text!(ParticipantId);
serde_as_text!(PhoneNumber);
serde_as_text!(Lid);
