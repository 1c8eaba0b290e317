//! Metrics of the relay to a message bus.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::domain::relay::RelayState;

const STATE: &str = "wagroups_relay_state";
const PUBLISHED: &str = "wagroups_relay_published_events_total";
const FAILURES: &str = "wagroups_relay_failures_total";
const LOST: &str = "wagroups_relay_lost_events_total";
const UNPUBLISHED_EVENTS: &str = "wagroups_relay_behind_events";
const UNPUBLISHED_SECONDS: &str = "wagroups_relay_behind_seconds";

pub(super) fn describe() {
    describe_gauge!(
        STATE,
        "1 for the state that the relay is in: publishing, failing (it tries again) or stopped."
    );
    describe_counter!(PUBLISHED, "Events that the message bus took.");
    describe_counter!(FAILURES, "Tries to publish that failed.");
    describe_counter!(LOST, "Events that retention removed before they were published.");
    describe_gauge!(UNPUBLISHED_EVENTS, "Events of the log that are not published yet.");
    describe_gauge!(
        UNPUBLISHED_SECONDS,
        Unit::Seconds,
        "Age of the oldest event that waits to be published; 0 where none does."
    );
}

pub fn relay_state(state: RelayState) {
    for each in RelayState::ALL {
        gauge!(STATE, "state" => each.as_str()).set(if each == state { 1.0 } else { 0.0 });
    }
}

pub fn relay_published() {
    counter!(PUBLISHED).increment(1);
}

pub fn relay_failed() {
    counter!(FAILURES).increment(1);
}

pub fn relay_lost(events: u64) {
    counter!(LOST).increment(events);
}

pub fn relay_behind(events: u64, age: Duration) {
    gauge!(UNPUBLISHED_EVENTS).set(events as f64);
    gauge!(UNPUBLISHED_SECONDS).set(age.as_secs_f64());
}
