//! Three replicas on one PostgreSQL: killed, stopped, and frozen past their lease, while clients call all of them.
//!
//! The checker is that of a single process: nothing that was acknowledged is missing, nothing acted twice, the watcher
//! saw the log as it is, the state is the fold of the log and the simulator's world.

use super::checker;
use super::load::Load;
use crate::harness::process::{Process, TestStore};

const WRITERS: usize = 4;
const REPLICAS: usize = 3;
const SETTINGS: [(&str, &str); 3] = [
    ("WAGROUPS_CLUSTER__LISTEN", "127.0.0.1:0"),
    ("WAGROUPS_DATABASE__MAX_CONNECTIONS", "4"),
    ("WAGROUPS_SHUTDOWN__GRACE", "5s"),
];

#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed,
    Stopped,
    Frozen,
}

async fn survive(faults: impl IntoIterator<Item = Fault>) {
    let Some(store) = TestStore::postgres().await else { return };
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(Process::start_with(&store, &SETTINGS).await);
    }
    let load = Load::begin_at(&replicas.iter().collect::<Vec<_>>(), WRITERS).await;
    // The first one owns. Whoever takes over, each is met in turn, so that the owner is among them.
    for (i, fault) in faults.into_iter().enumerate() {
        load.wait_for_answers(20).await;
        let replica = &mut replicas[i % REPLICAS];
        match fault {
            Fault::Killed => {
                replica.kill().await;
                load.wait_for_answers(10).await;
                *replica = Process::restart_with(&store, replica, &SETTINGS).await;
            }
            Fault::Stopped => {
                replica.terminate().await;
                load.wait_for_answers(10).await;
                *replica = Process::restart_with(&store, replica, &SETTINGS).await;
            }
            Fault::Frozen => {
                replica.signal("STOP").await;
                // Of an owner there are none before it was replaced, but for those that were on their way.
                load.wait_for_answers(3 * WRITERS as u64).await;
                replica.signal("CONT").await;
            }
        }
    }
    load.wait_for_answers(20).await;
    let history = load.end().await;
    let last = replicas.pop().expect("a replica");
    for mut replica in replicas {
        assert!(replica.is_running(), "no replica ends by itself");
        replica.kill().await;
    }
    checker::check(last, store, history).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_are_killed_and_stopped_lose_nothing_and_repeat_nothing() {
    use Fault::{Killed, Stopped};
    survive([Killed, Stopped, Killed, Stopped]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_are_frozen_past_their_lease_lose_nothing_and_repeat_nothing() {
    use Fault::{Frozen, Killed};
    survive([Frozen, Killed, Frozen]).await;
}

/// Between its last look at the lease and its commit the owner is frozen, and wakes when another one owns: what it
/// then commits is refused by the database, or the log would have it beside what its heir wrote.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_comes_after_the_lease_has_moved_is_refused() {
    for failpoint in ["before_commit", "engine_applied", "after_reserve"] {
        let Some(store) = TestStore::postgres().await else { return };
        // Under load, and not while the two start: the service commits by itself, to see whether it can.
        let frozen_at = format!("{failpoint}:40=stop");
        let mut settings = SETTINGS.to_vec();
        settings.push(("WAGROUPS_FAILPOINT", &frozen_at));
        let mut owner = Process::start_with(&store, &settings).await;
        let heir = Process::start_with(&store, &SETTINGS).await;
        let load = Load::begin_at(&[&owner, &heir], WRITERS).await;
        owner.until_frozen().await;
        load.wait_for_answers(3 * WRITERS as u64).await;
        owner.signal("CONT").await;
        load.wait_for_answers(10).await;
        let history = load.end().await;
        assert!(owner.is_running(), "it goes on as a follower");
        owner.kill().await;
        checker::check(heir, store, history).await;
    }
}
