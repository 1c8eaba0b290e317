//! How a webhook is set, as flags.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::cli::errors::Failure;
use crate::cli::input::{read_secret, read_text};
use crate::cli::spans;
use crate::pb;

/// More than all headers may have together.
const MAX_HEADERS_BYTES: u64 = 64 * 1024;

/// Which sessions' events, and which events, a webhook gets.
#[derive(Debug, Args)]
pub struct TopicArgs {
    /// Only this session; may be repeated. All that the key may see unless given
    #[arg(long, value_name = "NAME")]
    pub session: Vec<String>,
    /// Only this event; may be repeated. WAHA's unless given
    #[arg(long, value_name = "EVENT", value_parser = EVENTS)]
    pub event: Vec<String>,
    /// Besides, what WAHA servers tell beside groups, such as message, or *; may be repeated. Not kept: what does not
    /// arrive at once is lost
    #[arg(long, value_name = "EVENT")]
    pub passed_on_event: Vec<String>,
}

const EVENTS: [&str; 8] = [
    "group.v2.join",
    "group.v2.leave",
    "group.v2.participants",
    "group.v2.update",
    "group.v2.participants.join-request",
    "wagroups.group.update",
    "wagroups.group.picture",
    "wagroups.session.deleted",
];

/// What a webhook sends along, which may be secret.
#[derive(Debug, Args)]
pub struct SecretArgs {
    /// What posts are signed with, in a file; - for standard input
    #[arg(long, value_name = "FILE")]
    pub hmac_key_file: Option<String>,
    /// A header to send besides; may be repeated. Other users of this machine can read flags: a file
    /// is safer for secrets
    #[arg(long, value_name = "NAME:VALUE")]
    pub header: Vec<Header>,
    /// Headers to send besides, one a line; - for standard input
    #[arg(long, value_name = "FILE")]
    pub headers_file: Option<String>,
}

impl SecretArgs {
    /// Empty where none is given; a file that holds none is a mistake, not a wish to sign nothing.
    pub fn hmac_key(&self) -> Result<String, Failure> {
        let Some(path) = &self.hmac_key_file else { return Ok(String::new()) };
        let key = read_secret(path)?;
        if key.is_empty() {
            return Err(Failure::Usage(format!("{path} is empty: there is no key to sign with")));
        }
        Ok(key)
    }

    pub fn names_headers(&self) -> bool {
        self.headers_file.is_some() || !self.header.is_empty()
    }

    pub fn headers(&self) -> Result<Vec<pb::WebhookHeader>, Failure> {
        let mut headers = self.header.clone();
        if let Some(path) = &self.headers_file {
            let text = read_text(path, MAX_HEADERS_BYTES)?;
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                // The line itself may be a secret.
                let header = line.parse().map_err(|error| {
                    Failure::Usage(format!("a line of the headers' file {error}"))
                });
                headers.push(header?);
            }
        }
        let wire = |Header { name, value }| pb::WebhookHeader { name, value };
        Ok(headers.into_iter().map(wire).collect())
    }
}

/// `NAME:VALUE`
#[derive(Clone)]
pub struct Header {
    name: String,
    value: String,
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("must be NAME:VALUE")?;
        Ok(Self { name: name.trim().to_owned(), value: value.trim().to_owned() })
    }
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:…", self.name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    Constant,
    Linear,
    Exponential,
}

impl From<PolicyName> for pb::RetryPolicy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::Constant => Self::Constant,
            PolicyName::Linear => Self::Linear,
            PolicyName::Exponential => Self::Exponential,
        }
    }
}

#[derive(Debug, Args)]
pub struct RetryArgs {
    /// How the pauses between tries grow; constant unless given
    #[arg(long, value_enum, value_name = "POLICY")]
    retry_policy: Option<PolicyName>,
    /// What the pauses are made of, up to 1h; 2s unless given
    #[arg(long, value_name = "DURATION", value_parser = spans::span)]
    retry_delay: Option<prost_types::Duration>,
    /// Tries after the first one, before the pauses become minutes; 15 unless given
    #[arg(long, value_name = "COUNT")]
    retry_attempts: Option<i32>,
}

impl RetryArgs {
    /// `None` where nothing was said.
    pub fn retries(&self) -> Option<pb::WebhookRetries> {
        let is_said = self.retry_policy.is_some()
            || self.retry_delay.is_some()
            || self.retry_attempts.is_some();
        is_said.then(|| pb::WebhookRetries {
            policy: self.retry_policy.map_or(pb::RetryPolicy::Unspecified, Into::into).into(),
            delay: self.retry_delay,
            attempts: self.retry_attempts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::webhook::EventName;

    #[test]
    fn the_events_are_those_of_the_service() {
        assert_eq!(EVENTS, EventName::ALL.map(EventName::as_str));
    }

    #[test]
    fn an_empty_file_is_no_key() {
        let of = |path: Option<&str>| SecretArgs {
            hmac_key_file: path.map(str::to_owned),
            header: Vec::new(),
            headers_file: None,
        };
        assert_eq!(of(None).hmac_key().ok().as_deref(), Some(""));
        assert!(matches!(of(Some("/dev/null")).hmac_key(), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_header_is_a_name_and_a_value_which_is_not_shown() {
        let header: Header = "authorization: Bearer a:b".parse().expect("a header");
        assert_eq!((&*header.name, &*header.value), ("authorization", "Bearer a:b"));
        assert_eq!(format!("{header:?}"), "authorization:…");
        assert!("authorization".parse::<Header>().is_err());
    }
}
