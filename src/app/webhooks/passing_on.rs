//! Events of WAHA servers that are not about groups, for the receiver of one webhook: at once, a few tries, or never.
//! They go beside the webhook's worker, with places of their own, so that no event of the log waits for it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::registry::WebhookHandle;
use crate::app::Inner;
use crate::app::fanout::{Subscription, Waiting, Wish};
use crate::domain::backoff::Backoff;
use crate::domain::port::webhook_sender::DeliveryRequest;
use crate::domain::webhook::{FailureCause, WebhookConfig, WebhookId};
use crate::telemetry;

/// Posts of one webhook that are out at the same time, each of other sessions.
const LANES: usize = 4;
/// How often an event is posted at most: it is worth little later.
const MAX_TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest that a receiver is left alone, as it asks.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The lanes of one webhook; dropped, they end.
pub(super) struct PassingOn {
    lanes: JoinSet<()>,
    _subscription: Subscription,
}

impl PassingOn {
    /// Begins, where the webhook asks for such events and its key is there.
    pub fn begin(inner: &Arc<Inner>, hook: &WebhookHandle) -> Option<Self> {
        let webhook = hook.webhook();
        let caller = inner.hooks.owner(&webhook.key_name)?.clone();
        let config = webhook.config;
        if config.passed_on_events.is_empty() {
            return None;
        }
        let wish = Wish {
            caller,
            sessions: config.sessions.clone(),
            names: config.passed_on_events.iter().cloned().collect(),
        };
        let (subscription, queues) = inner.fanout.subscribe::<LANES>(wish);
        let to = Arc::new(To {
            id: webhook.id,
            key_name: webhook.key_name,
            config,
            inner: inner.clone(),
        });
        let mut lanes = JoinSet::new();
        for queue in queues {
            lanes.spawn(to.clone().follow(queue));
        }
        Some(Self { lanes, _subscription: subscription })
    }

    /// Ends; nothing more is posted afterwards.
    pub async fn end(mut self) {
        self.lanes.shutdown().await;
    }
}

/// Whom a lane posts to.
struct To {
    inner: Arc<Inner>,
    id: WebhookId,
    key_name: String,
    config: WebhookConfig,
}

impl To {
    async fn follow(self: Arc<Self>, mut queue: mpsc::Receiver<Waiting>) {
        while let Some(waiting) = queue.recv().await {
            let posting = AssertUnwindSafe(self.post(&waiting)).catch_unwind();
            let is_taken = posting.await.unwrap_or_else(|_| {
                telemetry::panicked();
                false
            });
            telemetry::passed_on(if is_taken { "passed" } else { "failed" });
        }
    }

    /// Whether the receiver took it.
    async fn post(&self, waiting: &Waiting) -> bool {
        let (hooks, event) = (&self.inner.hooks, &waiting.event);
        let delivery = DeliveryRequest {
            url: self.config.url.clone(),
            headers: self.config.headers.clone(),
            hmac_key: self.config.hmac_key.clone(),
            delivery_id: self.id.delivery_id(&event.id),
            time: event.time,
            trace: None,
            body: event.body.clone(),
        };
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let posted = {
                let _place = hooks.passing_places.take(&self.key_name).await;
                hooks.sender.post(delivery.clone()).await
            };
            let Err(undelivered) = posted else { return true };
            let is_soon_mended = match undelivered.cause {
                FailureCause::Connect | FailureCause::Status(_) => true,
                // A receiver that slow would only be kept busy.
                FailureCause::Timeout
                | FailureCause::AddressNotAllowed
                | FailureCause::Internal => false,
            };
            let asked = undelivered.retry_after.map(|asked| asked.min(LONGEST_PAUSE));
            let pause = pauses.pause(asked, self.inner.entropy.as_ref());
            if !is_soon_mended || pauses.tries() == MAX_TRIES {
                return false;
            }
            sleep(pause).await;
        }
    }
}
