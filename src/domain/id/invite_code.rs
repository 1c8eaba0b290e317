use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{ParseError, serde_as_text};

/// The code of a group's invite link.
///
/// Parsed from the bare code or from any `chat.whatsapp.com` link, with scheme, `/invite/`, query
/// string, fragment or trailing slash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteCode(Arc<str>);

impl InviteCode {
    const LENGTH: std::ops::RangeInclusive<usize> = 6..=64;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link that people share.
    pub fn link(&self) -> String {
        format!("https://chat.whatsapp.com/{}", self.0)
    }
}

impl FromStr for InviteCode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = || {
            ParseError::new(
                "must be an invite code or a link such as https://chat.whatsapp.com/CODE",
            )
        };
        let mut rest = text.trim();
        let lower = rest.to_ascii_lowercase();
        let mut is_link = false;
        for scheme in ["https://", "http://"] {
            if lower.starts_with(scheme) {
                rest = &rest[scheme.len()..];
                is_link = true;
                break;
            }
        }
        let host_length = "chat.whatsapp.com/".len();
        let has_host = rest
            .get(..host_length)
            .is_some_and(|host| host.eq_ignore_ascii_case("chat.whatsapp.com/"));
        if has_host {
            rest = &rest[host_length..];
            // A link may carry ?mode=…, #… or a slash at its end; the code never does.
            rest = rest.split(['?', '#']).next().unwrap_or_default();
            rest = rest.trim_end_matches('/');
            rest = rest.strip_prefix("invite/").unwrap_or(rest);
        } else if is_link {
            return Err(error());
        }
        let well_formed = Self::LENGTH.contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if well_formed { Ok(Self(rest.into())) } else { Err(error()) }
    }
}

impl fmt::Display for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An invite code lets anybody in, so it is kept out of debug output and logs.
impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(…)")
    }
}

serde_as_text!(InviteCode);
