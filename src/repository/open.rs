//! Which database to open, and what can be wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;

use crate::config::{PERCENT_ENCODE, holds_bare_credentials};

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Connections for everything but the commit, which has its own.
    pub max_connections: u32,
    /// Accepts a PostgreSQL server that would lose acknowledged events in a crash. For tests.
    pub allow_unsafe_fsync: bool,
    /// How long to wait for the server, and for a free connection.
    pub connect_timeout: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            max_connections: 16,
            allow_unsafe_fsync: false,
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// Why a database cannot be used; the message names what would be right, and never holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the database URL starts with neither postgres:// nor sqlite://; write \
         postgres://user:password@host:5432/database or sqlite://wagroups.db?mode=rwc"
    )]
    UnknownScheme,
    #[error("the database URL is malformed: {0}")]
    Malformed(String),
    #[error(
        "an SQLite database in memory would lose every event with the process, and cannot be read beside a \
         write; name a file: sqlite://wagroups.db?mode=rwc"
    )]
    InMemory,
    #[error("{path} does not exist; add ?mode=rwc to the URL to have it made", path = .0.display())]
    NoSuchFile(PathBuf),
    #[error(
        "{path} is in use by another wagroups process (which has it locked, perhaps under another name); stop that \
         one first, or give this one a file of its own",
        path = .0.display()
    )]
    InUse(PathBuf),
    #[error("cannot open {path}: {cause}; the file, its directory and {path}-wal must be writable", path = .path.display())]
    File { path: PathBuf, cause: String },
    #[error("cannot connect to PostgreSQL at {server}: {cause}")]
    Unreachable { server: String, cause: String },
    #[error(
        "the PostgreSQL server at {0} runs with fsync=off: a crash of its machine would lose acknowledged \
         events; set fsync=on there (a server for tests may be allowed with database.allow_unsafe_fsync)"
    )]
    UnsafeFsync(String),
    #[error("the PostgreSQL server at {0} is a read-only standby; name the primary")]
    Standby(String),
}

/// A database URL, taken apart.
#[derive(Debug)]
pub(super) enum DatabaseUrl {
    Postgres(Box<PgConnectOptions>),
    Sqlite(Box<SqliteFile>),
}

#[derive(Debug)]
pub(super) struct SqliteFile {
    pub path: PathBuf,
    pub create: bool,
    pub options: SqliteConnectOptions,
}

impl DatabaseUrl {
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            if holds_bare_credentials(url) {
                return Err(OpenError::Malformed(format!("it {PERCENT_ENCODE}")));
            }
            let options: PgConnectOptions =
                url.parse().map_err(|error: sea_orm::SqlxError| {
                    OpenError::Malformed(format!(
                        "{error}; where the user or the password holds other characters than letters and digits, \
                         percent-encode them, such as %40 for @ and %2F for /"
                    ))
                })?;
            Ok(Self::Postgres(Box::new(options)))
        } else if url.starts_with("sqlite:") {
            Self::parse_sqlite(url)
        } else {
            Err(OpenError::UnknownScheme)
        }
    }

    fn parse_sqlite(url: &str) -> Result<Self, OpenError> {
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(OpenError::InMemory);
        }
        let options: SqliteConnectOptions = url
            .parse()
            .map_err(|error: sea_orm::SqlxError| OpenError::Malformed(error.to_string()))?;
        let path = options.get_filename().to_owned();
        if path.as_os_str().is_empty() {
            return Err(OpenError::Malformed(
                "it names no file; write sqlite://wagroups.db?mode=rwc, or sqlite:///absolute/path.db?mode=rwc".to_owned(),
            ));
        }
        if url.contains("mode=ro") || url.contains("immutable=") {
            return Err(OpenError::Malformed(
                "the database must be writable; use mode=rwc".to_owned(),
            ));
        }
        Ok(Self::Sqlite(Box::new(SqliteFile { path, create: url.contains("mode=rwc"), options })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_a_url_or_a_refusal(rest in "\\PC{0,40}") {
            for scheme in ["", "sqlite:", "sqlite://", "postgres://", "postgres://user:secret@host/"] {
                let _ = DatabaseUrl::parse(&format!("{scheme}{rest}"));
            }
        }
    }

    /// Characters that make another URL of it when they are bare, and some that the messages do not have.
    const UGLY: &str = "[ЖΞq789@/?#:%&=+ ;.\\\\\\[\\]-]{3,24}";

    proptest! {
        #[test]
        fn no_piece_of_an_ugly_password_is_in_a_refusal_or_in_the_server_s_name(password in UGLY) {
            let parsed = DatabaseUrl::parse(&format!("postgres://me:{password}@db.example/groups"));
            let shown = match parsed {
                Err(refused) => {
                    let text = refused.to_string();
                    prop_assert!(text.contains("percent-encode") && text.contains("%40"), "{text}");
                    format!("{text} {refused:?}")
                }
                Ok(DatabaseUrl::Postgres(options)) => crate::repository::postgres::name(&options),
                Ok(DatabaseUrl::Sqlite(_)) => String::new(),
            };
            let characters: Vec<char> = password.chars().collect();
            for piece in characters.windows(3).filter(|piece| piece.iter().any(|c| "ЖΞq789".contains(*c))) {
                let piece: String = piece.iter().collect();
                prop_assert!(!shown.contains(&piece), "{piece:?} of {password:?} is in {shown}");
            }
        }

        #[test]
        fn a_password_that_is_percent_encoded_is_taken_whatever_it_holds(password in UGLY) {
            let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let parsed = DatabaseUrl::parse(&format!("postgres://me:{encoded}@db.example/groups"));
            let Ok(DatabaseUrl::Postgres(options)) = parsed else { panic!("{encoded} is refused") };
            prop_assert_eq!(options.get_host(), "db.example");
            prop_assert_eq!(options.get_database(), Some("groups"));
        }
    }

    fn refusal(url: &str) -> String {
        DatabaseUrl::parse(url).expect_err(url).to_string()
    }

    #[test]
    fn a_wrong_url_is_refused_with_what_would_be_right() {
        for (url, hint) in [
            ("mysql://localhost/x", "postgres://user:password@host"),
            ("wagroups.db", "sqlite://wagroups.db?mode=rwc"),
            ("sqlite::memory:", "name a file"),
            ("sqlite://:memory:", "name a file"),
            ("sqlite://x.db?mode=memory", "name a file"),
            ("sqlite://", "names no file"),
            ("sqlite://x.db?mode=ro", "mode=rwc"),
            ("sqlite://x.db?mode=sometimes", "malformed"),
            ("postgres://user:secret@host:port/x", "malformed"),
            ("postgres://user:se/secret@host/x", "%2F for /"),
            ("postgres://user:1/secret@host/x", "%2F for /"),
            ("postgres://user:se#secret@host/x", "percent-encoded"),
        ] {
            let refusal = refusal(url);
            assert!(refusal.contains(hint), "{url}: {refusal}");
            assert!(!refusal.contains("secret"), "{url}: {refusal}");
        }
    }

    #[test]
    fn both_schemes_of_postgresql_are_known() {
        for url in ["postgres://user:secret@host/x", "postgresql://host"] {
            assert!(matches!(DatabaseUrl::parse(url), Ok(DatabaseUrl::Postgres(_))), "{url}");
        }
    }
}
