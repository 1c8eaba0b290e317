//! Where webhooks and their places in the log are kept.

use async_trait::async_trait;

use super::repository::Result;
use crate::domain::webhook::{Progress, Webhook, WebhookId, WebhookStatus};

#[async_trait]
pub trait WebhookStore: Send + Sync + 'static {
    /// All there are, by id.
    async fn webhooks(&self) -> Result<Vec<Webhook>>;

    /// Makes the webhook, or writes all of it anew.
    async fn put_webhook(&self, webhook: &Webhook) -> Result<()>;

    /// Writes how far it is and where it stands, and nothing else. `false` where the webhook is gone, or a
    /// process that started later than `epoch` has taken the database over.
    async fn put_webhook_progress(
        &self,
        id: WebhookId,
        status: &WebhookStatus,
        progress: &Progress,
        epoch: u64,
    ) -> Result<bool>;

    /// `false` where there was none.
    async fn remove_webhook(&self, id: WebhookId) -> Result<bool>;
}
