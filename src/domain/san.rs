//! The names that a certificate is made out to (its subject alternative names, RFC 5280), as far as they can say who a
//! client is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name in a certificate. Names that mean the same are equal: those of the DNS, and the domain of an address, are
/// kept in small letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum San {
    /// `billing.example.org`
    Dns(String),
    /// `spiffe://example.org/billing`
    Uri(String),
    /// `billing@example.org`
    Email(String),
}

/// The longest that is taken: of an address and of a URI's usual bound.
const MAX_BYTES: usize = 2048;

/// Why a text is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSan;

impl fmt::Display for NoSan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be dns:NAME, uri:URI or email:ADDRESS, as it stands in the certificate")
    }
}

impl std::error::Error for NoSan {}

impl San {
    /// A name of the DNS; a first label of `*` stays as it is, and says nothing of names below.
    pub fn dns(name: &str) -> Result<Self, NoSan> {
        let is_label = |label: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            (1..=63).contains(&label.len()) && label.bytes().all(allowed)
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let labels = name.strip_prefix("*.").unwrap_or(name);
        if name.len() > 253 || !labels.split('.').all(is_label) {
            return Err(NoSan);
        }
        Ok(Self::Dns(name.to_ascii_lowercase()))
    }

    /// Taken as it is: schemes differ in what may be written in two ways.
    pub fn uri(uri: &str) -> Result<Self, NoSan> {
        let (scheme, rest) = uri.split_once(':').ok_or(NoSan)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let has_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(allowed);
        if !has_scheme || rest.is_empty() || !is_plain(uri) {
            return Err(NoSan);
        }
        Ok(Self::Uri(uri.to_owned()))
    }

    pub fn email(address: &str) -> Result<Self, NoSan> {
        let (local, domain) = address.rsplit_once('@').ok_or(NoSan)?;
        if local.is_empty() || domain.is_empty() || !is_plain(address) {
            return Err(NoSan);
        }
        Ok(Self::Email(format!("{local}@{}", domain.to_ascii_lowercase())))
    }
}

/// What is printed and compared must not hide anything.
fn is_plain(text: &str) -> bool {
    text.len() <= MAX_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Email(address) => write!(f, "email:{address}"),
        }
    }
}

impl FromStr for San {
    type Err = NoSan;

    fn from_str(text: &str) -> Result<Self, NoSan> {
        match text.split_once(':') {
            Some(("dns", name)) => Self::dns(name),
            Some(("uri", uri)) => Self::uri(uri),
            Some(("email", address)) => Self::email(address),
            Some(_) | None => Err(NoSan),
        }
    }
}

impl TryFrom<String> for San {
    type Error = NoSan;

    fn try_from(text: String) -> Result<Self, NoSan> {
        text.parse()
    }
}

impl From<San> for String {
    fn from(san: San) -> Self {
        san.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_mean_the_same_are_equal() {
        assert_eq!(San::dns("Billing.Example.ORG."), San::dns("billing.example.org"));
        assert_eq!(San::email("Me@Example.org"), San::email("Me@example.ORG"));
        assert_ne!(San::email("Me@example.org"), San::email("me@example.org"));
        assert_ne!(San::uri("spiffe://a/B"), San::uri("spiffe://a/b"));
        assert_eq!(
            San::dns("*.example.org").map(|san| san.to_string()).as_deref(),
            Ok("dns:*.example.org")
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "billing",
            "dns:",
            "dns:a..b",
            "dns:a b",
            "dns:*",
            "dns:a.*.b",
            "dns:ä.de",
            "DNS:a",
            "uri:",
            "uri:a",
            "uri:1a:b",
            "uri:a:",
            "uri:a:b c",
            "uri:a:b\n",
            "email:a",
            "email:@a",
            "email:a@",
            "ip:1.2.3.4",
        ] {
            assert_eq!(text.parse::<San>(), Err(NoSan), "{text:?}");
        }
        assert!(San::uri(&format!("a:{}", "b".repeat(MAX_BYTES))).is_err());
    }

    proptest! {
        #[test]
        fn a_name_that_is_read_prints_as_the_same_name(text in "(dns|uri|email):[a-zA-Z0-9@:/.*_-]{0,20}|\\PC{0,20}") {
            if let Ok(san) = text.parse::<San>() {
                prop_assert_eq!(san.to_string().parse::<San>(), Ok(san));
            }
        }
    }
}
