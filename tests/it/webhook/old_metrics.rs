//! The metrics of webhooks by the names that they had before 0.2.

use serde_json::json;
use wagroups::domain::clock::Clock;
use wagroups::telemetry::{self, SystemClock};

use super::listening;
use super::sender::{Sender, event, event_id, members};
use crate::harness::service::Service;

const SECRET: &str = "what shop and its WAHA server know";

const RENAMED: [(&str, &str); 6] = [
    ("wagroups_waha_ingress_acknowledged_total", "wagroups_webhooks_total"),
    ("wagroups_waha_ingress_refused_total", "wagroups_webhooks_refused_total"),
    ("wagroups_waha_ingress_buffer_bytes", "wagroups_webhook_buffer_bytes"),
    ("wagroups_waha_ingress_ignored_total", "wagroups_webhooks_ignored_total"),
    ("wagroups_waha_ingress_unknown_fields_total", "wagroups_webhook_unknown_fields_total"),
    ("wagroups_waha_ingress_lag_seconds", "wagroups_webhook_lag_seconds"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn their_old_names_are_exported_with_the_same_values() {
    let service = Service::on_sqlite_with(listening).await;
    service.create_waha_session("shop", SECRET).await;
    let sender = Sender::new(&service.webhook_url(), SECRET);
    let now = SystemClock.now().as_millis();
    let mut joined = members("120363000000000001@g.us", "join", &["5@lid"], now);
    joined["mood"] = json!("new");
    for (number, name, payload) in
        [(1, "group.v2.participants", joined), (2, "engine.event", json!({}))]
    {
        let body = event("shop", &event_id(number), now, name, payload);
        assert_eq!(sender.post("shop", body.to_string()).await.0, 200, "{name}");
    }
    assert_eq!(sender.with_secret("the secret of another").post("shop", "{}").await.0, 401);

    let metrics = telemetry::install().expect("metrics").render();
    for (new, old) in RENAMED {
        let lines = |name: &str| -> Vec<String> {
            let series = metrics.lines().filter_map(|line| line.strip_prefix(name));
            series.map(str::to_owned).collect()
        };
        assert!(!lines(new).is_empty(), "{new}: {metrics}");
        assert_eq!(lines(old), lines(new));
        let help = format!("# HELP {old} deprecated: use {new}");
        assert!(metrics.lines().any(|line| line == help), "{help}");
    }
}
