//! Replicas on machines whose clocks disagree.

use std::sync::Arc;
use std::time::Duration;

use wagroups::cluster::Membership;
use wagroups::domain::clock::{Clock, Timestamp};
use wagroups::domain::port::cluster::SeesReplicas as _;
use wagroups::repository::SeaRepository;
use wagroups::telemetry::{SharedClock, SystemClock, SystemEntropy};

use crate::harness::postgres::{TestDatabase, options};
use crate::harness::service::eventually;

/// As of a machine that nobody has set for a day.
#[derive(Debug)]
struct Ahead(Duration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }
}

/// Reservations last a day: by its own clock the replica would forget those that others have just made.
#[tokio::test]
async fn a_replica_whose_clock_is_a_day_ahead_goes_by_that_of_the_database() {
    let Some(database) = TestDatabase::create().await else { return };
    let store = SeaRepository::connect(database.url(), options()).await.expect("the database");
    let ahead = Duration::from_secs(25 * 60 * 60);
    let time = Arc::new(SharedClock::new(Arc::new(Ahead(ahead)), Arc::new(SystemClock)));
    assert!(time.now().since(SystemClock.now()) > Duration::from_secs(24 * 60 * 60));
    let membership = Membership::new(
        Arc::new(store),
        time.clone(),
        Arc::new(SystemEntropy),
        "127.0.0.1:1".to_owned(),
        "0.2.0",
    );
    let member = membership.member();
    let running = tokio::spawn(membership.run());
    eventually("a heartbeat is confirmed", || async { member.replicas() }).await;
    let (now, true_now) = (time.now(), SystemClock.now());
    let off = now.since(true_now).max(true_now.since(now));
    // The reading may be wrong by half of what it took.
    assert!(off < Duration::from_secs(10), "{off:?}");
    member.leave();
    running.await.expect("it leaves");
}
