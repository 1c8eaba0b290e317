//! WAHA's own words for groups and their members: `GroupInfo`, `GroupParticipant`. `pn` is there wherever
//! the number is known.

use serde_json::{Value, json};

use crate::pb;

pub fn group(group: &pb::Group, with_participants: bool) -> Value {
    let settings = group.settings.unwrap_or_default();
    let mut info = json!({
        "id": group.id,
        "subject": group.subject,
        "description": group.description,
        "membersCanAddNewMember": settings.member_add_mode() != pb::MemberAddMode::Admins,
        "membersCanSendMessages": !settings.messages_admin_only,
        "newMembersApprovalRequired": settings.membership_approval,
    });
    if with_participants {
        info["participants"] = group.participants.iter().map(participant).collect();
    }
    info
}

pub fn participant(participant: &pb::Participant) -> Value {
    let (_, phone) = names(participant);
    let role = match participant.role() {
        pb::Role::Superadmin => "superadmin",
        pb::Role::Admin => "admin",
        pb::Role::Participant => "participant",
        pb::Role::Left | pb::Role::Unspecified => "left",
    };
    let phone = Some(phone).filter(|phone| !phone.is_empty());
    json!({ "id": participant.id, "pn": phone, "role": role })
}

/// The names of a member: hidden id, phone number; empty where unknown.
pub fn names(participant: &pb::Participant) -> (&str, &str) {
    let find = |suffix: &str| {
        [&participant.id, &participant.lid, &participant.phone_number_id]
            .into_iter()
            .find(|id| id.ends_with(suffix))
            .map_or("", String::as_str)
    };
    (find("@lid"), find("@c.us"))
}
