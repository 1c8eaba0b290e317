//! Matching people: callers know numbers, and lists may show hidden ids alone. Those of browsers always
//! do, and those of requests to join on GOWS.

use serde_json::Value;

use crate::domain::id::ParticipantId;
use crate::domain::operation::{OperationName, Outcome, Result};
use crate::domain::participant::Account;
use crate::domain::reason::Reason;
use crate::engine::waha::names;
use crate::engine::waha::routed_session::RoutedSession;
use crate::engine::waha::server::Ask;
use crate::engine::waha::webhook::WahaEngine;

impl RoutedSession {
    pub(super) fn is_browser(&self) -> bool {
        match self.info.engine {
            WahaEngine::Webjs | WahaEngine::Wpp => true,
            WahaEngine::Gows | WahaEngine::Noweb => false,
        }
    }

    /// The people by every known name. The server is asked only for numbers that the list does not show
    /// but may have by hidden id.
    pub(super) async fn named(
        &self,
        people: &[Account],
        listed: &[Account],
    ) -> Result<Vec<Account>> {
        let hides = listed.iter().any(|account| account.phone().is_none());
        let mut named = Vec::with_capacity(people.len());
        for person in people {
            // Two hidden ids are two people, though both are shown with the number.
            let mut same = listed.iter().filter(|account| account.is_same(person));
            let known = same.next().filter(|first| same.all(|other| other.is_same(first)));
            named.push(match (known, person.id()) {
                (Some(account), _) => account.merged_with(person),
                (None, id @ ParticipantId::Phone(_)) if hides => self.other_name(id).await?,
                (None, _) => *person,
            });
        }
        Ok(named)
    }

    /// The account behind a name, by both of its names where the server knows them.
    pub(super) async fn other_name(&self, id: ParticipantId) -> Result<Account> {
        let (name, operation) = (id.to_string(), OperationName::FetchGroup);
        let path = match id {
            ParticipantId::Phone(_) => vec!["api", &*self.remote, "lids", "pn", &name],
            ParticipantId::Lid(_) => vec!["api", &*self.remote, "lids", &name],
        };
        let answer = match self.server.ask(Ask::get(operation, path)).await {
            Ok(answer) => answer,
            // Unknown to the engine, or a server older than this route.
            Err(error) if error.outcome == Outcome::Rejected => return Ok(Account::new(id)),
            Err(error) if error.error.reason() == Reason::UnsupportedByEngine => {
                return Ok(Account::new(id));
            }
            Err(error) => return Err(error),
        };
        let other = match id {
            ParticipantId::Phone(_) => "lid",
            ParticipantId::Lid(_) => "pn",
        };
        let other = answer.json().and_then(|pair| pair.get(other)).filter(|name| !name.is_null());
        let Some(other) = other.and_then(names::participant_id) else {
            return Ok(Account::new(id));
        };
        let own = Value::String(id.to_string());
        let both = match id.phone() {
            // The hidden id is theirs; the number may be another spelling of it.
            Some(phone) if phone.has_other_spellings() => Some(Account::new(other)),
            Some(_) | None => names::account([&Value::String(other.to_string()), &own]),
        };
        Ok(both.unwrap_or_else(|| Account::new(id)))
    }
}
