use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{ParseError, spelling};

/// The code of an invitation for one person ("v4 invite"): 16 characters, which open no link.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrivateInviteCode(Arc<str>);

impl PrivateInviteCode {
    const LENGTH: usize = 16;
    /// What 0.1.0 took for one, and kept: its simulator made them of 22 letters.
    const KEPT_LENGTH: std::ops::RangeInclusive<usize> = 6..=64;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn has_its_letters(text: &str) -> bool {
        let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'/');
        text.bytes().all(is_letter)
    }
}

impl FromStr for PrivateInviteCode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = spelling::visible(text);
        let code = text.trim();
        if code.len() == Self::LENGTH && Self::has_its_letters(code) {
            Ok(Self(code.into()))
        } else {
            let must = "must be the code of a private invite, 16 letters and digits; a group's link has another one";
            Err(ParseError::new(must))
        }
    }
}

impl fmt::Display for PrivateInviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// It lets a person in, so it is kept out of debug output and logs.
impl fmt::Debug for PrivateInviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateInviteCode(…)")
    }
}

impl serde::Serialize for PrivateInviteCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PrivateInviteCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        if Self::KEPT_LENGTH.contains(&text.len()) && Self::has_its_letters(&text) {
            Ok(Self(text.as_ref().into()))
        } else {
            Err(serde::de::Error::custom("no code of a private invite"))
        }
    }
}
