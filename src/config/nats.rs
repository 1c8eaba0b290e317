//! Handing the log to NATS JetStream.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::problems::Problems;
use super::values::{self, ByteSize};

/// Of a stream's limits in time, as NATS has it.
const SHORTEST: Duration = Duration::from_millis(100);

/// The relay to NATS; off without `url`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nats {
    /// The servers, separated by commas: `nats://host:4222,tls://host:4222`. Without credentials, which have files.
    pub url: String,
    /// A file with a token.
    #[serde(with = "values::file")]
    pub token_file: Option<PathBuf>,
    /// A file with a user's JWT and seed, as `nsc` writes it.
    #[serde(with = "values::file")]
    pub credentials_file: Option<PathBuf>,
    /// A PEM file with the certificate that is shown to the servers, and those between it and its authority.
    #[serde(with = "values::file")]
    pub cert_file: Option<PathBuf>,
    /// A PEM file with the key of `cert_file`.
    #[serde(with = "values::file")]
    pub key_file: Option<PathBuf>,
    /// The stream that events are published to; made where it is missing, never altered.
    pub stream: String,
    /// What the subjects of events begin with.
    pub subject_prefix: String,
    /// How events are written.
    pub payload: NatsPayload,
    /// Where a relay begins that was never begun: `earliest`, `now`, or a resume token in base64.
    pub start: String,
    /// Of a stream that is made: how many servers keep it.
    pub stream_replicas: usize,
    /// Of a stream that is made: how long it keeps an event; 0 for ever.
    #[serde(with = "humantime_serde")]
    pub stream_max_age: Duration,
    /// Of a stream that is made: how much it keeps; 0 for as much as the servers allow.
    pub stream_max_bytes: ByteSize,
    /// Of a stream that is made: for how long it knows the ids of events.
    #[serde(with = "humantime_serde")]
    pub stream_duplicate_window: Duration,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NatsPayload {
    /// The bytes of a GroupEvent.
    #[default]
    Protobuf,
    /// Its JSON.
    Json,
}

/// Where a relay begins that was never begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatsStart {
    Earliest,
    Now,
    Token(Vec<u8>),
}

impl Default for Nats {
    fn default() -> Self {
        Self {
            url: String::new(),
            token_file: None,
            credentials_file: None,
            cert_file: None,
            key_file: None,
            stream: "WAGROUPS".to_owned(),
            subject_prefix: "wagroups.events".to_owned(),
            payload: NatsPayload::default(),
            start: "earliest".to_owned(),
            stream_replicas: 1,
            stream_max_age: Duration::from_secs(7 * 24 * 60 * 60),
            stream_max_bytes: ByteSize::mebibytes(0),
            stream_duplicate_window: Duration::from_secs(120),
        }
    }
}

impl Nats {
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }

    /// The servers, one by one.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.url.split(',').map(str::trim)
    }

    /// None where it is none of the three.
    pub fn start(&self) -> Option<NatsStart> {
        use base64::Engine as _;
        match self.start.as_str() {
            "earliest" => Some(NatsStart::Earliest),
            "now" => Some(NatsStart::Now),
            token => {
                let token = base64::engine::general_purpose::STANDARD.decode(token).ok()?;
                crate::domain::token::ResumeToken::decode(&token).ok()?;
                Some(NatsStart::Token(token))
            }
        }
    }

    pub(super) fn validate(&self, problems: &mut Problems) {
        if !self.is_on() {
            let files = [
                ("nats.token_file", &self.token_file),
                ("nats.credentials_file", &self.credentials_file),
                ("nats.cert_file", &self.cert_file),
                ("nats.key_file", &self.key_file),
            ];
            for (path, _) in files.into_iter().filter(|(_, file)| file.is_some()) {
                problems.add(path, "needs nats.url, without which nothing is handed to NATS");
            }
            return;
        }
        for server in self.servers() {
            if let Err(what) = check_server(server) {
                problems.add("nats.url", what);
            }
        }
        if self.token_file.is_some() && self.credentials_file.is_some() {
            problems.add(
                "nats.token_file",
                "is one way to log in, and nats.credentials_file another: set one",
            );
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            problems.add("nats.cert_file", "needs nats.key_file, and that needs it");
        }
        let is_name = |text: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            !text.is_empty() && text.len() <= 255 && text.bytes().all(allowed)
        };
        if !is_name(&self.stream) {
            problems.add("nats.stream", "must be 1 to 255 characters of A-Z a-z 0-9 _ -");
        }
        let prefix = &self.subject_prefix;
        if prefix.len() > 128 || !prefix.split('.').all(is_name) || prefix.starts_with('$') {
            let text =
                "must be words of A-Z a-z 0-9 _ - with a . between, 128 characters at the most";
            problems.add("nats.subject_prefix", text);
        }
        if self.start().is_none() {
            problems.add("nats.start", "must be earliest, now, or a resume token in base64");
        }
        if !(1..=5).contains(&self.stream_replicas) {
            problems.add("nats.stream_replicas", "must be 1 to 5");
        }
        for (path, duration) in [
            ("nats.stream_max_age", self.stream_max_age),
            ("nats.stream_duplicate_window", self.stream_duplicate_window),
        ] {
            if !duration.is_zero() && duration < SHORTEST {
                problems.add(path, "must be 100ms or longer: NATS takes no less");
            }
        }
        if !self.stream_max_age.is_zero() && self.stream_duplicate_window > self.stream_max_age {
            problems
                .add("nats.stream_duplicate_window", "must not be longer than nats.stream_max_age");
        }
    }
}

fn check_server(server: &str) -> Result<(), &'static str> {
    const SHAPE: &str =
        "must be nats://host:4222 or tls://host:4222, several of them separated by commas";
    let url = url::Url::parse(server).map_err(|_| SHAPE)?;
    if !matches!(url.scheme(), "nats" | "tls") || url.host_str().is_none_or(str::is_empty) {
        return Err(SHAPE);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "must hold no user or token: set nats.token_file or nats.credentials_file, whose text is in no log",
        );
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(SHAPE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(change: impl FnOnce(&mut Nats)) -> Vec<String> {
        let mut nats = Nats { url: "nats://127.0.0.1:4222".to_owned(), ..Nats::default() };
        change(&mut nats);
        let mut problems = Problems::default();
        nats.validate(&mut problems);
        problems.0.into_iter().map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(problems_of(|_| {}).is_empty());
        assert!(problems_of(|nats| nats.url = "nats://a:1, tls://b:2".into()).is_empty());
        for url in [
            "a:4222",
            "http://a:1",
            "nats://",
            "nats://a:1,",
            "nats://a:1/x",
            "nats://me:secret@a:1",
        ] {
            assert_eq!(problems_of(|nats| nats.url = url.into()), ["nats.url"], "{url}");
        }
        assert_eq!(problems_of(|nats| nats.stream = "a.b".into()), ["nats.stream"]);
        for prefix in ["", "a..b", "a.>", "a b", "$JS"] {
            let found = problems_of(|nats| nats.subject_prefix = prefix.into());
            assert_eq!(found, ["nats.subject_prefix"], "{prefix}");
        }
        assert_eq!(problems_of(|nats| nats.start = "yesterday".into()), ["nats.start"]);
        assert_eq!(problems_of(|nats| nats.stream_replicas = 0), ["nats.stream_replicas"]);
        let short = problems_of(|nats| nats.stream_duplicate_window = Duration::from_millis(1));
        assert_eq!(short, ["nats.stream_duplicate_window"]);
        assert_eq!(problems_of(|nats| nats.cert_file = Some("a".into())), ["nats.cert_file"]);
        let both = problems_of(|nats| {
            (nats.token_file, nats.credentials_file) = (Some("a".into()), Some("b".into()));
        });
        assert_eq!(both, ["nats.token_file"]);
        let off = problems_of(|nats| {
            nats.url.clear();
            nats.token_file = Some("a".into());
        });
        assert_eq!(off, ["nats.token_file"]);
    }
}
