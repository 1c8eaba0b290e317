//! Opening a database, or being told why not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wagroups::domain::port::repository::EventLog;
use wagroups::repository::{ConnectOptions, OpenError, SeaRepository};

use super::given::{NOW, append, events, head, made, name};
use crate::harness::database::Database;
use crate::harness::service::PATIENCE;

pub async fn migrating_twice_changes_nothing(database: &Database) {
    let repository = database.open().await;
    let before = repository.bounds().await.expect("bounds");
    let a = made(&repository, "a").await;
    append(&repository, &a, NOW, |commit| commit.events = events(1)).await;
    repository.migrate().await.expect("a migration");
    let after = repository.bounds().await.expect("bounds");
    assert_eq!((after.log_id, after.head.position), (before.log_id, 1.into()));
}

/// After a rollback, the older version finds what the newer one has migrated.
pub async fn a_schema_of_a_newer_version_is_taken_as_it_is(database: &Database) {
    let repository = database.open().await;
    let newer =
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)";
    database.execute(newer).await;
    let unknown = repository.migrate().await.expect("it has all that this version needs");
    assert_eq!(unknown, ["m29991231_000001_later"]);
    made(&repository, "a").await;
    // One that lacks something is of no use.
    let lacking = "DELETE FROM seaql_migrations WHERE version LIKE '%create_webhooks'";
    database.execute(lacking).await;
    let refused = repository.migrate().await.expect_err("it lacks a table");
    let said = refused.to_string();
    assert!(said.contains("m29991231_000001_later") && said.contains("create_webhooks"), "{said}");
}

/// What the program says to a command on the database, and whether it ends well.
async fn said(database: &Database, command: &str) -> (bool, String) {
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_wagroups"));
    program
        .arg(command)
        .env("WAGROUPS_DATABASE__URL", database.url())
        .env("WAGROUPS_DATABASE__ALLOW_UNSAFE_FSYNC", "true")
        .env("WAGROUPS_LOG__FILTER", "off")
        .kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, program.output()).await.expect("it ends");
    let ended = ended.expect("the program starts");
    let text = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).expect("a text"));
    (ended.status.success(), text.concat())
}

pub async fn migrate_says_what_it_found(database: &Database) {
    let (well, text) = said(database, "migrate").await;
    assert!(well && text.contains("is up to date"), "{text}");

    let newer =
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)";
    database.execute(newer).await;
    let (well, text) = said(database, "migrate").await;
    assert!(
        well && text.contains("m29991231_000001_later") && text.contains("can serve"),
        "{text}"
    );
    assert!(!text.contains("up to date"), "{text}");

    let lacking = "DELETE FROM seaql_migrations WHERE version LIKE '%create_webhooks'";
    database.execute(lacking).await;
    for command in ["migrate", "serve"] {
        let (well, text) = said(database, command).await;
        assert!(!well && text.contains("m29991231_000001_later"), "{command}: {text}");
        assert!(text.contains("create_webhooks") && text.contains("cannot serve"), "{text}");
    }
}

pub async fn ping_answers(database: &Database) {
    database.open().await.ping().await.expect("an answer");
}

async fn refusal(url: &str) -> OpenError {
    SeaRepository::connect(url, ConnectOptions::default()).await.expect_err("a refusal")
}

#[tokio::test]
async fn a_second_process_is_kept_away_from_an_sqlite_database() {
    let database = Database::sqlite().await.expect("a database");
    let first = database.open().await;
    let refused = refusal(&database.url()).await;
    assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
    assert!(refused.to_string().contains("in use by another"), "{refused}");
    first.close().await;
    database.open().await.ping().await.expect("an answer");
}

/// The folder of a fresh SQLite database, and its path.
fn files(database: &Database) -> (&Path, PathBuf) {
    let Database::Sqlite(dir) = database else { panic!("it is on SQLite") };
    (dir.path(), dir.path().join("wagroups.db"))
}

/// The kernel's locks on the file, as `/proc/locks` lists them.
#[cfg(target_os = "linux")]
fn locks_on(path: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let inode = std::fs::metadata(path).expect("the file").ino();
    let locks = std::fs::read_to_string("/proc/locks").expect("Linux tells");
    let of_file = |line: &&str| line.contains(&format!(":{inode} "));
    // The number at the start is that of the line.
    let facts = |line: &str| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    locks.lines().filter(of_file).map(facts).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_second_process_is_kept_away_under_any_name_of_the_file() {
    let database = Database::sqlite().await.expect("a database");
    let (dir, path) = files(&database);
    let first = database.open().await;
    made(&first, "a").await;
    std::os::unix::fs::symlink("wagroups.db", dir.join("symlink.db")).expect("a link");
    std::fs::hard_link(&path, dir.join("hardlink.db")).expect("a link");
    let before = locks_on(&path);
    assert!(before.iter().any(|lock| lock.starts_with("POSIX")), "SQLite locks it: {before:?}");
    for name in ["symlink.db", "hardlink.db"] {
        let refused = refusal(&format!("sqlite://{}/{name}?mode=rwc", dir.display())).await;
        assert!(matches!(refused, OpenError::InUse(_)), "{name}: {refused}");
        assert!(!dir.join(format!("{name}-wal")).exists(), "{name}: nothing was written");
        // Closing a descriptor of the file would have taken them away.
        assert_eq!(locks_on(&path), before, "{name}: SQLite still has its locks");
    }
    first.close().await;

    // What was written last may be missing under the other name.
    let refused = refusal(&format!("sqlite://{}/hardlink.db", dir.display())).await;
    assert!(refused.to_string().contains("2 names"), "{refused}");
    std::fs::remove_file(dir.join("hardlink.db")).expect("removed");
    let url = format!("sqlite://{}/symlink.db", dir.display());
    let through_link =
        SeaRepository::connect(&url, Database::options()).await.expect("the database opens");
    assert!(matches!(refusal(&database.url()).await, OpenError::InUse(_)));
    head(&through_link, &name("a")).await;
}

/// It locks the file beside the database only.
#[tokio::test]
async fn an_earlier_version_keeps_this_one_away() {
    let database = Database::sqlite().await.expect("a database");
    let (dir, _) = files(&database);
    let lock = std::fs::File::options()
        .write(true)
        .open(dir.join("wagroups.db.lock"))
        .expect("the lock's file");
    lock.try_lock().expect("locked");
    assert!(matches!(refusal(&database.url()).await, OpenError::InUse(_)));
}

#[tokio::test]
async fn the_files_of_an_sqlite_database_are_their_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::sqlite().await.expect("a database");
    let (dir, path) = files(&database);
    let modes = || {
        let entries =
            std::fs::read_dir(dir).expect("the folder").map(|entry| entry.expect("an entry"));
        entries
            .map(|entry| {
                let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
                (entry.file_name().into_string().expect("a name"), mode)
            })
            .collect::<BTreeMap<_, _>>()
    };
    let expected = ["", "-shm", "-wal", ".lock"].map(|end| (format!("wagroups.db{end}"), 0o600));
    let first = database.open().await;
    made(&first, "a").await;
    assert_eq!(modes(), expected.clone().into_iter().collect::<BTreeMap<_, _>>());
    first.close().await;

    // As an earlier version left it.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("a mode");
    let second = database.open().await;
    made(&second, "b").await;
    assert_eq!(modes(), expected.into_iter().collect::<BTreeMap<_, _>>());
}

#[tokio::test]
async fn a_missing_sqlite_file_is_made_only_when_asked_for() {
    let dir = TempDir::new().expect("a temporary folder");
    let url = format!("sqlite://{}/none.db", dir.path().display());
    let refused = refusal(&url).await;
    assert!(refused.to_string().contains("mode=rwc"), "{refused}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("the folder").count(), 0);
    let unreachable = format!("sqlite://{}/no/folder/x.db?mode=rwc", dir.path().display());
    assert!(matches!(refusal(&unreachable).await, OpenError::File { .. }));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    // A port of ours that nobody listens on any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let refused = refusal(&format!("postgres://me:secret@127.0.0.1:{port}/groups")).await;
    let text = refused.to_string();
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{text}");
    assert!(text.contains(&format!("127.0.0.1:{port}/groups as me")), "{text}");
    assert!(!text.contains("secret") && !format!("{refused:?}").contains("secret"), "{text}");
}

/// Bare, they make another host, port or path of the URL.
#[tokio::test]
async fn a_password_that_is_not_percent_encoded_is_refused_and_not_shown() {
    for password in
        ["77/secret", "sec/ret77", "sec?ret77", "sec#ret77", "sec@77/ret", "sec:77/ret@x"]
    {
        let refused = refusal(&format!("postgres://me:{password}@127.0.0.1/groups")).await;
        let text = format!("{refused} {refused:?}");
        assert!(text.contains("percent-encoded") && text.contains("%2F for /"), "{text}");
        for piece in ["77", "sec", "secret", "ret7"] {
            assert!(!text.contains(piece), "{piece} of {password}: {text}");
        }
    }
}
