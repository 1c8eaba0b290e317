//! WAHA's own words: `GroupInfo`, `GroupParticipant`. `pn` is there wherever the number is known.

use serde_json::{Value, json};

use super::{code_of, names, person};
use crate::domain::id::InviteCode;
use crate::domain::participant::ParticipantResult;
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

pub fn created(made: &pb::Group, results: &[ParticipantResult]) -> Value {
    let mut info = group(made, true);
    info["results"] = results.iter().map(|each| result(made, each)).collect();
    info
}

/// The person, the code, and the private invite where one is needed.
pub fn result(group: &pb::Group, result: &ParticipantResult) -> Value {
    let person = person(group, result);
    let mut told = participant(&person);
    if let (pb::Role::Unspecified, Some(told)) = (person.role(), told.as_object_mut()) {
        // Who is no member has no role; `left` is for those who were.
        told.remove("role");
    }
    told["code"] = json!(code_of(result));
    told["status"] = json!(result.status);
    if let Some(invite) = &result.private_invite {
        told["invite"] = json!({
            "code": invite.code.to_string(), "expiration": invite.expire_time.to_string(),
        });
    }
    told
}

pub fn preview(shown: &pb::Group, size: i32, code: &InviteCode) -> Value {
    let mut info = group(shown, true);
    info["invite"] = json!(code.link());
    info["size"] = json!(size);
    info
}
