use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::jid::Jid;
use super::{ParseError, serde_as_text, spelling};

/// The id of a group, `120363000000000001@g.us`.
///
/// Groups made before 2021 carry `creator-time@g.us` (`79990001122-1588883724@g.us`); both are valid.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(Arc<str>);

impl GroupId {
    const SERVER: &'static str = "g.us";
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
        let visible = spelling::visible(text);
        let text = visible.trim();
        let user = Jid::read(text).filter(|jid| jid.server == Self::SERVER && !jid.names_device);
        let user = user.map(|jid| jid.user).unwrap_or_default();
        let well_formed = match user.split_once(spelling::is_dash) {
            Some((creator, time)) => is_number(creator) && is_number(time),
            None => is_number(user),
        };
        if !well_formed {
            return Err(ParseError::new("must be a group id such as 120363000000000001@g.us"));
        }
        Ok(Self(match text.is_ascii() {
            true => text.into(),
            false => text.replace(spelling::is_dash, "-").into(),
        }))
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
