//! What an update changed, field by field, for events of ours.

use serde_json::{Value, json};

use super::words;
use crate::pb;
use crate::pb::group_change::Change;

/// A field with its previous and its current value.
pub fn change(change: &Change) -> Value {
    let (field, previous, current) = match change {
        Change::Subject(c) => {
            let text =
                |subject: &Option<pb::GroupSubject>| json!(subject.as_ref().map(|s| &s.text));
            ("subject", text(&c.previous), text(&c.current))
        }
        Change::Description(c) => {
            let text =
                |said: &Option<pb::GroupDescription>| json!(said.as_ref().map(|said| &said.text));
            ("description", text(&c.previous), text(&c.current))
        }
        Change::InfoAdminOnly(c) => ("infoAdminOnly", json!(c.previous), json!(c.current)),
        Change::MessagesAdminOnly(c) => ("messagesAdminOnly", json!(c.previous), json!(c.current)),
        Change::MemberAddMode(c) => {
            ("memberAddMode", json!(add_mode(c.previous())), json!(add_mode(c.current())))
        }
        Change::MembershipApproval(c) => {
            ("membershipApproval", json!(c.previous), json!(c.current))
        }
        Change::MemberShareHistory(c) => {
            ("memberShareHistory", json!(c.previous), json!(c.current))
        }
        Change::DisappearingTimer(c) => {
            let seconds = |span: &Option<prost_types::Duration>| {
                json!(span.as_ref().map_or(0, |s| s.seconds))
            };
            ("disappearingTimer", seconds(&c.previous), seconds(&c.current))
        }
        Change::Owner(c) => ("owner", json!(c.previous), json!(c.current)),
        Change::AddressingMode(c) => {
            ("addressingMode", json!(addressing(c.previous())), json!(addressing(c.current())))
        }
        Change::ParentGroupId(c) => ("parentGroupId", json!(c.previous), json!(c.current)),
        Change::Suspended(c) => ("suspended", json!(c.previous), json!(c.current)),
        Change::Kind(c) => ("kind", json!(kind(c.previous())), json!(kind(c.current()))),
        Change::IncompleteMembers(c) => {
            let count = |members: &Option<pb::IncompleteMembers>| {
                json!(members.map(|members| members.member_count))
            };
            ("incompleteMembers", count(&c.previous), count(&c.current))
        }
        Change::Alias(participant) => {
            ("alias", Value::Null, json!(words::participant(participant)))
        }
        // All of it, which is the group in the event's payload.
        Change::Completed(_) => ("completed", Value::Null, json!(true)),
    };
    json!({ "field": field, "previous": previous, "current": current })
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
