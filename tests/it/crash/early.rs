//! Told to stop while it still begins: it ends as if it had been running.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use crate::harness::service::eventually;

const STARTS: u32 = 20;

/// Killed where a test fails: it holds the test's own output open.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, arguments: &[&str]) -> Started {
    start_with_log(folder, arguments, Stdio::inherit())
}

fn start_with_log(folder: &Path, arguments: &[&str], log: Stdio) -> Started {
    let child = Command::new(env!("CARGO_BIN_EXE_wagroups"))
        .arg("serve")
        .args(arguments)
        .env_remove("WAGROUPS_CRASH_ROUNDS")
        .env("WAGROUPS_DATABASE__URL", format!("sqlite://{}/x.db?mode=rwc", folder.display()))
        .env("WAGROUPS_GRPC__LISTEN", "127.0.0.1:0")
        .env("WAGROUPS_OPS__LISTEN", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the program starts");
    Started(child)
}

fn tell(child: &Started, signal: &str) {
    let told = Command::new("kill").args([signal, &child.0.id().to_string()]).status();
    assert!(told.expect("kill").success(), "{signal} reaches it");
}

async fn ended(mut child: Started) -> ExitStatus {
    eventually("it ends", || std::future::ready(child.0.try_wait().expect("a status"))).await
}

/// Its settings come from a pipe into which nobody writes yet, so that it has hardly begun.
#[tokio::test]
async fn a_signal_that_comes_before_the_settings_are_read_ends_it_well() {
    for signal in ["-TERM", "-INT"] {
        let folder = TempDir::new().expect("a temporary folder");
        let pipe = folder.path().join("settings.toml");
        let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        let child = start(folder.path(), &["--config", pipe.to_str().expect("a path")]);
        // Opens once the program reads.
        let writing = tokio::task::spawn_blocking(move || File::create(pipe).expect("a reader"));
        let writer = writing.await.expect("no panic");
        tell(&child, signal);
        drop(writer);
        let status = ended(child).await;
        assert!(status.success(), "{signal}: {status}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_signal_at_any_moment_of_the_start_ends_it_well() {
    for number in 0..STARTS {
        let folder = TempDir::new().expect("a temporary folder");
        let mut child = start(folder.path(), &[]);
        // Nothing can be done about what comes while the kernel still loads it.
        while !hears(&child) {
            assert!(child.0.try_wait().expect("a status").is_none(), "it runs");
        }
        let moment = Instant::now() + Duration::from_micros(u64::from(number) * 1500);
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        tell(&child, "-TERM");
        let status = ended(child).await;
        assert!(status.success(), "start {number}: {status}");
    }
}

/// Whether the process holds SIGTERM, signal 15, back, or has a handler for it.
#[cfg(target_os = "linux")]
fn hears(child: &Started) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.0.id()));
    let status = status.expect("Linux tells");
    let mask = |name: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name)).expect("a mask");
        u64::from_str_radix(mask.trim(), 16).expect("hexadecimal")
    };
    (mask("SigBlk:") | mask("SigCgt:")) & (1 << 14) != 0
}

/// The log goes to a file on a full disk: what cannot be written is lost, and nothing else.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_log_that_cannot_be_written_ends_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut child = start_with_log(folder.path(), &[], Stdio::from(full));
    let written = folder.path().join("x.db-wal");
    eventually("it has begun to serve", || {
        let ended = child.0.try_wait().expect("a status");
        assert!(ended.is_none(), "it runs: {ended:?}");
        std::future::ready(std::fs::metadata(&written).ok().filter(|file| file.len() > 50_000))
    })
    .await;
    tell(&child, "-TERM");
    let status = ended(child).await;
    assert!(status.success(), "{status}");
}
