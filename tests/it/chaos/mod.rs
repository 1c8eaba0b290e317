//! Everything that can fail does, in turn or at random, while clients change groups through all replicas, watchers hop
//! from one to another, and webhooks are posted. What is promised holds: `crash/checker.rs` for what it can see of any
//! sessions, `proof.rs` for WAHA and webhooks.

mod fleet;
mod many_sessions;
mod proof;
mod rolling_update;

use std::time::Duration;

use self::fleet::{Fault, Fleet, Size};
use crate::crash::load::{Clients, Load};

async fn survive(size: Size, clients: Clients, faults: impl IntoIterator<Item = Fault>) {
    let Some(mut fleet) = Fleet::start(size).await else { return };
    let clients = Clients { sessions: fleet.sessions(), ..clients };
    let processes: Vec<_> = fleet.replicas.iter().map(|replica| &replica.process).collect();
    let load = Load::begin_with(&processes, clients).await;
    let mut frozen = 0;
    for (at, fault) in faults.into_iter().enumerate() {
        load.wait_for_answers(20).await;
        eprintln!("chaos: {at}: {fault:?}");
        fleet.strike(fault, at, &load, size).await;
        frozen += usize::from(fault == Fault::Frozen);
    }
    load.wait_for_answers(20).await;
    let history = load.end().await;
    proof::prove(fleet, history, frozen).await;
}

/// Each kind of fault once, in CI.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_in_turn_loses_nothing_and_repeats_nothing() {
    let size =
        Size { simulated: 3, on_waha: 1, webhooks: 2, database_away: Duration::from_secs(8) };
    let clients = Clients { writers: 5, watchers: 6, sessions: Vec::new() };
    survive(size, clients, Fault::ALL).await;
}

/// The long form, `make chaos`: so many faults of all kinds at random.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_at_random_lose_nothing_and_repeat_nothing() {
    let Ok(faults) = std::env::var("WAGROUPS_CHAOS_FAULTS") else { return };
    let faults: usize = faults.parse().expect("a number of faults");
    let size =
        Size { simulated: 30, on_waha: 10, webhooks: 20, database_away: Duration::from_secs(20) };
    let clients = Clients { writers: 50, watchers: 200, sessions: Vec::new() };
    survive(size, clients, (0..faults).map(|place| Fault::at(faults, place))).await;
}
