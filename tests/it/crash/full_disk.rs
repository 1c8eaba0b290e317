//! The real program on SQLite while it cannot write: full disk, limited files, files that are gone.
//!
//! In each round the load meets the trouble, the trouble ends, the same process goes on by itself, and is then
//! killed or told to stop. What the program acknowledged or told meanwhile must all be there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use wagroups::pb::webhooks_service_client::WebhooksServiceClient;

use super::checker;
use super::load::{History, Load};
use crate::harness::process::{Process, TestStore};
use crate::harness::service::eventually;
use crate::hooks::receiver::Receiver;
use crate::hooks::to;

/// How many rounds each test has where `WAGROUPS_CRASH_ROUNDS` does not say it.
const ROUNDS: u64 = 3;
const WRITERS: usize = 4;

const SETTINGS: [(&str, &str); 1] = [("WAGROUPS_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true")];

/// What keeps the program from writing for a while.
trait Trouble {
    fn begin(&self, process: &Process);
    fn end(&self, process: &mut Process);
}

fn rounds() -> u64 {
    let said = std::env::var("WAGROUPS_CRASH_ROUNDS").ok();
    said.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"))
}

async fn survive(store: TestStore, trouble: &impl Trouble) {
    let receiver = Receiver::start().await;
    let mut process = Process::start_with(&store, &SETTINGS).await;
    let mut webhooks = WebhooksServiceClient::new(process.channel());
    webhooks.create_webhook(to(&receiver)).await.expect("a webhook");
    let load = Load::begin_on_a_failing_store(&process, WRITERS).await;
    for round in 0..rounds() {
        load.wait_for_answers(5 + (round * 7919) % 23).await;
        trouble.begin(&process);
        load.wait_for_refusals(1 + (round * 104_729) % 11).await;
        // Every third time it dies while it cannot write.
        if round % 3 == 1 {
            process.kill().await;
            trouble.end(&mut process);
        } else {
            trouble.end(&mut process);
            load.wait_for_answers(10).await;
            if round % 2 == 0 {
                process.terminate().await;
            } else {
                process.kill().await;
            }
        }
        process = Process::restart_with(&store, &process, &SETTINGS).await;
    }
    load.wait_for_answers(20).await;
    let history = load.end().await;
    all_that_was_told_is_in_the_log(&receiver, &history).await;
    checker::check(process, store, history).await;
}

/// The watcher saw the log as it is, as the checker proves.
async fn all_that_was_told_is_in_the_log(receiver: &Receiver, history: &History) {
    let logged: BTreeSet<&str> =
        history.watched.iter().flatten().map(|event| event.id.as_str()).collect();
    eventually("the webhook is told of everything", || async {
        let taken = receiver.taken();
        let told: BTreeSet<&str> = taken.iter().map(|post| post.text("/id")).collect();
        let false_news: Vec<_> = told.difference(&logged).collect();
        assert!(false_news.is_empty(), "told of what is in no log: {false_news:?}");
        (told.len() == logged.len()).then_some(())
    })
    .await;
}

/// A small file system of the test's own, in memory.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where this process may not mount one.
    fn mount() -> Option<Self> {
        let folder = TempDir::new().expect("a temporary folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=20m", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        eprintln!("left out: a full disk; only root may mount a small one");
        None
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

impl Trouble for SmallDisk {
    fn begin(&self, _: &Process) {
        let full = std::fs::write(self.filler(), vec![0; 20 << 20]);
        assert!(full.is_err(), "no more than fits was written");
    }

    fn end(&self, _: &mut Process) {
        std::fs::remove_file(self.filler()).expect("room");
    }
}

/// A limit on the size of the files that the process writes, as `ulimit -f` sets it.
struct LimitedFiles(PathBuf);

impl LimitedFiles {
    fn limit(process: &Process, soft: &str) {
        let done = Command::new("prlimit")
            .args(["--pid", &process.id().to_string(), &format!("--fsize={soft}:")])
            .status()
            .expect("prlimit, of util-linux");
        assert!(done.success(), "the limit is set");
    }
}

impl Trouble for LimitedFiles {
    fn begin(&self, process: &Process) {
        // SQLite begins `-wal` anew now and then without shortening it: in the middle of it, writes go on for a
        // while, and end within a frame.
        let wal = std::fs::metadata(self.0.join("wagroups.db-wal")).expect("a log").len();
        let limit = wal / 2 + 1000;
        Self::limit(process, &limit.to_string());
    }

    fn end(&self, process: &mut Process) {
        // A process that was killed has no limits any more.
        if process.is_running() {
            Self::limit(process, "unlimited");
        }
    }
}

/// Somebody moves the database's file away, and back.
struct MovedFile(PathBuf);

impl MovedFile {
    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.0.join(from), self.0.join(to)).expect("the file is moved");
    }
}

impl Trouble for MovedFile {
    fn begin(&self, _: &Process) {
        self.rename("wagroups.db", "away");
    }

    fn end(&self, _: &mut Process) {
        self.rename("away", "wagroups.db");
    }
}

fn folder(store: &TestStore) -> &Path {
    let TestStore::Sqlite(folder) = store else { panic!("it is on SQLite") };
    folder.path()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_that_was_acknowledged_or_told() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = TestStore::Sqlite(TempDir::new_in(disk.0.path()).expect("a folder"));
    survive(store, &disk).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_the_size_of_files_loses_nothing_and_is_survived() {
    let store = TestStore::sqlite().await.expect("a store");
    let limit = LimitedFiles(folder(&store).to_owned());
    survive(store, &limit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_away_for_a_while_loses_nothing() {
    let store = TestStore::sqlite().await.expect("a store");
    let moved = MovedFile(folder(&store).to_owned());
    survive(store, &moved).await;
}
