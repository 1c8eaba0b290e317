//! Every metric of the service, with its name, its unit and its meaning.

use std::sync::OnceLock;
use std::time::Duration;

use http::Method;
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::old_names::{OLD_NAMES, with_old_names};
use crate::domain::counter::Position;

pub(super) const RPCS: &str = "wagroups_rpcs_total";
pub(super) const RPC_SECONDS: &str = "wagroups_rpc_seconds";
pub(super) const RPCS_RUNNING: &str = "wagroups_rpcs_running";
const PANICS: &str = "wagroups_panics_total";
const CONNECTIONS: &str = "wagroups_connections";
const CONNECTIONS_CLOSED: &str = "wagroups_connections_closed_total";
const CALLS_HELD: &str = "wagroups_calls_held";
const CALL_BYTES: &str = "wagroups_call_bytes";
const CALLS_ENDED: &str = "wagroups_calls_ended_total";
const COMMITS: &str = "wagroups_commits_total";
const COMMIT_SECONDS: &str = "wagroups_commit_seconds";
const COMMIT_EVENTS: &str = "wagroups_commit_events";
const COMMIT_FAILURES: &str = "wagroups_commit_failures_total";
const COMMITS_WORK: &str = "wagroups_commits_work";
const COMMIT_CONFLICTS: &str = "wagroups_commit_conflicts_total";
const LOG_HEAD: &str = "wagroups_log_head_position";
const HISTORY_BYTES: &str = "wagroups_history_bytes";
const WATCHERS: &str = "wagroups_watchers";
const WATCH_EVENTS: &str = "wagroups_watch_events_total";
const WATCH_BYTES: &str = "wagroups_watch_bytes_total";
const CATCH_UP_EVENTS: &str = "wagroups_catch_up_events_total";
const CATCH_UP_READS: &str = "wagroups_catch_up_reads_total";
const RETENTION_EVENTS: &str = "wagroups_retention_removed_events_total";
const VIEW_LOOKUPS: &str = "wagroups_view_lookups_total";
const RESERVATIONS: &str = "wagroups_request_ids_total";
const ENGINE_CALLS: &str = "wagroups_engine_calls_total";
const ENGINE_RUNNING: &str = "wagroups_engine_calls_running";
const ENGINE_RETRIES: &str = "wagroups_engine_retries_total";
const ENGINE_WAIT_SECONDS: &str = "wagroups_engine_wait_seconds";
const ENGINE_SECONDS: &str = "wagroups_engine_call_seconds";
const FULL_FETCHES: &str = "wagroups_full_fetches_total";
const COMPARISONS: &str = "wagroups_comparisons_total";
const COMPARISON_EVENTS: &str = "wagroups_comparison_events_total";
const COMPARISON_SUSPECTS: &str = "wagroups_comparison_suspects_total";
const NOTIFICATIONS: &str = "wagroups_notifications_total";
const REST_REQUESTS: &str = "wagroups_rest_requests_total";
const REST_SECONDS: &str = "wagroups_rest_request_seconds";
const REST_STREAMS: &str = "wagroups_rest_streams";
const WAHA_UP: &str = "wagroups_waha_server_up";
const WAHA_STREAMS: &str = "wagroups_waha_stream_open";
const WAHA_EVENTS: &str = "wagroups_waha_events_total";
const PASSED_ON: &str = "wagroups_passed_on_events_total";
pub(super) const INGRESS_ACKNOWLEDGED: &str = "wagroups_waha_ingress_acknowledged_total";
pub(super) const INGRESS_REFUSED: &str = "wagroups_waha_ingress_refused_total";
pub(super) const INGRESS_BUFFER: &str = "wagroups_waha_ingress_buffer_bytes";
pub(super) const INGRESS_IGNORED: &str = "wagroups_waha_ingress_ignored_total";
pub(super) const INGRESS_UNKNOWN_FIELDS: &str = "wagroups_waha_ingress_unknown_fields_total";
pub(super) const INGRESS_LAG_SECONDS: &str = "wagroups_waha_ingress_lag_seconds";
const DELIVERIES: &str = "wagroups_deliveries_total";
const DELIVERY_SECONDS: &str = "wagroups_delivery_seconds";
const DELIVERY_LAG_SECONDS: &str = "wagroups_delivery_lag_seconds";
const SUBSCRIPTIONS: &str = "wagroups_webhook_subscriptions";
const BEHIND_EVENTS: &str = "wagroups_delivery_behind_events";
const BEHIND_SECONDS: &str = "wagroups_delivery_behind_seconds";

/// Buckets from 0.5 ms to 60 s: commits at the one end, calls to WhatsApp at the other.
const SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];
const COUNTS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// What renders the metrics for a scrape.
#[derive(Debug, Clone)]
pub struct MetricsHandle(PrometheusHandle);

impl MetricsHandle {
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        with_old_names(self.0.render(), &OLD_NAMES)
    }
}

/// Installs the process' recorder; a second call answers the same one.
pub fn install() -> Result<MetricsHandle, BuildError> {
    static HANDLE: OnceLock<Result<MetricsHandle, String>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Full(COMMIT_EVENTS.to_owned()), &COUNTS)
            });
        let handle = builder
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| error.to_string())?;
        describe();
        Ok(MetricsHandle(handle))
    });
    handle.clone().map_err(|_| BuildError::MissingExporterConfiguration)
}

fn describe() {
    super::cluster_metrics::describe();
    super::relay_metrics::describe();
    super::tls_metrics::describe();
    describe_counter!(
        RPCS,
        "Calls that have ended, by service, method and gRPC code; streams count when they begin."
    );
    describe_histogram!(
        RPC_SECONDS,
        Unit::Seconds,
        "How long calls took until their answer began."
    );
    describe_gauge!(RPCS_RUNNING, "Calls that wait for their answer.");
    describe_counter!(PANICS, "Panics that were caught in calls; each one is a bug.");
    describe_gauge!(CONNECTIONS, "Connections that are open, by listener.");
    describe_counter!(
        CONNECTIONS_CLOSED,
        "Connections that were closed to make room or since no request came, by listener."
    );
    describe_gauge!(CALLS_HELD, "Calls whose answer has not left yet, by listener.");
    describe_gauge!(
        CALL_BYTES,
        Unit::Bytes,
        "What calls hold of requests and of answers, by listener."
    );
    describe_counter!(
        CALLS_ENDED,
        "Calls that were ended as their caller kept us waiting, by listener."
    );
    describe_counter!(COMMITS, "Transactions of the writer.");
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "How long the writer's transactions took.");
    describe_histogram!(COMMIT_EVENTS, "Events in one transaction.");
    describe_counter!(
        COMMIT_FAILURES,
        "Transactions that failed and were tried again or given up."
    );
    describe_gauge!(
        COMMITS_WORK,
        "Whether commits work: 0 from one that fails until a probe of 64 KiB is written; not ready meanwhile."
    );
    describe_counter!(COMMIT_CONFLICTS, "Sessions whose write lost against another process.");
    describe_gauge!(LOG_HEAD, "Position of the last event that this process knows.");
    describe_gauge!(HISTORY_BYTES, Unit::Bytes, "Recent events in memory, shared by all watchers.");
    describe_gauge!(WATCHERS, "Watches that are open.");
    describe_counter!(WATCH_EVENTS, "Events handed to watchers.");
    describe_counter!(WATCH_BYTES, Unit::Bytes, "Bytes of events handed to watchers.");
    describe_counter!(CATCH_UP_EVENTS, "Events read from the log for watchers that were behind.");
    describe_counter!(CATCH_UP_READS, "Reads of the log for watchers that were behind.");
    describe_counter!(RETENTION_EVENTS, "Events removed by retention.");
    describe_counter!(VIEW_LOOKUPS, "Reads of a group, by whether it was in memory.");
    describe_counter!(RESERVATIONS, "Calls with a request id, by what became of the id.");
    describe_counter!(ENGINE_CALLS, "Calls to WhatsApp, by engine, operation and outcome.");
    describe_histogram!(ENGINE_SECONDS, Unit::Seconds, "How long calls to WhatsApp took.");
    describe_gauge!(ENGINE_RUNNING, "Calls to WhatsApp that wait for their answer.");
    describe_counter!(ENGINE_RETRIES, "Reads that were sent to WhatsApp once more.");
    describe_histogram!(
        ENGINE_WAIT_SECONDS,
        Unit::Seconds,
        "How long calls waited for their turn before they went to WhatsApp."
    );
    describe_counter!(
        FULL_FETCHES,
        "Fetches of all groups of a session that NOWEB makes where one is asked for, by outcome."
    );
    describe_counter!(
        COMPARISONS,
        "Comparisons of all groups of a session with WhatsApp's, by outcome; a refused one lost too much."
    );
    describe_counter!(COMPARISON_EVENTS, "Differences that comparisons found and logged.");
    describe_counter!(COMPARISON_SUSPECTS, "Groups that comparisons left in doubt.");
    describe_counter!(NOTIFICATIONS, "Notifications from engines, by what became of them.");
    describe_counter!(REST_REQUESTS, "Requests of the REST gateway, by method, route and status.");
    describe_histogram!(
        REST_SECONDS,
        Unit::Seconds,
        "How long requests of the REST gateway took until their answer began."
    );
    describe_gauge!(REST_STREAMS, "Streams of events that are open at the REST listener.");
    describe_gauge!(
        WAHA_UP,
        "Whether the WAHA server answers: 0 while it is left alone after failures in a row."
    );
    describe_gauge!(WAHA_STREAMS, "Whether the WAHA server's stream of events is open.");
    describe_counter!(
        WAHA_EVENTS,
        "Events of the WAHA server's stream: taken (durable), ignored, refused, or unreadable."
    );
    describe_counter!(
        PASSED_ON,
        "Events beside groups: passed on, lost or failed for one receiver, too_large or unreadable for all."
    );
    describe_counter!(
        INGRESS_ACKNOWLEDGED,
        "Webhooks of WAHA that were acknowledged: accepted (durable), duplicate, or ignored."
    );
    describe_counter!(
        INGRESS_REFUSED,
        "Webhooks of WAHA that were refused, by cause; WAHA sends them again, 16 times at most."
    );
    describe_gauge!(INGRESS_BUFFER, Unit::Bytes, "Bodies of WAHA's webhooks in memory.");
    describe_counter!(
        INGRESS_IGNORED,
        "Webhooks of WAHA that said nothing of groups: another event, reported better by another one, or odd."
    );
    describe_counter!(
        INGRESS_UNKNOWN_FIELDS,
        "Fields of WAHA's webhooks about groups that this version does not know; the log names them at debug."
    );
    describe_histogram!(
        INGRESS_LAG_SECONDS,
        Unit::Seconds,
        "How old events were, by WAHA's clock, when they were durable."
    );
    describe_counter!(
        DELIVERIES,
        "Posts to the receivers of webhooks, by outcome: delivered, or why not (status, connect, timeout, \
         address_not_allowed, internal)."
    );
    describe_histogram!(
        DELIVERY_SECONDS,
        Unit::Seconds,
        "How long posts to the receivers of webhooks took."
    );
    describe_histogram!(
        DELIVERY_LAG_SECONDS,
        Unit::Seconds,
        "How old events were when the receiver of a webhook had taken them."
    );
    describe_gauge!(
        SUBSCRIPTIONS,
        "Webhooks, by state: active, failing, paused, paused_by_failure, expired."
    );
    describe_gauge!(
        BEHIND_EVENTS,
        "Events of the log after the place of the webhook that is furthest behind."
    );
    describe_gauge!(
        BEHIND_SECONDS,
        Unit::Seconds,
        "Age of the oldest event that a webhook has not delivered."
    );
}

pub fn committed(elapsed: Duration, events: usize) {
    counter!(COMMITS).increment(1);
    histogram!(COMMIT_SECONDS).record(elapsed);
    histogram!(COMMIT_EVENTS).record(events as f64);
}

pub fn commits_work(work: bool) {
    gauge!(COMMITS_WORK).set(if work { 1.0 } else { 0.0 });
}

pub fn commit_failed() {
    counter!(COMMIT_FAILURES).increment(1);
}

pub fn commit_lost(sessions: usize) {
    counter!(COMMIT_CONFLICTS).increment(sessions as u64);
}

pub fn log_head(position: Position, history_bytes: usize) {
    gauge!(LOG_HEAD).set(position.get() as f64);
    gauge!(HISTORY_BYTES).set(history_bytes as f64);
}

pub fn watchers(count: u64) {
    gauge!(WATCHERS).set(count as f64);
}

pub fn watch_sent(events: usize, bytes: usize) {
    counter!(WATCH_EVENTS).increment(events as u64);
    counter!(WATCH_BYTES).increment(bytes as u64);
}

pub fn catch_up_read(events: usize) {
    counter!(CATCH_UP_READS).increment(1);
    counter!(CATCH_UP_EVENTS).increment(events as u64);
}

pub fn retention_removed(events: usize) {
    counter!(RETENTION_EVENTS).increment(events as u64);
}

pub fn view_lookup(hit: bool) {
    counter!(VIEW_LOOKUPS, "hit" => if hit { "true" } else { "false" }).increment(1);
}

pub fn reservation(outcome: &'static str) {
    counter!(RESERVATIONS, "outcome" => outcome).increment(1);
}

pub fn engine_call(
    engine: &'static str,
    operation: &'static str,
    outcome: &'static str,
    elapsed: Duration,
) {
    counter!(ENGINE_CALLS, "engine" => engine, "operation" => operation, "outcome" => outcome)
        .increment(1);
    histogram!(ENGINE_SECONDS, "engine" => engine, "operation" => operation).record(elapsed);
}

pub fn engine_retry(engine: &'static str, operation: &'static str) {
    counter!(ENGINE_RETRIES, "engine" => engine, "operation" => operation).increment(1);
}

pub fn engine_waited(engine: &'static str, waited: Duration) {
    histogram!(ENGINE_WAIT_SECONDS, "engine" => engine).record(waited);
}

/// A call to WhatsApp that waits for its answer.
#[derive(Debug)]
pub struct EngineRunning {
    engine: &'static str,
}

impl EngineRunning {
    pub fn begin(engine: &'static str) -> Self {
        gauge!(ENGINE_RUNNING, "engine" => engine).increment(1.0);
        Self { engine }
    }
}

impl Drop for EngineRunning {
    fn drop(&mut self) {
        gauge!(ENGINE_RUNNING, "engine" => self.engine).decrement(1.0);
    }
}

pub fn notification(engine: &'static str, outcome: &'static str) {
    counter!(NOTIFICATIONS, "engine" => engine, "outcome" => outcome).increment(1);
}

pub fn rest_request(method: &Method, route: Option<String>, status: u16, elapsed: Duration) {
    // What nobody serves must not become a time series for each path or method that someone makes up.
    let (method, route) = match route {
        Some(route) => (method_label(method), route),
        None => ("any", "unknown".to_owned()),
    };
    histogram!(REST_SECONDS, "method" => method, "route" => route.clone()).record(elapsed);
    let status = status.to_string();
    counter!(REST_REQUESTS, "method" => method, "route" => route, "status" => status).increment(1);
}

pub fn rest_streams(count: u64) {
    gauge!(REST_STREAMS).set(count as f64);
}

/// A path is found before its method is, so that a method that someone made up comes with a route.
pub fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

pub fn waha_server_up(server: &str, is_up: bool) {
    gauge!(WAHA_UP, "server" => server.to_owned()).set(u8::from(is_up));
}

pub fn waha_stream_open(server: &str, is_open: bool) {
    gauge!(WAHA_STREAMS, "server" => server.to_owned()).set(u8::from(is_open));
}

pub fn waha_event(server: &str, outcome: &'static str) {
    counter!(WAHA_EVENTS, "server" => server.to_owned(), "outcome" => outcome).increment(1);
}

pub fn passed_on(outcome: &'static str) {
    counter!(PASSED_ON, "outcome" => outcome).increment(1);
}

pub fn ingress_acknowledged(outcome: &'static str) {
    counter!(INGRESS_ACKNOWLEDGED, "outcome" => outcome).increment(1);
}

pub fn ingress_refused(cause: &'static str) {
    counter!(INGRESS_REFUSED, "cause" => cause).increment(1);
}

pub fn ingress_buffer(bytes: u64) {
    gauge!(INGRESS_BUFFER).set(bytes as f64);
}

pub fn ingress_ignored(cause: &'static str) {
    counter!(INGRESS_IGNORED, "cause" => cause).increment(1);
}

pub fn ingress_unknown_fields(count: usize) {
    counter!(INGRESS_UNKNOWN_FIELDS).increment(count as u64);
}

pub fn ingress_lag(age: Duration) {
    histogram!(INGRESS_LAG_SECONDS).record(age);
}

/// A post to the receiver of a webhook has ended.
pub fn delivery(outcome: &'static str, elapsed: Duration) {
    counter!(DELIVERIES, "outcome" => outcome).increment(1);
    histogram!(DELIVERY_SECONDS, "outcome" => outcome).record(elapsed);
}

pub fn delivery_lag(age: Duration) {
    histogram!(DELIVERY_LAG_SECONDS).record(age);
}

pub fn webhook_subscriptions(states: &[(&'static str, usize)], behind: u64, age: Duration) {
    for (state, count) in states {
        gauge!(SUBSCRIPTIONS, "state" => *state).set(*count as f64);
    }
    gauge!(BEHIND_EVENTS).set(behind as f64);
    gauge!(BEHIND_SECONDS).set(age.as_secs_f64());
}

/// NOWEB was to fetch all groups of a session.
pub fn full_fetch(outcome: &'static str) {
    counter!(FULL_FETCHES, "outcome" => outcome).increment(1);
}

pub fn compared(outcome: &'static str, events: usize, suspects: usize) {
    counter!(COMPARISONS, "outcome" => outcome).increment(1);
    counter!(COMPARISON_EVENTS).increment(events as u64);
    counter!(COMPARISON_SUSPECTS).increment(suspects as u64);
}

pub fn panicked() {
    counter!(PANICS).increment(1);
}

/// Connections that are open on a listener.
pub fn connections(listener: &'static str, open: usize) {
    gauge!(CONNECTIONS, "listener" => listener).set(open as f64);
}

/// A connection was closed by us: `gave_way` to others, or `no_request` came in time.
pub fn connection_closed(listener: &'static str, cause: &'static str) {
    counter!(CONNECTIONS_CLOSED, "listener" => listener, "cause" => cause).increment(1);
}

/// What the calls of a listener hold.
pub fn calls_held(listener: &'static str, calls: usize, request_bytes: u64, answer_bytes: u64) {
    gauge!(CALLS_HELD, "listener" => listener).set(calls as f64);
    gauge!(CALL_BYTES, "listener" => listener, "of" => "requests").set(request_bytes as f64);
    gauge!(CALL_BYTES, "listener" => listener, "of" => "answers").set(answer_bytes as f64);
}

/// Calls that were ended as their caller kept us waiting.
pub fn calls_ended(listener: &'static str, calls: usize) {
    counter!(CALLS_ENDED, "listener" => listener).increment(calls as u64);
}
