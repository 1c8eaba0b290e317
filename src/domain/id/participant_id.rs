use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use super::jid::{self, Jid};
use super::written_number::{self, EXPECTED};
use super::{ParseError, serde_as_text, spelling};

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
/// Parsed from `+49 (0)151 000-00001`, bare digits, `…@c.us`, `…@s.whatsapp.net` and `…@lid`, with or
/// without agent and device (`….0:7@lid`). Before an `@` stand digits alone, none of which is ever left out.
/// Groups, broadcasts, channels and the service account `0@…` are refused.
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

impl FromStr for ParticipantId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = spelling::visible(text);
        if !text.contains('@') {
            let digits = written_number::digits(&text)?;
            return phone(&digits);
        }
        let jid = Jid::read(&text).ok_or_else(|| ParseError::new(EXPECTED))?;
        match jid.server {
            "lid" => {
                let lid = jid::number(jid.user).and_then(Lid::new);
                lid.map(Self::Lid).ok_or_else(|| unlike_id(jid.user))
            }
            "c.us" | "s.whatsapp.net" => phone(jid.user.strip_prefix('+').unwrap_or(jid.user)),
            _ => Err(ParseError::new(EXPECTED)),
        }
    }
}

fn phone(digits: &str) -> Result<ParticipantId, ParseError> {
    let number = jid::number(digits).and_then(PhoneNumber::new);
    number.map(ParticipantId::Phone).ok_or_else(|| unlike_id(digits))
}

fn unlike_id(user: &str) -> ParseError {
    match jid::in_the_way(user) {
        Some(way) => ParseError::new(format!("{EXPECTED}; {way} is in the way")),
        None if user.starts_with('0') => ParseError::new(
            "must be a phone number with its country code, so it cannot start with 0",
        ),
        None => ParseError::new(EXPECTED),
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
