//! What an update changed, field by field, for events of ours.

use serde_json::{Value, json};

use super::words;
use crate::pb;
use crate::pb::group_change::Change;

/// A field with its old and its new value.
pub fn change(change: &Change) -> Value {
    let (field, old, new) = match change {
        Change::Subject(c) => {
            let text =
                |subject: &Option<pb::GroupSubject>| json!(subject.as_ref().map(|s| &s.text));
            ("subject", text(&c.old), text(&c.new))
        }
        Change::Description(c) => {
            let text =
                |said: &Option<pb::GroupDescription>| json!(said.as_ref().map(|said| &said.text));
            ("description", text(&c.old), text(&c.new))
        }
        Change::InfoAdminOnly(c) => ("infoAdminOnly", json!(c.old), json!(c.new)),
        Change::MessagesAdminOnly(c) => ("messagesAdminOnly", json!(c.old), json!(c.new)),
        Change::MemberAddMode(c) => {
            ("memberAddMode", json!(add_mode(c.old())), json!(add_mode(c.new())))
        }
        Change::MembershipApproval(c) => ("membershipApproval", json!(c.old), json!(c.new)),
        Change::MemberShareHistory(c) => ("memberShareHistory", json!(c.old), json!(c.new)),
        Change::DisappearingTimer(c) => {
            let seconds = |span: &Option<prost_types::Duration>| {
                json!(span.as_ref().map_or(0, |s| s.seconds))
            };
            ("disappearingTimer", seconds(&c.old), seconds(&c.new))
        }
        Change::Owner(c) => ("owner", json!(c.old), json!(c.new)),
        Change::AddressingMode(c) => {
            ("addressingMode", json!(addressing(c.old())), json!(addressing(c.new())))
        }
        Change::ParentGroupId(c) => ("parentGroupId", json!(c.old), json!(c.new)),
        Change::Suspended(c) => ("suspended", json!(c.old), json!(c.new)),
        Change::Kind(c) => ("kind", json!(kind(c.old())), json!(kind(c.new()))),
        Change::IncompleteMembers(c) => {
            let count = |members: &Option<pb::IncompleteMembers>| {
                json!(members.map(|members| members.member_count))
            };
            ("incompleteMembers", count(&c.old), count(&c.new))
        }
        Change::Alias(participant) => {
            ("alias", Value::Null, json!(words::participant(participant)))
        }
        // All of it, which is the group in the event's payload.
        Change::Completed(_) => ("completed", Value::Null, json!(true)),
    };
    json!({ "field": field, "old": old, "new": new })
}

fn kind(kind: pb::GroupKind) -> &'static str {
    match kind {
        pb::GroupKind::Unspecified => "",
        pb::GroupKind::Ordinary => "ordinary",
        pb::GroupKind::Community => "community",
        pb::GroupKind::Announcement => "announcement",
    }
}

fn add_mode(mode: pb::MemberAddMode) -> &'static str {
    match mode {
        pb::MemberAddMode::Unspecified => "",
        pb::MemberAddMode::AllMembers => "all_members",
        pb::MemberAddMode::Admins => "admins_only",
    }
}

fn addressing(mode: pb::AddressingMode) -> &'static str {
    match mode {
        pb::AddressingMode::Unspecified => "",
        pb::AddressingMode::PhoneNumber => "pn",
        pb::AddressingMode::Lid => "lid",
    }
}
