//! Asking WhatsApp by which spelling it knows a number.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::domain::id::{Likeness, PhoneNumber};
use crate::domain::operation::{OperationName, Result};
use crate::domain::participant::Account;
use crate::engine::waha::names;
use crate::engine::waha::routed_session::RoutedSession;
use crate::engine::waha::server::{Answer, Ask};
use crate::engine::waha::spellings::{Key, Registration};

/// How long one call waits for the turns of its questions. Numbers that were not asked for go out as they are.
const PATIENCE: Duration = Duration::from_secs(10);

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

    /// Asks for the given spelling, then, where nobody has it, for the others of the same line: a number that only may
    /// be the same is another person's. `None` where a question failed.
    async fn registration(&self, phone: PhoneNumber, until: Instant) -> Option<Account> {
        let others = phone.other_spellings().into_iter();
        let others = others.filter(|other| phone.likeness(*other) == Likeness::Same);
        for phone in std::iter::once(phone).chain(others) {
            let key = (self.remote.clone(), phone);
            let asking = self.look_up(&key, until);
            match self.server.spellings.known.try_get_with(key.clone(), asking).await {
                Ok(Registration::As(account)) => return Some(account),
                Ok(Registration::Absent) => {}
                Err(_) => return None,
            }
        }
        None
    }

    async fn look_up(
        &self,
        key: &Key,
        until: Instant,
    ) -> std::result::Result<Registration, NoAnswer> {
        let spellings = &self.server.spellings;
        let phone = key.1;
        if let Some(account) = spellings.recall(&self.session, phone).await {
            return Ok(Registration::As(account));
        }
        if !spellings.turn(&self.remote, until).await {
            tracing::debug!(server = %self.server.name, "a number's spelling was not asked for: it is not its turn yet");
            return Err(NoAnswer);
        }
        match timeout_at(until, self.ask_whether_exists(phone)).await {
            Ok(Ok(registration)) => {
                if let Registration::As(account) = registration {
                    spellings.keep(key, &self.session, account).await;
                }
                Ok(registration)
            }
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
    let object = answer.json()?;
    if !object.get("numberExists").and_then(Value::as_bool)? {
        return Some(Registration::Absent);
    }
    let named = ["chatId", "pn"].into_iter().filter_map(|name| object.get(name));
    let account = names::account(named)?;
    // Another person's name is not this one's.
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
}
