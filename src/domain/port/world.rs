//! Where the simulator keeps its WhatsApp.

use async_trait::async_trait;
use bytes::Bytes;

use super::repository::Result;

/// A durable map. The simulator writes to it before it answers, so its world survives a kill just
/// as the real WhatsApp does.
#[async_trait]
pub trait WorldStore: Send + Sync + 'static {
    async fn load(&self) -> Result<Vec<(String, Bytes)>>;

    /// Writes all of it in one transaction; `None` removes the key. Keys have at most 200 bytes.
    async fn save(&self, changes: Vec<(String, Option<Bytes>)>) -> Result<()>;
}
