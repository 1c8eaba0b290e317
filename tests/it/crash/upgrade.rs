//! The program of an earlier commit, and replicas of this one that take its place while clients go on.

use super::checker;
use super::load::Load;
use crate::harness::process::{Ports, Process, TestStore};

const SETTINGS: [(&str, &str); 3] = [
    ("WAGROUPS_CLUSTER__LISTEN", "127.0.0.1:0"),
    ("WAGROUPS_DATABASE__MAX_CONNECTIONS", "4"),
    ("WAGROUPS_SHUTDOWN__GRACE", "5s"),
];

/// `make upgrade`, which names that program: it knows nothing of leases, and ends as it always did where another
/// process took its database over. It serves on the new schema until then, and what it acknowledged stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_of_before_is_fenced_and_nothing_is_lost() {
    let Ok(before) = std::env::var("WAGROUPS_BEFORE") else { return };
    let Some(store) = TestStore::empty_postgres().await else { return };
    let ports = [Ports::free(), Ports::free(), Ports::free()];
    let none: [(&str, &str); 0] = [];
    let mut old = Process::start_program(&before, &store, ports[0], &none).await;
    let load = Load::begin_over(&ports, 4).await;
    load.wait_for_answers(40).await;
    let mut first = Process::start_at(&store, ports[1], &SETTINGS).await;
    let second = Process::start_at(&store, ports[2], &SETTINGS).await;
    load.wait_for_answers(40).await;
    old.wait_for_end().await;
    let history = load.end().await;
    first.kill().await;
    checker::check(second, store, history).await;
}
