//! What WhatsApp has told of numbers with two spellings, for engines that would ask again after a restart.

use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::{App, Inner, draining};
use crate::domain::error::{Error, Result};
use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::participant::Account;
use crate::domain::port::spellings::{HELD_FOR, SpellingMemory};

/// As engines see it, which the app outlives.
#[derive(Debug)]
struct Memory(Weak<Inner>);

impl Memory {
    fn inner(&self) -> Result<Arc<Inner>> {
        self.0.upgrade().ok_or_else(draining)
    }
}

impl App {
    pub fn spelling_memory(&self) -> Arc<dyn SpellingMemory> {
        Arc::new(Memory(Arc::downgrade(&self.inner)))
    }
}

#[async_trait]
impl SpellingMemory for Memory {
    async fn recall(
        &self,
        session: &SessionName,
        number: PhoneNumber,
    ) -> Result<Option<Account>, Error> {
        let inner = self.inner()?;
        let since = inner.clock.now() - HELD_FOR;
        Ok(inner.repository.spelling(session, number, since).await?)
    }

    async fn keep(
        &self,
        session: &SessionName,
        numbers: &[PhoneNumber],
        account: Account,
    ) -> Result<(), Error> {
        let inner = self.inner()?;
        let now = inner.clock.now();
        Ok(inner.repository.keep_spelling(session, numbers, account, now).await?)
    }
}
