//! Baileys' words, as the engine NOWEB answers: what a group has not is left out.

use serde_json::{Value, json};

use super::{code_of, names, number_of, own_name, owner_country, ranks, seconds, timer, wire};
use crate::domain::event::MemberAction;
use crate::domain::participant::ParticipantResult;
use crate::pb;

pub fn group(group: &pb::Group, with_participants: bool) -> Value {
    let settings = group.settings.unwrap_or_default();
    let mut metadata = json!({
        "id": group.id,
        "subject": group.subject,
        "size": group.member_count,
        "restrict": settings.info_admin_only,
        "announce": settings.messages_admin_only,
        "isCommunity": group.kind() == pb::GroupKind::Community,
        "isCommunityAnnounce": group.kind() == pb::GroupKind::Announcement,
        "joinApprovalMode": settings.membership_approval,
        "memberAddMode": settings.member_add_mode() != pb::MemberAddMode::Admins,
    });
    let mut add = |name: &str, value: Value| {
        let is_none = value.is_null() || value.as_str() == Some("") || value.as_i64() == Some(0);
        if !is_none {
            metadata[name] = value;
        }
    };
    let addressing = match group.addressing_mode() {
        pb::AddressingMode::Lid => "lid",
        pb::AddressingMode::PhoneNumber => "pn",
        pb::AddressingMode::Unspecified => "",
    };
    add("addressingMode", json!(addressing));
    add("subjectOwner", json!(wire(&group.subject_owner)));
    add("subjectOwnerPn", json!(number_of(group, &group.subject_owner)));
    add("subjectTime", json!(seconds(group.subject_time.as_ref())));
    add("creation", json!(seconds(group.create_time.as_ref())));
    add("owner", json!(wire(&group.owner)));
    add("ownerPn", json!(number_of(group, &group.owner)));
    add("owner_country_code", json!(owner_country(group)));
    add("desc", json!(group.description));
    add("descId", json!(group.description_id));
    add("descOwner", json!(wire(&group.description_owner)));
    add("descOwnerPn", json!(number_of(group, &group.description_owner)));
    add("descTime", json!(seconds(group.description_time.as_ref())));
    add("linkedParent", json!(group.parent_group_id));
    add("ephemeralDuration", json!(timer(group)));
    if with_participants {
        let members = group.participants.iter().map(|p| participant(group, p));
        metadata["participants"] = members.collect();
    }
    metadata
}

pub fn participant(group: &pb::Group, participant: &pb::Participant) -> Value {
    let own = own_name(group, participant);
    let (lid, phone) = names(participant);
    let admin = match ranks(participant) {
        (_, true) => Some("superadmin"),
        (true, false) => Some("admin"),
        (false, false) => None,
    };
    let mut member = json!({ "id": wire(own), "admin": admin });
    // The other name, where it is known.
    if own.ends_with("@lid") && !phone.is_empty() {
        member["phoneNumber"] = json!(wire(phone));
    } else if own.ends_with("@c.us") && !lid.is_empty() {
        member["lid"] = json!(lid);
    }
    member
}

/// The status is a text; a private invite stands within the node as WhatsApp sent it.
pub fn result(action: MemberAction, result: &ParticipantResult) -> Value {
    let jid = wire(&result.account.id().to_string());
    let code = code_of(result).to_string();
    let mut attributes = json!({ "jid": jid });
    if let (true, Some(phone)) = (jid.ends_with("@lid"), result.account.phone()) {
        attributes["phone_number"] = json!(wire(&phone.to_string()));
    }
    if code != "200" {
        attributes["error"] = json!(code);
    }
    let mut content = json!({ "tag": "participant", "attrs": attributes });
    if let (MemberAction::Join, Some(invite)) = (action, &result.private_invite) {
        let expiration = (invite.expire_time.as_millis() / 1000).to_string();
        content["content"] = json!([{
            "tag": "add_request",
            "attrs": { "code": invite.code.to_string(), "expiration": expiration },
        }]);
    }
    json!({ "status": code, "jid": jid, "content": content })
}
