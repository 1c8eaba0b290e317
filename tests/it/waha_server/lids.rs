//! Who is behind a hidden id, as far as the server knows.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wagroups::domain::group::Group;
use wagroups::domain::id::{Lid, ParticipantId, PhoneNumber};
use wagroups::domain::operation::{EngineCall, ListJoinRequests, Perform};
use wagroups::domain::participant::Account;
use wagroups::engine::waha::webhook::WahaEngine;

use super::WahaServer;
use super::call::Call;
use super::dispatch::{page, unknown_route};
use super::reply::{Answer, Reply};
use super::session::Session;
use super::version;

impl WahaServer {
    pub(super) async fn answer_of_lids(
        &self,
        call: &Call,
        session: &Session,
        segments: &[&str],
    ) -> Answer {
        call.check_query(if segments.is_empty() { &["limit", "offset"] } else { &[] })?;
        let known = self.known_lids(session).await;
        let pair = |(lid, phone): (&Lid, &PhoneNumber)| json!({ "lid": lid, "pn": phone });
        Ok(Reply::json(&match segments {
            [] => Value::Array(page(call, known.iter().map(pair).collect(), 100)),
            ["count"] => json!({ "count": known.len() }),
            ["pn", phone] => {
                let asked = format!("{}@c.us", phone.trim_end_matches("@c.us"));
                let phone: Option<PhoneNumber> = asked.parse().ok();
                // Whichever way it is spelled.
                let phone =
                    phone.and_then(|phone| self.registered(ParticipantId::Phone(phone)).phone());
                let lid = known.iter().find(|(_, known)| Some(**known) == phone);
                let lid = match (lid, phone) {
                    (Some((lid, _)), _) => Some(*lid),
                    (None, Some(phone)) => self.ask(ParticipantId::Phone(phone)).await.lid(),
                    (None, None) => None,
                };
                json!({ "lid": lid, "pn": asked })
            }
            [lid] => {
                let asked = format!("{}@lid", lid.trim_end_matches("@lid"));
                let lid: Option<Lid> = asked.parse().ok();
                let phone = lid.and_then(|lid| known.get(&lid).copied());
                let phone = match (phone, lid) {
                    (None, Some(lid)) => self.ask(ParticipantId::Lid(lid)).await.phone(),
                    (phone, _) => phone,
                };
                json!({ "lid": asked, "pn": phone })
            }
            _ => return Err(unknown_route(call)),
        }))
    }

    /// The people of the session's groups, and who asks to join them.
    async fn known_lids(&self, session: &Session) -> BTreeMap<Lid, PhoneNumber> {
        let groups = self.simulator().groups_of(&session.simulated).await.expect("groups");
        let mut known: BTreeMap<Lid, PhoneNumber> = BTreeMap::new();
        let members = |group: &Group| -> Vec<Account> {
            group.participants().iter().map(|member| member.account).collect()
        };
        for group in &groups {
            known.extend(members(group).iter().filter_map(Account::both_names));
            let requests = self
                .simulator()
                .perform(
                    EngineCall::of_query(&session.simulated),
                    &ListJoinRequests { group_id: group.id.clone() },
                )
                .await;
            let requests = requests.into_iter().flatten();
            known.extend(requests.filter_map(|request| request.requester.both_names()));
        }
        known
    }

    /// Both names of an account, where this server asks WhatsApp for what it does not know.
    async fn ask(&self, id: ParticipantId) -> Account {
        let asks = self.options.engine == WahaEngine::Gows
            && self.options.version() >= version::HIDDEN_IDS;
        let found = if asks { self.simulator().account(id).await.ok() } else { None };
        match found {
            Some((account, record)) if record.settings.on_whatsapp => account,
            Some(_) | None => Account::new(id),
        }
    }
}
