//! URLs that callers have the service connect to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::id::ParseError;

/// The longest URL that is taken, in bytes.
const MAX_BYTES: usize = 2048;

/// A URL that the service may be asked to connect to: http or https, with a host and without credentials.
/// Whether its address may be asked is decided when it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebUrl(Url);

impl WebUrl {
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for WebUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = |what: &str| ParseError::new(format!("must be an http or https URL {what}"));
        if text.len() > MAX_BYTES {
            return Err(refuse(&format!("of at most {MAX_BYTES} bytes")));
        }
        let url = Url::parse(text).map_err(|_| refuse("such as https://example.com/a"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(refuse("such as https://example.com/a"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("without a user name or password"));
        }
        Ok(Self(url))
    }
}

impl TryFrom<String> for WebUrl {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<WebUrl> for String {
    fn from(url: WebUrl) -> Self {
        url.0.into()
    }
}

impl From<WebUrl> for Url {
    fn from(url: WebUrl) -> Self {
        url.0
    }
}

/// As the URL is to be called.
impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The host alone: paths and queries of such URLs often hold keys.
impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebUrl({}…)", self.0.host_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_of_the_web_with_a_host_and_without_credentials() {
        for text in ["https://example.com/a?b=c", "http://[2001:db8::1]:8080/", "http://localhost/"]
        {
            let url: WebUrl = text.parse().expect(text);
            assert_eq!((url.to_string(), url.as_url().as_str()), (text.to_owned(), text));
            assert_eq!(Url::from(url.clone()).as_str(), text);
            assert_eq!(String::from(url), text);
        }
        for (text, why) in [
            ("", "such as https://"),
            ("example.com/a", "such as https://"),
            ("ftp://example.com/a", "such as https://"),
            ("data:image/png;base64,AA==", "such as https://"),
            ("file:///etc/passwd", "such as https://"),
            ("https://user@example.com/", "without a user name or password"),
            ("https://:secret@example.com/", "without a user name or password"),
        ] {
            let error = WebUrl::try_from(text.to_owned()).expect_err(text);
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_url_has_at_most_2048_bytes() {
        let of_length = |length: usize| {
            let start = "https://example.com/";
            format!("{start}{}", "a".repeat(length - start.len())).parse::<WebUrl>()
        };
        assert!(of_length(2048).is_ok());
        let error = of_length(2049).expect_err("too long");
        assert!(error.to_string().contains("2048 bytes"), "{error}");
    }

    #[test]
    fn logs_show_the_host_alone() {
        let url: WebUrl = "https://example.com/hook/s3cret?key=s3cret".parse().expect("a URL");
        let shown = format!("{url:?}");
        assert!(shown.contains("example.com") && !shown.contains("s3cret"), "{shown}");
    }
}
