//! The spelling by which WhatsApp knows a number: looked up before adding a number that has two.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant as StdInstant;

use governor::clock::Clock as _;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::Expiry;
use tokio::time::{Instant, sleep};

use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::participant::Account;
use crate::domain::port::spellings::{HELD_FOR, SpellingMemory};

/// A number may be registered any time; WAHA's own apps look again after so long.
const ABSENT_FOR: Duration = Duration::from_secs(600);
const MAX_KNOWN: u64 = 100_000;
/// WhatsApp watches who looks up numbers.
const AT_ONCE: u32 = 20;
/// A session that has asked for nothing for so long begins anew.
const IDLE: Duration = Duration::from_secs(3600);

/// WhatsApp's answer for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registration {
    As(Account),
    Absent,
}

pub(super) type Key = (Arc<str>, PhoneNumber);

/// What the sessions of a server know of numbers, and how fast they may ask.
#[derive(Debug)]
pub(super) struct Spellings {
    pub known: moka::future::Cache<Key, Registration>,
    memory: Option<Arc<dyn SpellingMemory>>,
    /// How fast each session may ask; none where it may not.
    pub quota: Option<Quota>,
    pace: moka::sync::Cache<Arc<str>, Arc<DefaultDirectRateLimiter>>,
}

struct KeptFor;

impl Expiry<Key, Registration> for KeptFor {
    fn expire_after_create(
        &self,
        _: &Key,
        registration: &Registration,
        _: StdInstant,
    ) -> Option<Duration> {
        Some(match registration {
            Registration::As(_) => HELD_FOR,
            Registration::Absent => ABSENT_FOR,
        })
    }
}

impl Spellings {
    pub fn new(questions_per_hour: u32, memory: Option<Arc<dyn SpellingMemory>>) -> Self {
        let known = moka::future::Cache::builder();
        let at_once = NonZeroU32::new(questions_per_hour.min(AT_ONCE));
        let quota = NonZeroU32::new(questions_per_hour).zip(at_once);
        Self {
            known: known.max_capacity(MAX_KNOWN).expire_after(KeptFor).build(),
            memory,
            quota: quota.map(|(rate, at_once)| Quota::per_hour(rate).allow_burst(at_once)),
            pace: moka::sync::Cache::builder().max_capacity(MAX_KNOWN).time_to_idle(IDLE).build(),
        }
    }

    /// What WhatsApp has told the session of the number before this process began.
    pub async fn recall(&self, session: &SessionName, number: PhoneNumber) -> Option<Account> {
        let recalled = self.memory.as_ref()?.recall(session, number).await;
        recalled.unwrap_or_else(|error| {
            tracing::warn!(%session, %error, "what is known of a number's spelling could not be read");
            None
        })
    }

    /// Keeps what WhatsApp has told of the number; so it has of the number that it has named.
    pub async fn keep(&self, key: &Key, session: &SessionName, account: Account) {
        let (remote, asked) = key;
        let named = account.phone().filter(|named| named != asked);
        if let Some(named) = named {
            self.known.insert((remote.clone(), named), Registration::As(account)).await;
        }
        let numbers: Vec<PhoneNumber> = std::iter::once(*asked).chain(named).collect();
        let Some(memory) = &self.memory else { return };
        if let Err(error) = memory.keep(session, &numbers, account).await {
            tracing::warn!(%session, %error, "a number's spelling could not be kept");
        }
    }

    /// Whether the session may ask now, having waited until then at the latest.
    pub async fn turn(&self, session: &Arc<str>, until: Instant) -> bool {
        let Some(quota) = self.quota else { return false };
        let pace = self.pace.get_with_by_ref(session, || Arc::new(RateLimiter::direct(quota)));
        loop {
            let Err(not_yet) = pace.check() else { return true };
            let wait = not_yet.wait_time_from(pace.clock().now());
            if Instant::now() + wait > until {
                return false;
            }
            sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn questions_are_paced_by_session() {
        let spellings = Spellings::new(1200, None);
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let now = Instant::now();
        for _ in 0..AT_ONCE {
            assert!(spellings.turn(&one, now).await);
        }
        assert!(!spellings.turn(&one, now).await);
        assert!(spellings.turn(&other, now).await);
        assert!(!Spellings::new(0, None).turn(&one, now).await);
    }
}
