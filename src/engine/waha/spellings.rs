//! By which spelling WhatsApp knows a number: asked before somebody is added whose number has two.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant as StdInstant;

use governor::clock::Clock as _;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::Expiry;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::names;
use super::routed_session::RoutedSession;
use super::server::{Answer, Ask};
use crate::domain::id::{Likeness, PhoneNumber};
use crate::domain::operation::{OperationName, Result};
use crate::domain::participant::Account;

/// An account keeps the spelling under which it was registered.
const REGISTERED_FOR: Duration = Duration::from_secs(30 * 86_400);
/// Somebody may come to WhatsApp any time; WAHA's own apps look again after so long.
const ABSENT_FOR: Duration = Duration::from_secs(600);
const MAX_KNOWN: u64 = 100_000;
/// WhatsApp watches who looks up numbers.
const AT_ONCE: u32 = 20;
/// How long one call waits for the turns of its questions. Numbers that were not asked for go out as they are.
const PATIENCE: Duration = Duration::from_secs(10);
/// A session that has asked for nothing for so long begins anew.
const IDLE: Duration = Duration::from_secs(3600);

/// What WhatsApp says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Registration {
    As(Account),
    Absent,
}

type Key = (Arc<str>, PhoneNumber);

/// What the sessions of a server know of numbers, and how fast they may ask.
#[derive(Debug)]
pub(super) struct Spellings {
    known: moka::future::Cache<Key, Registration>,
    /// How fast each session may ask; none where it may not.
    quota: Option<Quota>,
    pace: moka::sync::Cache<Arc<str>, Arc<DefaultDirectRateLimiter>>,
}

struct KeptFor;

impl Expiry<Key, Registration> for KeptFor {
    fn expire_after_create(&self, _: &Key, told: &Registration, _: StdInstant) -> Option<Duration> {
        Some(match told {
            Registration::As(_) => REGISTERED_FOR,
            Registration::Absent => ABSENT_FOR,
        })
    }
}

impl Spellings {
    pub fn new(questions_per_hour: u32) -> Self {
        let known = moka::future::Cache::builder();
        let at_once = NonZeroU32::new(questions_per_hour.min(AT_ONCE));
        let quota = NonZeroU32::new(questions_per_hour).zip(at_once);
        Self {
            known: known.max_capacity(MAX_KNOWN).expire_after(KeptFor).build(),
            quota: quota.map(|(rate, at_once)| Quota::per_hour(rate).allow_burst(at_once)),
            pace: moka::sync::Cache::builder().max_capacity(MAX_KNOWN).time_to_idle(IDLE).build(),
        }
    }

    /// Whether the session may ask now, having waited until then at the latest.
    async fn turn(&self, session: &Arc<str>, until: Instant) -> bool {
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

impl RoutedSession {
    /// People under the names by which WhatsApp knows them, where their numbers have two spellings and nothing
    /// confirms the one that was given.
    pub(super) async fn as_registered(&self, people: Vec<Account>) -> Vec<Account> {
        if self.server.spellings.quota.is_none() {
            return people;
        }
        let until = Instant::now() + PATIENCE;
        let mut registered = Vec::with_capacity(people.len());
        for account in people {
            let asks = account
                .phone()
                .filter(|phone| account.lid().is_none() && phone.has_to_be_asked_for());
            let found = match asks {
                Some(phone) => self.registration(phone, until).await,
                None => None,
            };
            registered.push(found.unwrap_or(account));
        }
        registered
    }

    /// Asks for the spelling that was given, and only where nobody has it for the others that are the same line: who
    /// only may be the same is somebody else. What could not be asked is no answer.
    async fn registration(&self, phone: PhoneNumber, until: Instant) -> Option<Account> {
        let others = phone.other_spellings().into_iter();
        let others = others.filter(|other| phone.likeness(*other) == Likeness::Same);
        for phone in std::iter::once(phone).chain(others) {
            let key = (self.remote.clone(), phone);
            let asking = self.look_up(phone, until);
            match self.server.spellings.known.try_get_with(key, asking).await {
                Ok(Registration::As(account)) => return Some(account),
                Ok(Registration::Absent) => {}
                Err(_) => return None,
            }
        }
        None
    }

    async fn look_up(
        &self,
        phone: PhoneNumber,
        until: Instant,
    ) -> std::result::Result<Registration, NoAnswer> {
        if !self.server.spellings.turn(&self.remote, until).await {
            tracing::debug!(server = %self.server.name, "a number's spelling was not asked for: it is not its turn yet");
            return Err(NoAnswer);
        }
        match timeout_at(until, self.ask_whether_exists(phone)).await {
            Ok(Ok(registration)) => Ok(registration),
            Ok(Err(error)) => {
                tracing::debug!(server = %self.server.name, %error, "a number's spelling could not be asked for");
                Err(NoAnswer)
            }
            Err(_) => Err(NoAnswer),
        }
    }

    async fn ask_whether_exists(&self, phone: PhoneNumber) -> Result<Registration> {
        let path = vec!["api", "contacts", "check-exists"];
        let ask = Ask::get(OperationName::FetchGroup, path)
            .with("phone", phone.get().to_string())
            .with("session", &*self.remote);
        let answer = self.server.ask(ask).await?;
        registration(phone, &answer)
            .ok_or_else(|| self.unread("does not say whether a number exists"))
    }
}

/// The question failed, or was not asked.
#[derive(Debug, Clone, Copy)]
struct NoAnswer;

/// `{"numberExists", "chatId"?, "pn"?}`: `chatId` may be a hidden id, and then `pn` is the number (GOWS since
/// 2026.8.1).
fn registration(phone: PhoneNumber, answer: &Answer) -> Option<Registration> {
    let told = answer.json()?;
    if !told.get("numberExists").and_then(Value::as_bool)? {
        return Some(Registration::Absent);
    }
    let named = ["chatId", "pn"].into_iter().filter_map(|name| told.get(name));
    let account = names::account(named)?;
    // A name of somebody else is none of this one.
    let is_like = |other: PhoneNumber| other == phone || phone.other_spellings().contains(&other);
    account.phone().is_none_or(is_like).then_some(Registration::As(account))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_names_the_account_or_says_that_there_is_none() {
        let phone = PhoneNumber::new(5_547_991_112_222).expect("a number");
        let read = |answer| registration(phone, &Answer::Json(answer));
        let account = |lid: Option<u64>, phone: Option<u64>| {
            let lid = lid.and_then(crate::domain::id::Lid::new);
            let names = Account::from_names(lid, phone.and_then(PhoneNumber::new));
            Some(Registration::As(names.expect("a name")))
        };
        let short = Some(554_791_112_222);
        for (answer, expected) in [
            (json!({"numberExists": false}), Some(Registration::Absent)),
            (json!({"numberExists": true, "chatId": "554791112222@c.us"}), account(None, short)),
            (
                json!({"numberExists": true, "chatId": "77@lid", "pn": "554791112222@c.us"}),
                account(Some(77), short),
            ),
            (json!({"numberExists": true, "chatId": "77@lid"}), account(Some(77), None)),
            // Nothing that can be relied on.
            (json!({"numberExists": true, "chatId": "4915100000001@c.us"}), None),
            (json!({"numberExists": true}), None),
            (json!({"status": "maintenance"}), None),
        ] {
            assert_eq!(read(answer.clone()), expected, "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn questions_are_paced_by_session() {
        let spellings = Spellings::new(1200);
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let now = Instant::now();
        for _ in 0..AT_ONCE {
            assert!(spellings.turn(&one, now).await);
        }
        assert!(!spellings.turn(&one, now).await);
        assert!(spellings.turn(&other, now).await);
        assert!(!Spellings::new(0).turn(&one, now).await);
    }
}
