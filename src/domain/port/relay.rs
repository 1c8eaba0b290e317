//! Where it is kept how far the relay is.

use async_trait::async_trait;

use super::store_error::Result;
use crate::domain::counter::Epoch;
use crate::domain::relay::RelayRecord;

#[async_trait]
pub trait RelayStore: Send + Sync {
    /// None before it was kept for the first time.
    async fn relay(&self) -> Result<Option<RelayRecord>>;

    /// Refused to one that does not act any more.
    async fn put_relay(&self, record: &RelayRecord, epoch: Epoch) -> Result<()>;
}
