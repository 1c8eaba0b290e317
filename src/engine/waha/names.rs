//! Reading ids: WAHA writes one as text, as WhatsApp Web's object, or not at all.

use serde_json::Value;

use super::text;
use crate::domain::id::{GroupId, Lid, ParticipantId, PhoneNumber};
use crate::domain::participant::Account;
use crate::domain::port::engine::Login;

/// An id's text. WhatsApp Web has objects `{user, server, _serialized}`, whose fields it renames now
/// and then.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Object(wid) => {
            let part = |name: &str| wid.get(name).and_then(Value::as_str);
            match part("_serialized") {
                Some(serialized) => Some(serialized.to_owned()),
                None => Some(format!("{}@{}", part("user")?, part("server")?)),
            }
        }
        _ => None,
    }
}

pub(super) fn participant_id(value: &Value) -> Option<ParticipantId> {
    id_text(value)?.parse().ok()
}

pub(super) fn group_id(value: &Value) -> Option<GroupId> {
    id_text(value)?.parse().ok()
}

/// An account under the names that stand in any of these values; the first of each kind counts.
pub(super) fn account<'a>(names: impl IntoIterator<Item = &'a Value>) -> Option<Account> {
    let mut lid: Option<Lid> = None;
    let mut phone: Option<PhoneNumber> = None;
    for id in names.into_iter().filter_map(participant_id) {
        match id {
            ParticipantId::Lid(id) => lid = lid.or(Some(id)),
            ParticipantId::Phone(id) => phone = phone.or(Some(id)),
        }
    }
    Account::from_names(lid, phone)
}

/// The account in a row of a member list, of any engine.
pub(super) fn listed(listed: &Value) -> Option<Account> {
    const NAMES: [&str; 8] = ["JID", "LID", "PhoneNumber", "id", "lid", "jid", "phoneNumber", "pn"];
    account(NAMES.iter().filter_map(|name| listed.get(name)))
}

/// The session's account.
pub(super) fn me(me: &Value) -> Option<Login> {
    let account = account(["lid", "id", "jid"].into_iter().filter_map(|name| me.get(name)))?;
    let push_name = me.get("pushName").and_then(Value::as_str).unwrap_or_default();
    Some(Login { account, push_name: text::kept(push_name, text::MAX_PUSH_NAME_BYTES) })
}

/// Pairs of fields in which an engine names one person twice: a hidden id, and the number behind it.
const PAIRS: [[&str; 2]; 8] = [
    ["/_data/Sender", "/_data/SenderPN"],
    ["/_data/OwnerJID", "/_data/OwnerPN"],
    ["/_data/NameSetBy", "/_data/NameSetByPN"],
    ["/_data/TopicSetBy", "/_data/TopicSetByPN"],
    ["/_data/author", "/_data/authorPn"],
    ["/_data/owner", "/_data/ownerPn"],
    ["/_data/subjectOwner", "/_data/subjectOwnerPn"],
    ["/_data/descOwner", "/_data/descOwnerPn"],
];

/// Accounts that have both ids in the event, beside those it is about.
pub(super) fn aliases(payload: &Value) -> Vec<(Lid, PhoneNumber)> {
    let named = PAIRS.into_iter().filter_map(|[lid, phone]| {
        account([payload.pointer(lid)?, payload.pointer(phone)?])?.both_names()
    });
    let mut pairs: Vec<_> = named.collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn a_hidden_id_that_is_repeated_as_a_number_is_none(
            digits in 10_000_u64..=999_999_999_999_999, other in 10_000_u64..=999_999_999_999_999,
            server in prop::sample::select(vec!["c.us", "s.whatsapp.net"]), names in prop::sample::select(vec![
                ("id", "pn"), ("id", "phoneNumber"), ("JID", "PhoneNumber"), ("lid", "pn"),
            ]),
        ) {
            let (lid, phone) = names;
            let repeated = json!({ lid: format!("{digits}@lid"), phone: format!("{digits}@{server}") });
            let account = listed(&repeated).expect("somebody");
            prop_assert_eq!(account.id().to_string(), format!("{digits}@lid"));
            prop_assert_eq!((account.phone(), account.both_names()), (None, None));
            prop_assume!(other != digits);
            let both = json!({ lid: format!("{digits}@lid"), phone: format!("{other}@{server}") });
            let known = listed(&both).expect("somebody").phone().map(PhoneNumber::get);
            prop_assert_eq!(known, Some(other));
        }
    }
}
