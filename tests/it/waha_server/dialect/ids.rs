//! The forms in which engines write ids and times.

use serde_json::{Value, json};
use wagroups::domain::clock::Timestamp;
use wagroups::domain::group::Group;
use wagroups::domain::id::ParticipantId;
use wagroups::domain::participant::Account;
use wagroups::engine::simulator::world::numbers;

/// Behind phone numbers on the wire.
pub const WIRE_SERVER: &str = "s.whatsapp.net";

/// As GOWS and NOWEB write an id: a phone number is `…@s.whatsapp.net`.
pub fn wire(id: ParticipantId) -> String {
    match id {
        ParticipantId::Phone(phone) => phone.to_string().replace("c.us", WIRE_SERVER),
        ParticipantId::Lid(lid) => lid.to_string(),
    }
}

/// The wire form of the account's number, where it is known.
pub fn wire_phone(account: &Account) -> Option<String> {
    account.phone().map(|phone| wire(ParticipantId::Phone(phone)))
}

/// `…@c.us`, where it is known.
pub fn public_phone(account: &Account) -> Option<String> {
    account.phone().map(|phone| phone.to_string())
}

/// As browsers have an id: an object.
pub fn wid(text: impl ToString) -> Value {
    let text = text.to_string();
    let (user, server) = text.split_once('@').unwrap_or((&text, ""));
    json!({ "server": server, "user": user, "_serialized": text })
}

/// Both names of somebody of whom the group shows one, as far as the engine can know them.
pub fn account(group: &Group, id: ParticipantId) -> Account {
    let shown = group.participants().iter().find(|member| member.account.goes_by(id));
    match (shown, id) {
        (Some(member), _) => member.account,
        (None, ParticipantId::Lid(lid)) => {
            Account::from_names(Some(lid), numbers::phone_behind(lid)).expect("a name")
        }
        (None, ParticipantId::Phone(_)) => Account::new(id),
    }
}

pub fn seconds(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(1000)
}

/// RFC 3339, to the second: WhatsApp's times have no more.
pub fn rfc3339(time: Timestamp) -> String {
    Timestamp::from_seconds(seconds(time)).to_string()
}
