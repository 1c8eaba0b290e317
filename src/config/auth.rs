//! API keys: who may call, and which sessions each may see.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::problems::Problems;
use super::values;
use crate::domain::auth::{Caller, Role, SessionPattern};
use crate::domain::san::San;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// None of either = open to all, on loopback listeners only.
    pub keys: Vec<ApiKey>,
    /// Callers without a key, by the client certificate of their connection.
    pub certificates: Vec<CertificateCaller>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// For people and logs; request ids are kept apart by it, too.
    pub name: String,
    /// SHA-256 of the key, in hex. The key itself is not kept.
    pub sha256: KeyDigest,
    /// Names of sessions, or prefixes with `*`.
    #[serde(with = "patterns")]
    pub sessions: Vec<SessionPattern>,
    /// What it may do with them; `None` = all, as keys could before there were roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

impl ApiKey {
    pub fn caller(&self) -> Caller {
        let role = self.role.unwrap_or(Role::Admin);
        Caller::with_role(self.name.clone(), self.sessions.clone(), role)
    }
}

/// Whoever shows a certificate with this name, verified by the authority of `tls.client_ca_file`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateCaller {
    /// As that of a key; keys and certificates share their names.
    pub name: String,
    pub san: San,
    #[serde(with = "patterns")]
    pub sessions: Vec<SessionPattern>,
    pub role: Role,
}

impl CertificateCaller {
    pub fn caller(&self) -> Caller {
        Caller::with_role(self.name.clone(), self.sessions.clone(), self.role)
    }
}

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub [u8; 32]);

impl FromStr for KeyDigest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(
            |_| "must be a SHA-256 in 64 hex digits, as `wagroups api-key new` prints it",
        )?;
        Ok(Self(digest))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

/// Serialized for `wagroups config`: enough to distinguish keys, not enough to search for them.
impl Serialize for KeyDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}…", hex::encode(&self.0[..4])))
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

mod patterns {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::SessionPattern;

    pub fn serialize<S: Serializer>(
        patterns: &[SessionPattern],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(patterns.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<SessionPattern>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
    }
}

impl Auth {
    /// Whether everybody may do everything.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty() && self.certificates.is_empty()
    }

    /// Whoever may call, where not everybody may.
    pub fn callers(&self) -> impl Iterator<Item = Caller> {
        let by_certificate = self.certificates.iter().map(CertificateCaller::caller);
        self.keys.iter().map(ApiKey::caller).chain(by_certificate)
    }

    /// Without keys whoever reaches a listener may do everything.
    pub(super) fn validate_reach(
        &self,
        setting: &str,
        listen: SocketAddr,
        problems: &mut Problems,
    ) {
        if self.is_open() && !listen.ip().is_loopback() {
            problems.add(
                "auth.keys",
                format!(
                    "no keys are set, and {setting} {listen} can be reached from outside; make a key with \
                     `wagroups api-key new NAME`, or listen on 127.0.0.1"
                ),
            );
        }
    }

    /// `asks_for_certificates`: clients are.
    pub(super) fn validate(&self, asks_for_certificates: bool, problems: &mut Problems) {
        let mut names = HashSet::new();
        let mut check = |path, what, name, sessions: &[SessionPattern]| {
            check_caller(path, what, name, sessions, &mut names, problems);
        };
        for key in &self.keys {
            check("auth.keys", "key", &key.name, &key.sessions);
        }
        for certificate in &self.certificates {
            check("auth.certificates", "certificate", &certificate.name, &certificate.sessions);
        }
        let mut digests = HashSet::new();
        for key in self.keys.iter().filter(|key| !digests.insert(key.sha256)) {
            problems.add("auth.keys", format!("the key {} is the same as another", key.name));
        }
        let mut sans = HashSet::new();
        for certificate in self.certificates.iter().filter(|known| !sans.insert(&known.san)) {
            problems.add(
                "auth.certificates",
                format!("{} stands twice; nobody could say who calls", certificate.san),
            );
        }
        if !self.certificates.is_empty() && !asks_for_certificates {
            problems.add(
                "auth.certificates",
                "no client is asked for a certificate; set tls.client_auth to optional or required",
            );
        }
    }
}

/// What a key and a certificate have in common.
fn check_caller<'a>(
    path: &str,
    what: &str,
    name: &'a str,
    sessions: &[SessionPattern],
    names: &mut HashSet<&'a str>,
    problems: &mut Problems,
) {
    if name.is_empty() || name.len() > 64 {
        problems.add(path, format!("each {what} needs a name of 1 to 64 bytes"));
    }
    if !names.insert(name) {
        problems.add(path, format!("the name {name} stands twice"));
    }
    if sessions.is_empty() {
        let text =
            format!("the {what} {name} sees no session; give it names or patterns such as *");
        problems.add(path, text);
    }
}

/// `name:sha256:pattern|pattern,…` or `name:sha256:pattern|pattern:role,…`, as the environment has it.
pub(super) fn parse_keys(text: &str) -> Result<toml::Value, String> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let keys = entries
        .map(|entry| {
            let parts: Vec<&str> = entry.split(':').collect();
            let (name, sha256, sessions, role) = match parts[..] {
                [name, sha256, sessions] => (name, sha256, sessions, None),
                [name, sha256, sessions, role] => (name, sha256, sessions, Some(role)),
                _ => {
                    return Err(
                        "must be name:sha256:pattern|pattern:role, several separated by commas"
                            .to_owned(),
                    );
                }
            };
            let sessions = sessions.split('|').map(|pattern| pattern.to_owned().into()).collect();
            let mut key = toml::Table::new();
            key.insert("name".to_owned(), name.to_owned().into());
            key.insert("sha256".to_owned(), sha256.to_owned().into());
            key.insert("sessions".to_owned(), toml::Value::Array(sessions));
            if let Some(role) = role {
                key.insert("role".to_owned(), role.to_owned().into());
            }
            Ok(toml::Value::Table(key))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(toml::Value::Array(keys))
}

/// As the file has them, in one line.
pub(super) fn parse_certificates(text: &str) -> Result<toml::Value, String> {
    values::tables(
        text,
        r#"[{ name = "billing", san = "dns:billing.example", sessions = ["*"], role = "reader" }]"#,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(certificates: &str, asks_for_certificates: bool) -> String {
        let certificates = parse_certificates(certificates).unwrap().try_into().unwrap();
        let auth = Auth { certificates, ..Auth::default() };
        assert!(!auth.is_open() && auth.callers().count() > 0);
        let mut problems = Problems::default();
        auth.validate(asks_for_certificates, &mut problems);
        problems.0.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn each_certificate_is_one_caller_of_its_own_name() {
        let one = r#"{ name = "a", san = "dns:a.example", sessions = ["*"], role = "reader" }"#;
        let other =
            r#"{ name = "b", san = "uri:spiffe://b", sessions = ["shop-*"], role = "admin" }"#;
        assert_eq!(problems_of(&format!("[{one}, {other}]"), true), "");
        let twice = problems_of(&format!("[{one}, {one}]"), true);
        assert!(
            twice.contains("the name a stands twice") && twice.contains("dns:a.example"),
            "{twice}"
        );
        let unasked = problems_of(&format!("[{one}]"), false);
        assert!(unasked.contains("tls.client_auth"), "{unasked}");
        let blind = one.replace(r#"["*"]"#, "[]");
        assert!(problems_of(&format!("[{blind}]"), true).contains("sees no session"));
        assert!(parse_certificates("a, b").unwrap_err().contains("a list in TOML"));
    }
}
