//! The figures of replicas: who acts, who is there, and what is handed on.

use std::time::Duration;

use crate::domain::counter::Epoch;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const OWNER: &str = "wagroups_cluster_owner";
const REPLICAS: &str = "wagroups_cluster_replicas";
const EPOCH: &str = "wagroups_cluster_epoch";
const ROLE_CHANGES: &str = "wagroups_cluster_role_changes_total";
const HEARTBEAT_AGE: &str = "wagroups_cluster_heartbeat_age_seconds";
const HANDED_ON: &str = "wagroups_handed_on_total";
const LOG_LAG: &str = "wagroups_log_lag_events";

pub(super) fn describe() {
    describe_gauge!(OWNER, "1 on the replica that acts, 0 on those that follow.");
    describe_gauge!(REPLICAS, "Replicas that are alive, as this one sees them.");
    describe_gauge!(EPOCH, "The epoch of the lease: it grows with each takeover.");
    describe_counter!(ROLE_CHANGES, "How often this replica began or ended to act.");
    describe_gauge!(
        HEARTBEAT_AGE,
        Unit::Seconds,
        "Since the last heartbeat that the database has confirmed was sent."
    );
    describe_counter!(
        HANDED_ON,
        "Calls that the owner was to answer, by surface (grpc, rest, waha) and outcome (answered, no_owner, outcome_unknown)."
    );
    describe_gauge!(
        LOG_LAG,
        "Events in the log that this replica had not read yet when it looked."
    );
}

pub fn cluster(acts: bool, replicas: usize, epoch: Epoch) {
    gauge!(OWNER).set(if acts { 1.0 } else { 0.0 });
    gauge!(REPLICAS).set(replicas as f64);
    gauge!(EPOCH).set(epoch.get() as f64);
}

pub fn role_changed() {
    counter!(ROLE_CHANGES).increment(1);
}

pub fn heartbeat_age(age: Duration) {
    gauge!(HEARTBEAT_AGE).set(age.as_secs_f64());
}

pub fn handed_on(surface: &'static str, outcome: &'static str) {
    counter!(HANDED_ON, "surface" => surface, "outcome" => outcome).increment(1);
}

pub fn log_lag(events: u64) {
    gauge!(LOG_LAG).set(events as f64);
}
