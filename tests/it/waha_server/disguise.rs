//! People who are named otherwise than they were asked for: WhatsApp keeps the spelling under which an account was
//! registered, answers by hidden ids in groups of those, and promises no order.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use wagroups::domain::id::{ParticipantId, PhoneNumber};
use wagroups::domain::participant::{Account, ParticipantResult};

use super::WahaServer;
use super::call::Call;
use super::reply::{Answer, Problem, Reply};

/// How a server names people.
#[derive(Default)]
pub struct Disguise {
    /// The spelling under which WhatsApp has an account, by another one.
    registered: Mutex<HashMap<PhoneNumber, PhoneNumber>>,
    /// What orders and names the next verdicts; `None` leaves them as they are.
    seed: Mutex<Option<u64>>,
}

impl WahaServer {
    /// WhatsApp knows the account of this number by another spelling of it.
    pub fn register_as(&self, number: PhoneNumber, registered: PhoneNumber) {
        self.disguise.registered.lock().expect("the spellings").insert(number, registered);
    }

    /// From now on verdicts come in another order, each under one of its person's names.
    pub fn name_people_otherwise(&self, seed: u64) {
        *self.disguise.seed.lock().expect("the seed") = Some(seed);
    }

    /// Another client of this server reads a group.
    pub async fn be_read_by_another(&self, name: &str) {
        let url = format!("{}/api/{name}/groups", self.url());
        let key = self.options.api_key.unwrap_or_default();
        let read = self.http.get(url).header("x-api-key", key).send().await;
        read.expect("an answer").error_for_status().expect("the groups");
    }

    /// Whom WhatsApp takes this name for.
    pub(super) fn registered(&self, id: ParticipantId) -> ParticipantId {
        let registered = self.disguise.registered.lock().expect("the spellings");
        let known = id.phone().and_then(|phone| registered.get(&phone).copied());
        known.map_or(id, ParticipantId::Phone)
    }

    pub(super) fn disguised(&self, mut results: Vec<ParticipantResult>) -> Vec<ParticipantResult> {
        let mut seed = self.disguise.seed.lock().expect("the seed");
        let Some(seed) = seed.as_mut() else { return results };
        let mut next = |below: usize| {
            // xorshift: any order will do, the same one for the same seed.
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            usize::try_from(*seed % below as u64).expect("few")
        };
        for last in (1..results.len()).rev() {
            results.swap(last, next(last + 1));
        }
        for result in &mut results {
            let names: Vec<ParticipantId> = result.account.names().collect();
            let name = names[next(names.len())];
            result.requested = name;
            // Or by both.
            if next(3) > 0 {
                result.account = Account::new(name);
            }
        }
        results
    }

    /// `GET /api/contacts/check-exists`.
    pub(super) async fn answer_whether_exists(&self, call: &Call) -> Answer {
        call.check_query(&["phone", "session"])?;
        let asked = call.query("phone").and_then(|phone| phone.parse::<ParticipantId>().ok());
        let Some(asked) = asked else { return Err(Problem::impolite("no number to look up")) };
        let account = self.simulator().account(self.registered(asked)).await;
        let is_there = |record: &_| {
            let record: &wagroups::engine::simulator::world::AccountRecord = record;
            record.settings.on_whatsapp
        };
        Ok(Reply::json(&match account {
            Ok((account, record)) if is_there(&record) => {
                json!({ "numberExists": true, "chatId": account.phone().map(ParticipantId::Phone) })
            }
            Ok(_) | Err(_) => json!({ "numberExists": false, "chatId": Value::Null }),
        }))
    }
}
