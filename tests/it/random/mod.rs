//! Long random runs: three accounts and some strangers do whatever comes to mind while everything goes
//! wrong that can. In the end every session holds exactly what the world holds, and its log folds to it.
//!
//! A seed says all of a run. `WAGROUPS_SEEDS=1000` runs so many, `WAGROUPS_SEED=17` that one.

pub mod chance;
mod people;
mod truth;

use std::time::Duration;

use futures::StreamExt;

use self::chance::Chance;
use self::people::People;
use crate::harness::service::Service;

const SEEDS_ON_SQLITE: u64 = 42;
const SEEDS_ON_POSTGRES: u64 = 8;
/// Runs at the same time; each waits for its disk most of the time.
const AT_ONCE: usize = 4;
const STEPS: u32 = 60;

async fn run(seed: u64, mut service: Service) {
    let mut chance = Chance::new(seed);
    let mut people = People::begin(&service).await;
    for step in 0..STEPS {
        people.act(&service, &mut chance).await;
        // Now and then everything starts anew in the middle of it.
        if step % 20 == 19 && chance.one_in(4) {
            service.restart().await;
        }
    }
    people.come_to_rest(&service).await;
    truth::check(seed, &service).await;
}

/// The seeds to run where this many are usual.
fn seeds(usual: u64) -> Vec<u64> {
    let setting = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    if let Some(seed) = setting("WAGROUPS_SEED") {
        return vec![seed];
    }
    let share = setting("WAGROUPS_SEEDS");
    (0..share.map_or(usual, |all: u64| all * usual / (SEEDS_ON_SQLITE + SEEDS_ON_POSTGRES)))
        .collect()
}

fn settings(settings: &mut wagroups::config::Settings, seed: u64) {
    settings.simulator.seed = seed;
    settings.reconcile.min_interval = Duration::ZERO;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_holds_what_the_world_holds() {
    let runs = seeds(SEEDS_ON_SQLITE).into_iter().map(|seed| async move {
        run(seed, Service::on_sqlite_with(|s| settings(s, seed)).await).await;
    });
    futures::stream::iter(runs).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_holds_what_the_world_holds() {
    let runs = seeds(SEEDS_ON_POSTGRES).into_iter().map(|seed| async move {
        if let Some(service) = Service::on_postgres_with(|s| settings(s, seed)).await {
            run(seed, service).await;
        }
    });
    futures::stream::iter(runs).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
