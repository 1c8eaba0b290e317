//! Values that are more than a number or a text.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// What to do with a password that makes another URL of the one it is in.
pub const PERCENT_ENCODE: &str = "has an @ after a /, ? or #, as if a user or password held one of these: characters other \
    than letters and digits must be percent-encoded in them, such as %40 for @, %2F for / and %25 for % (and so \
    must an @ elsewhere)";

/// Whether a PostgreSQL URL goes on with `@` where its authority has ended, so that what a person took for the
/// password would be read, and shown, as host, port, path or parameters.
pub fn holds_bare_credentials(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let is_postgres = matches!(scheme, "postgres" | "postgresql");
    is_postgres && rest.find(['/', '?', '#']).is_some_and(|end| rest[end..].contains('@'))
}

/// A database's URL, which may hold a password: shown without it.
#[derive(Clone)]
pub struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub fn is_sqlite(&self) -> bool {
        self.expose().starts_with("sqlite:")
    }

    /// The URL with `…` for passwords, in the authority or among the parameters.
    pub fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.expose().split_once("://") else { return "…".to_owned() };
        if holds_bare_credentials(self.expose()) {
            return format!("{scheme}://…");
        }
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let rest = match rest.rsplit_once('@') {
            Some((credentials, rest)) => match credentials.split_once(':') {
                Some((user, _)) => format!("{user}:…@{rest}"),
                None => format!("{credentials}@{rest}"),
            },
            None => rest.to_owned(),
        };
        let parameters: Vec<String> = parameters
            .split('&')
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| match parameter.split_once('=') {
                Some((name, _)) if name.contains("pass") || name.contains("key") => {
                    format!("{name}=…")
                }
                _ => parameter.to_owned(),
            })
            .collect();
        let question = if parameters.is_empty() { "" } else { "?" };
        format!("{scheme}://{rest}{question}{}", parameters.join("&"))
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let url = self.expose();
        let known = ["postgres://", "postgresql://", "sqlite:"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if holds_bare_credentials(url) {
            Err(PERCENT_ENCODE)
        } else if known {
            Ok(())
        } else {
            Err("must be postgres://user:password@host/name or sqlite://path?mode=rwc")
        }
    }
}

impl From<&str> for DatabaseUrl {
    fn from(url: &str) -> Self {
        Self(SecretString::from(url.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

/// Serialized for `wagroups config`, therefore without the password.
impl Serialize for DatabaseUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        Ok(Self(SecretString::from(url)))
    }
}

/// A number of bytes, `64MiB` or `67108864`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl ByteSize {
    pub const fn mebibytes(count: u64) -> Self {
        Self(count << 20)
    }

    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole =
            UNITS.into_iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        let (unit, size) = whole.unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl FromStr for ByteSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let error = "must be a size such as 64MiB, 512KiB or a number of bytes";
        let (number, unit) = UNITS
            .into_iter()
            .find_map(|(unit, size)| Some((text.strip_suffix(unit)?.trim_end(), size)))
            .unwrap_or((text, 1));
        let number: u64 = number.parse().map_err(|_| error)?;
        number.checked_mul(unit).map(Self).ok_or(error)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(bytes) => Ok(Self(bytes)),
            Form::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// An address to listen on, or `off`.
pub(super) mod listen {
    use std::net::SocketAddr;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        listen: &Option<SocketAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match listen {
            Some(addr) => serializer.collect_str(addr),
            None => serializer.serialize_str("off"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if matches!(text.as_str(), "off" | "") {
            return Ok(None);
        }
        let error =
            || serde::de::Error::custom("must be an address such as 127.0.0.1:9090, or off");
        text.parse().map(Some).map_err(|_| error())
    }
}

/// A file that need not be named.
pub(super) mod file {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        file: &Option<PathBuf>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match file {
            Some(file) => serializer.collect_str(&file.display()),
            None => serializer.serialize_str("none"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Some(text).filter(|text| !matches!(text.as_str(), "none" | "")).map(PathBuf::from))
    }
}

/// A list of tables in TOML, in one line, as the environment has it.
pub(super) fn tables(text: &str, example: &str) -> Result<toml::Value, String> {
    let table: Result<toml::Table, _> = format!("list = {text}").parse();
    let mut table = table.map_err(|_| format!("must be a list in TOML: {example}"))?;
    Ok(table.remove("list").unwrap_or_else(|| toml::Value::Array(Vec::new())))
}

/// Whether a text can be a name in a request's `Host`.
pub(super) fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_size_that_is_read_prints_as_the_same_size(text in "\\PC{0,12}|[0-9]{1,22}(B|KiB|MiB|GiB)?", bytes: u64) {
            if let Ok(size) = text.parse::<ByteSize>() {
                prop_assert_eq!(size.to_string().parse::<ByteSize>(), Ok(size));
            }
            prop_assert_eq!(ByteSize(bytes).to_string().parse::<ByteSize>(), Ok(ByteSize(bytes)));
        }
    }

    #[test]
    fn sizes_print_as_they_parse() {
        for text in ["64MiB", "1GiB", "512KiB", "1500B", "0B"] {
            assert_eq!(text.parse::<ByteSize>().expect(text).to_string(), text);
        }
        assert_eq!("67108864".parse::<ByteSize>().expect("bytes").to_string(), "64MiB");
        for wrong in ["", "64MB", "-1", "1.5MiB", "99999999999GiB"] {
            assert!(wrong.parse::<ByteSize>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_password_however_ugly_is_shown(password in "[ЖΞq789@/?#:%&=+ ;.\\\\\\[\\]-]{3,24}") {
            let url = DatabaseUrl::from(format!("postgres://me:{password}@db.example:5432/groups").as_str());
            let shown = format!("{} {url:?} {:?}", url.redacted(), url.check());
            let characters: Vec<char> = password.chars().collect();
            for piece in characters.windows(3).filter(|piece| piece.iter().any(|c| "ЖΞq789".contains(*c))) {
                let piece: String = piece.iter().collect();
                prop_assert!(!shown.contains(&piece), "{piece:?} of {password:?} is in {shown}");
            }
        }
    }

    #[test]
    fn passwords_are_never_shown() {
        let url = DatabaseUrl::from("postgres://app:s3cr:et@db.example/wagroups");
        assert_eq!(format!("{url:?}"), "postgres://app:…@db.example/wagroups");
        let url = DatabaseUrl::from("postgres://db/x?user=a&password=secret&sslmode=require");
        assert_eq!(url.redacted(), "postgres://db/x?user=a&password=…&sslmode=require");
        assert_eq!(DatabaseUrl::from("postgres://app@db/x").redacted(), "postgres://app@db/x");
        assert_eq!(
            DatabaseUrl::from("sqlite://a.db?mode=rwc").redacted(),
            "sqlite://a.db?mode=rwc"
        );
    }
}
