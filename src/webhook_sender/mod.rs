//! Posts to the receivers of webhooks as WAHA does: its headers, its signature. Unlike WAHA it waits for an
//! answer only so long, verifies certificates, and does not follow redirects.

mod retry_after;
pub mod signature;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response};

use crate::domain::clock::Clock;
use crate::domain::error::{Error, Result};
use crate::domain::port::webhook_sender::{DeliveryError, DeliveryRequest, WebhookSender};
use crate::domain::trace_context::TraceContext;
use crate::domain::web_url::WebUrl;
use crate::domain::webhook::FailureCause;
use crate::outbound::{self, Guard};
use crate::tls::Trust;

/// As much of an answer is read, so that the connection can be used again; it means nothing to us.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// How long that may take.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections to one receiver that are kept for the next post, and for how long.
const IDLE_CONNECTIONS: usize = 8;
const IDLE_TIME: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Lets URLs lead to private addresses: for tests and closed networks.
    pub allow_private_addresses: bool,
    /// How long one post may take.
    pub timeout: Duration,
}

pub struct HttpWebhookSender {
    client: Client,
    guard: Guard,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpWebhookSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpWebhookSender")
    }
}

impl HttpWebhookSender {
    pub fn new(options: Options, trust: &Trust, clock: Arc<dyn Clock>) -> Result<Self> {
        let guard = Guard::new(options.allow_private_addresses);
        let client = guard
            .client(trust.client_config().map_err(Error::internal)?)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_TIME)
            .build()
            .map_err(Error::internal)?;
        Ok(Self { client, guard, timeout: options.timeout, clock })
    }

    async fn send(&self, delivery: DeliveryRequest) -> Result<Response, DeliveryError> {
        let failed = |cause| DeliveryError { cause, retry_after: None };
        if !self.guard.admits(delivery.url.as_url()) {
            return Err(failed(FailureCause::AddressNotAllowed));
        }
        let mut request = self
            .client
            .post(delivery.url.as_url().clone())
            .header(CONTENT_TYPE, "application/json")
            .header("x-webhook-request-id", &delivery.delivery_id)
            .header("x-webhook-timestamp", delivery.time.to_string());
        if let Some(key) = &delivery.hmac_key {
            request = request
                .header("x-webhook-hmac", signature::sign(key, &delivery.body))
                .header("x-webhook-hmac-algorithm", "sha512");
        }
        let own = |name: &str| delivery.headers.iter().any(|header| header.name() == name);
        let traced = delivery.trace.iter().flat_map(TraceContext::headers);
        // What its owner has set counts.
        for (name, value) in traced.filter(|(name, _)| !own(name)) {
            request = request.header(name, value);
        }
        for header in &delivery.headers {
            request = request.header(header.name(), header.expose());
        }
        let sent = request.body(delivery.body).send().await;
        sent.map_err(|error| {
            failed(if outbound::was_refused(&error) {
                FailureCause::AddressNotAllowed
            } else {
                FailureCause::Connect
            })
        })
    }

    /// What was answered counts, also where the rest of the answer does not come.
    async fn take(&self, response: Response) -> Result<u16, DeliveryError> {
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| {
            let text = value.to_str().ok()?;
            retry_after::parse(text, self.clock.now())
        });
        let _ = tokio::time::timeout(READ_TIMEOUT, read(response)).await;
        if status.is_success() {
            return Ok(status.as_u16());
        }
        Err(DeliveryError { cause: FailureCause::Status(status.as_u16()), retry_after })
    }
}

/// Reads the answer to its end, unless that is far away.
async fn read(mut response: Response) {
    let mut length = 0;
    while length <= MAX_ANSWER_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => length += chunk.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

#[async_trait]
impl WebhookSender for HttpWebhookSender {
    fn may_post_to(&self, url: &WebUrl) -> bool {
        self.guard.admits(url.as_url())
    }

    async fn post(&self, delivery: DeliveryRequest) -> Result<u16, DeliveryError> {
        let late = Err(DeliveryError { cause: FailureCause::Timeout, retry_after: None });
        let response =
            tokio::time::timeout(self.timeout, self.send(delivery)).await.unwrap_or(late)?;
        self.take(response).await
    }
}
