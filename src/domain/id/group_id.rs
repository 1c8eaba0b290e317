use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{ParseError, serde_as_text};

/// The id of a group, `120363000000000001@g.us`.
///
/// Groups made before 2021 carry `creator-time@g.us` (`79990001122-1588883724@g.us`); both are valid.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(Arc<str>);

impl GroupId {
    const SUFFIX: &'static str = "@g.us";
    const MAX_DIGITS: usize = 20;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let is_number = |part: &str| {
            !part.is_empty()
                && part.len() <= Self::MAX_DIGITS
                && part.bytes().all(|b| b.is_ascii_digit())
        };
        let well_formed =
            text.strip_suffix(Self::SUFFIX).is_some_and(|user| match user.split_once('-') {
                Some((creator, time)) => is_number(creator) && is_number(time),
                None => is_number(user),
            });
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(ParseError::new("must be a group id such as 120363000000000001@g.us"))
        }
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(GroupId);
