//! Budgets of full fetches.

use std::time::Duration;

use wagroups::domain::port::fetch_budget::{Allowance, FetchBudgetStore as _};

use super::given::{at, made, name};
use crate::harness::database::Database;

const ALLOWANCE: Allowance = Allowance { at_once: 2, period: Duration::from_secs(60) };

/// How many seconds the session has to wait; none where it has taken one.
async fn take(database: &Database, session: &str, second: i64) -> Option<u64> {
    // A process that starts anew finds what the last one has taken.
    let repository = database.open().await;
    let wait = repository.take_fetch(&name(session), at(second), ALLOWANCE).await;
    wait.expect("an answer").map(|wait| wait.as_secs())
}

pub async fn a_budget_is_earned_again_and_outlives_the_process(database: &Database) {
    let repository = database.open().await;
    made(&repository, "shop").await;
    made(&repository, "other").await;
    repository.close().await;
    assert_eq!(take(database, "shop", 0).await, None);
    assert_eq!(take(database, "shop", 1).await, None);
    assert_eq!(take(database, "shop", 2).await, Some(58));
    assert_eq!(take(database, "other", 2).await, None, "each session has its own");
    assert_eq!(take(database, "shop", 60).await, None);
    assert_eq!(take(database, "shop", 61).await, Some(59));
    // Never more than so many at once, however long it was quiet.
    for wait in [None, None, Some(60)] {
        assert_eq!(take(database, "shop", 100_000).await, wait);
    }
}
