//! The real program, killed: at random moments under load, and at each narrow window.
//!
//! Whatever the moment, the checker (`checker.rs`) then proves what the service promises.

pub mod checker;
mod early;
mod full_disk;
pub mod load;
mod network;
mod replicas;
mod upgrade;

use crate::harness::process::{Process, TestStore};
use load::Load;

const RANDOM_KILLS: u64 = 20;
const WRITERS: usize = 4;

/// The windows of a mutation in which a kill hurts most; `src/failpoint.rs` says where they are.
const FAILPOINTS: [&str; 5] =
    ["after_reserve", "engine_applied", "before_commit", "after_commit", "before_answer"];

async fn survive_random_kills(store: TestStore) {
    let mut process = Process::start(&store, None).await;
    let load = Load::begin(&process, WRITERS).await;
    for kill in 0..RANDOM_KILLS {
        // The next kill comes after so many more answers, in the middle of whatever runs then.
        load.wait_for_answers(3 + (kill * 7919) % 23).await;
        process.kill().await;
        process = Process::start(&store, Some(&process)).await;
    }
    load.wait_for_answers(20).await;
    let history = load.end().await;
    checker::check(process, store, history).await;
}

async fn survive_each_failpoint(store: TestStore) {
    let mut process = Process::start(&store, None).await;
    let load = Load::begin(&process, WRITERS).await;
    for (index, failpoint) in FAILPOINTS.into_iter().enumerate() {
        load.wait_for_answers(10).await;
        process.kill().await;
        // Dies at the n-th time that it comes by.
        process = Process::start_to_die_at(&store, &process, failpoint, 3 + index).await;
        process.wait_for_death().await;
        process = Process::start(&store, Some(&process)).await;
    }
    load.wait_for_answers(20).await;
    let history = load.end().await;
    checker::check(process, store, history).await;
}

macro_rules! crash_tests {
    ($($backend:ident),+) => {
        $(mod $backend {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn twenty_random_kills_under_load_lose_nothing_and_repeat_nothing() {
                if let Some(store) = TestStore::$backend().await {
                    survive_random_kills(store).await;
                }
            }

            #[cfg(feature = "failpoints")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_kill_in_each_narrow_window_loses_nothing_and_repeats_nothing() {
                if let Some(store) = TestStore::$backend().await {
                    survive_each_failpoint(store).await;
                }
            }
        })+
    };
}

crash_tests!(sqlite, postgres);

#[cfg(not(feature = "failpoints"))]
#[test]
fn the_narrow_windows_are_tested_with_the_feature_failpoints_only() {
    let _ = (FAILPOINTS, survive_each_failpoint);
    eprintln!(
        "left out: kills at failpoints; they need --features failpoints, as `make test` has it"
    );
}
