//! By which spelling WhatsApp knows a number, once it has told: kept, so that a restart asks nothing again.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::store_error::StoreError;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::participant::Account;

/// How long it holds: an account keeps the spelling under which it was registered.
pub const HELD_FOR: Duration = Duration::from_secs(30 * 86_400);

/// What an engine remembers beyond its process.
#[async_trait]
pub trait SpellingMemory: Send + Sync + fmt::Debug + 'static {
    /// The account of this number, if WhatsApp has told it the session within the time that it holds.
    async fn recall(
        &self,
        session: &SessionName,
        number: PhoneNumber,
    ) -> Result<Option<Account>, Error>;

    /// WhatsApp has told the session just now that each of these numbers is this account.
    async fn keep(
        &self,
        session: &SessionName,
        numbers: &[PhoneNumber],
        account: Account,
    ) -> Result<(), Error>;
}

/// Where it is kept.
#[async_trait]
pub trait SpellingStore: Send + Sync {
    /// As [`SpellingMemory::recall`], told since then.
    async fn spelling(
        &self,
        session: &SessionName,
        number: PhoneNumber,
        since: Timestamp,
    ) -> Result<Option<Account>, StoreError>;

    /// As [`SpellingMemory::keep`], in place of what was told before.
    async fn keep_spelling(
        &self,
        session: &SessionName,
        numbers: &[PhoneNumber],
        account: Account,
        time: Timestamp,
    ) -> Result<(), StoreError>;
}
