//! Webhooks of a session, posted and signed as WAHA does it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use wagroups::domain::clock::Timestamp;
use wagroups::domain::event::EventId;
use wagroups::telemetry::SystemEntropy;

use super::hub::Wanted;
use crate::webhook::sender::sign;

const ATTEMPTS: u64 = 15;
const DELAY_SECONDS: f64 = 2.0;

/// A webhook as it stands in a session's config.
#[derive(Debug, Clone)]
pub struct Webhook {
    url: String,
    pub wanted: Wanted,
    key: Option<String>,
    headers: Vec<(String, String)>,
    policy: String,
    delay_seconds: f64,
    /// After the first try.
    attempts: u64,
}

/// The webhooks of a session's config.
pub fn configured(config: &Value) -> Vec<Webhook> {
    let webhooks = config.get("webhooks").and_then(Value::as_array);
    webhooks.into_iter().flatten().map(read).collect()
}

fn read(config: &Value) -> Webhook {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let list = |name: &str| config.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let headers = list("customHeaders");
    let headers = headers
        .iter()
        .filter_map(|header| Some((text(header.get("name"))?, text(header.get("value"))?)));
    let retries = config.get("retries");
    let of_retries = |name: &str| retries.and_then(|retries| retries.get(name));
    Webhook {
        url: text(config.get("url")).unwrap_or_default(),
        wanted: Wanted(list("events").iter().filter_map(|event| text(Some(event))).collect()),
        key: text(config.pointer("/hmac/key")),
        headers: headers.collect(),
        policy: text(of_retries("policy")).unwrap_or_else(|| "constant".to_owned()),
        delay_seconds: of_retries("delaySeconds").and_then(Value::as_f64).unwrap_or(DELAY_SECONDS),
        attempts: of_retries("attempts").and_then(Value::as_u64).unwrap_or(ATTEMPTS),
    }
}

impl Webhook {
    /// Posts the event, again and again until it is taken, with no regard to other events. Nothing of this
    /// outlives the server.
    pub fn deliver(
        self,
        client: Client,
        version: &'static str,
        now: Timestamp,
        body: String,
        life: Option<CancellationToken>,
        taken: Arc<AtomicUsize>,
    ) {
        let life = life.unwrap_or_default();
        tokio::spawn(async move {
            let posting = self.post_until_taken(&client, version, now, body);
            if life.run_until_cancelled(posting).await == Some(true) {
                taken.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    async fn post_until_taken(
        self,
        client: &Client,
        version: &str,
        now: Timestamp,
        body: String,
    ) -> bool {
        let request_id = EventId::new(now, &SystemEntropy).to_string().replace("evt_", "req_");
        for retry in 0..=self.attempts {
            let mut request = client
                .post(&self.url)
                .header("content-type", "application/json")
                .header("user-agent", format!("WAHA/{version}"))
                .header("x-webhook-request-id", &request_id)
                .header("x-webhook-timestamp", now.as_millis());
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            if let Some(key) = &self.key {
                request = request
                    .header("x-webhook-hmac", sign(key, body.as_bytes()))
                    .header("x-webhook-hmac-algorithm", "sha512");
            }
            let mut at_least = Duration::ZERO;
            if let Ok(response) = request.body(body.clone()).send().await {
                if response.status().is_success() {
                    return true;
                }
                let wait = response.headers().get("retry-after");
                let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
                at_least = Duration::from_secs(wait.unwrap_or(0));
            }
            tokio::time::sleep(self.pause(retry + 1).max(at_least)).await;
        }
        false
    }

    /// Before the retry of this number, which counts from 1.
    fn pause(&self, retry: u64) -> Duration {
        let factor = match &*self.policy {
            "linear" => retry as f64,
            "exponential" => 2_f64.powi(i32::try_from(retry).unwrap_or(30)),
            _ => 1.0,
        };
        Duration::from_secs_f64(self.delay_seconds * factor)
    }
}
