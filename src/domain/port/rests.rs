//! How long WhatsApp has asked accounts to be left alone.

use async_trait::async_trait;

use super::store_error::Result;
use crate::domain::clock::Timestamp;
use crate::domain::id::SessionName;

/// Where that is kept, so that neither a restart nor another replica asks them meanwhile.
#[async_trait]
pub trait RestStore: Send + Sync + std::fmt::Debug + 'static {
    /// The session rests until then, or longer where that was kept before.
    async fn keep_rest(&self, session: &SessionName, until: Timestamp) -> Result<()>;

    /// The sessions that rest now, and until when.
    async fn rests(&self, now: Timestamp) -> Result<Vec<(SessionName, Timestamp)>>;
}
