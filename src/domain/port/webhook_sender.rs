//! Posting to the receivers of webhooks.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::session::WebhookSecret;
use crate::domain::trace_context::TraceContext;
use crate::domain::web_url::WebUrl;
use crate::domain::webhook::{FailureCause, Header};

/// One post to one receiver.
#[derive(Debug, Clone)]
pub struct DeliveryRequest {
    pub url: WebUrl,
    pub headers: Vec<Header>,
    /// What the body is signed with; `None` = it is not.
    pub hmac_key: Option<WebhookSecret>,
    /// The same over all tries of one event.
    pub delivery_id: String,
    /// When the event was made, in milliseconds; as in the body.
    pub time: i64,
    /// That the event is a part of.
    pub trace: Option<TraceContext>,
    pub body: Bytes,
}

/// Why a delivery was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryError {
    pub cause: FailureCause,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
}

#[async_trait]
pub trait WebhookSender: Send + Sync + fmt::Debug + 'static {
    /// Whether a URL may be posted to, by the URL alone; a host name is looked up with each post.
    fn may_post_to(&self, url: &WebUrl) -> bool;

    /// Posts once, as WAHA does. `Ok` with the status where the receiver answered 2xx. Dropped, it may or
    /// may not have arrived.
    async fn post(&self, delivery: DeliveryRequest) -> Result<u16, DeliveryError>;
}
