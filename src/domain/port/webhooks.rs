//! Where webhooks and their places in the log are kept.

use async_trait::async_trait;

use super::store_error::Result;
use crate::domain::counter::Epoch;
use crate::domain::webhook::{Progress, Webhook, WebhookId, WebhookStatus};

/// What became of writing how far a webhook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressWrite {
    Written,
    /// There is no such webhook any more.
    Gone,
    /// A process that started later has taken the database over.
    Fenced,
}

#[async_trait]
pub trait WebhookStore: Send + Sync + 'static {
    /// All there are, by id.
    async fn webhooks(&self) -> Result<Vec<Webhook>>;

    /// Makes the webhook; one of its id is written anew.
    async fn insert_webhook(&self, webhook: &Webhook) -> Result<()>;

    /// Writes all of it anew; `false` where there is none. One that was given up and comes late undoes no later one.
    async fn update_webhook(&self, webhook: &Webhook) -> Result<bool>;

    /// Writes how far it is and where it stands, and nothing else.
    async fn put_webhook_progress(
        &self,
        id: WebhookId,
        status: &WebhookStatus,
        progress: &Progress,
        epoch: Epoch,
    ) -> Result<ProgressWrite>;

    /// `false` where there was none.
    async fn remove_webhook(&self, id: WebhookId) -> Result<bool>;
}
