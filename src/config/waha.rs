//! WAHA servers that carry sessions: where they are, and how many sessions each takes.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::ByteSize;
use super::problems::Problems;
use super::values;
use crate::domain::id::SessionName;

/// WAHA servers, and how they are called.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Waha {
    /// Their addresses come from here alone, never from a caller.
    pub servers: Vec<WahaServer>,
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// The largest list of all groups of a session that is read.
    pub max_list_bytes: ByteSize,
    /// How often each server is asked where its sessions stand, beside what its events say; give or take
    /// 25 %.
    #[serde(with = "humantime_serde")]
    pub status_interval: Duration,
    /// How many numbers that have two spellings a session may look up in an hour, before somebody is added by them;
    /// 0 looks up none.
    pub spelling_questions_per_hour: u32,
    /// How often an hour a session's groups may all be fetched, on the engine that fetches them all where one is asked
    /// for (NOWEB); 0 sets no limit.
    pub full_fetches_per_hour: u32,
    /// Whether WAHA's paths beside groups are served, by asking the server that carries the session.
    pub pass_through: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WahaServer {
    /// What sessions name it by.
    pub name: String,
    /// `http://waha-1:3000` or `https://…`, perhaps with a path before WAHA's own.
    pub url: Url,
    /// Its API key, or a file that holds it; none for a server without keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<WahaKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_file: Option<PathBuf>,
    /// How many sessions it is to carry.
    #[serde(default = "usual_capacity")]
    pub capacity: usize,
}

/// What one WAHA of the engine GOWS carries with room to spare.
fn usual_capacity() -> usize {
    500
}

impl Default for Waha {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            max_list_bytes: ByteSize::mebibytes(64),
            status_interval: Duration::from_secs(60),
            spelling_questions_per_hour: 1200,
            full_fetches_per_hour: 30,
            pass_through: true,
        }
    }
}

/// A key that is shown as `…`.
#[derive(Clone)]
pub struct WahaKey(SecretString);

impl WahaKey {
    pub fn secret(&self) -> SecretString {
        self.0.clone()
    }
}

impl fmt::Debug for WahaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WahaKey(…)")
    }
}

impl Serialize for WahaKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("…")
    }
}

impl<'de> Deserialize<'de> for WahaKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|key| Self(SecretString::from(key)))
    }
}

impl Waha {
    pub(super) fn validate(&self, problems: &mut Problems) {
        let mut names = HashSet::new();
        for server in &self.servers {
            server.validate(problems);
            if !names.insert(&server.name) {
                problems.add("waha.servers", format!("the name {} stands twice", server.name));
            }
        }
        let range = 1024 * 1024..=1024 * 1024 * 1024;
        problems.require_range("waha.max_list_bytes", self.max_list_bytes.get(), range);
        let second = Duration::from_secs(1);
        for (path, value) in [
            ("waha.connect_timeout", self.connect_timeout),
            ("waha.status_interval", self.status_interval),
        ] {
            problems.require_duration(path, value, second..=3600 * second);
        }
    }
}

impl WahaServer {
    fn validate(&self, problems: &mut Problems) {
        let name = &self.name;
        let mut add = |text: String| problems.add("waha.servers", text);
        if name.parse::<SessionName>().is_err() {
            add(format!("{name:?} is no name: 1 to 64 characters of A-Z a-z 0-9 . _ -"));
        }
        if !matches!(self.url.scheme(), "http" | "https") || self.url.host().is_none() {
            add(format!("the url of {name} must be like http://waha-1:3000"));
        }
        if !self.url.username().is_empty()
            || self.url.password().is_some()
            || self.url.query().is_some()
            || self.url.fragment().is_some()
        {
            add(format!(
                "the url of {name} must have no user, query or fragment; keys go into api_key or api_key_file"
            ));
        }
        if self.api_key.is_some() && self.api_key_file.is_some() {
            add(format!("{name} has both api_key and api_key_file; leave one"));
        }
        let is_header =
            |key: &WahaKey| key.0.expose_secret().bytes().all(|b| (b' '..=b'~').contains(&b));
        if self.api_key.as_ref().is_some_and(|key| !is_header(key)) {
            add(format!("the api_key of {name} must be printable ASCII"));
        }
        if !(1..=100_000).contains(&self.capacity) {
            add(format!("the capacity of {name} must be 1 to 100000; it is {}", self.capacity));
        }
    }
}

/// A list in TOML, `[{ name = "waha-1", url = "http://waha-1:3000", … }]`, as the environment has it.
pub(super) fn parse_servers(text: &str) -> Result<toml::Value, String> {
    values::tables(text, r#"[{ name = "waha-1", url = "http://waha-1:3000", api_key_file = "…" }]"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(servers: &str) -> String {
        let servers = parse_servers(servers).unwrap();
        let waha = Waha { servers: servers.try_into().unwrap(), ..Waha::default() };
        let mut problems = Problems::default();
        waha.validate(&mut problems);
        problems.0.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn servers_are_read_and_their_keys_not_shown() {
        let servers = r#"[{ name = "a", url = "http://a:3000", api_key = "geheim", capacity = 7 },
                          { name = "b", url = "https://b/waha", api_key_file = "/run/b" }]"#;
        assert_eq!(problems_of(servers), "");
        let servers: Vec<WahaServer> = parse_servers(servers).unwrap().try_into().unwrap();
        assert_eq!((servers[0].capacity, servers[1].capacity), (7, 500));
        assert!(!format!("{servers:?}").contains("geheim"));
        assert!(!toml::Value::try_from(&servers).unwrap().to_string().contains("geheim"));
    }

    #[test]
    fn what_is_wrong_with_a_server_is_said() {
        for (servers, wrong) in [
            (r#"[{ name = "a", url = "ftp://a" }]"#, "must be like http"),
            (r#"[{ name = "", url = "http://a" }]"#, "is no name"),
            (r#"[{ name = "a", url = "http://u:p@a" }]"#, "no user"),
            (r#"[{ name = "a", url = "http://a?k=1" }]"#, "no user, query"),
            (r#"[{ name = "a", url = "http://a", capacity = 0 }]"#, "capacity of a"),
            (r#"[{ name = "a", url = "http://a", api_key = "k", api_key_file = "f" }]"#, "both"),
            (r#"[{ name = "a", url = "http://a", api_key = "kä" }]"#, "printable"),
            (r#"[{ name = "a", url = "http://a" }, { name = "a", url = "http://b" }]"#, "twice"),
        ] {
            assert!(problems_of(servers).contains(wrong), "{servers}: {}", problems_of(servers));
        }
        assert!(parse_servers("a=http://a").is_err());
    }
}
