//! WhatsApp Web's words, as the engines WEBJS and WPP answer them: a chat, and in it what the group is. Read in their
//! libraries and in WAHA's documentation, and never observed: no recording of their answers exists.

use serde_json::{Value, json};

use super::{code_of, names, own_name, ranks, seconds, timer};
use crate::domain::participant::ParticipantResult;
use crate::pb;

/// An id as WhatsApp Web's object; nothing for none.
pub fn wid(id: &str) -> Value {
    match id.split_once('@') {
        Some((user, server)) => json!({ "server": server, "user": user, "_serialized": id }),
        None => Value::Null,
    }
}

/// The chat of a group. Of its messages, of which nothing is known here, it says what a chat without any does.
pub fn chat(group: &pb::Group, id: Value, with_participants: bool) -> Value {
    let announces = group.settings.is_some_and(|settings| settings.messages_admin_only);
    let is_admin = matches!(group.my_role(), pb::Role::Admin | pb::Role::Superadmin);
    json!({
        "id": id,
        "name": group.subject,
        "isGroup": true,
        "isReadOnly": announces && !is_admin,
        "unreadCount": 0,
        "timestamp": seconds(group.create_time.as_ref()).unwrap_or_default(),
        "archived": false,
        "pinned": false,
        "isMuted": false,
        "muteExpiration": 0,
        "groupMetadata": metadata(group, with_participants),
    })
}

fn metadata(group: &pb::Group, with_participants: bool) -> Value {
    let settings = group.settings.unwrap_or_default();
    let add_mode = match settings.member_add_mode() {
        pb::MemberAddMode::Admins => "admin_add",
        pb::MemberAddMode::AllMembers | pb::MemberAddMode::Unspecified => "all_member_add",
    };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut metadata = json!({
        "id": wid(&group.id),
        "creation": seconds(group.create_time.as_ref()),
        "owner": wid(&group.owner),
        "subject": group.subject,
        "subjectTime": seconds(group.subject_time.as_ref()),
        "subjectOwner": wid(&group.subject_owner),
        "desc": text(&group.description),
        "descId": text(&group.description_id),
        "descTime": seconds(group.description_time.as_ref()),
        "descOwner": wid(&group.description_owner),
        "restrict": settings.info_admin_only,
        "announce": settings.messages_admin_only,
        "memberAddMode": add_mode,
        "membershipApprovalMode": settings.membership_approval,
        "ephemeralDuration": timer(group),
        "size": group.member_count,
        "isParentGroup": group.kind() == pb::GroupKind::Community,
        "defaultSubgroup": group.kind() == pb::GroupKind::Announcement,
        "parentGroup": wid(&group.parent_group_id),
        "isLidAddressingMode": group.addressing_mode() == pb::AddressingMode::Lid,
        "suspended": group.suspended,
    });
    if with_participants {
        metadata["participants"] = participants(group);
        for none in ["pendingParticipants", "pastParticipants", "membershipApprovalRequests"] {
            metadata[none] = json!([]);
        }
    }
    metadata
}

pub fn participants(group: &pb::Group) -> Value {
    group.participants.iter().map(|member| participant(group, member, wid)).collect()
}

fn participant(group: &pb::Group, member: &pb::Participant, id: impl Fn(&str) -> Value) -> Value {
    let (is_admin, is_superadmin) = ranks(member);
    json!({
        "id": id(own_name(group, member)), "isAdmin": is_admin, "isSuperAdmin": is_superadmin,
    })
}

/// What an invite shows, with ids as the library writes them.
pub fn preview(group: &pb::Group, id: impl Fn(&str) -> Value) -> Value {
    let members = group.participants.iter().map(|member| participant(group, member, &id));
    let settings = group.settings.unwrap_or_default();
    json!({
        "id": id(&group.id),
        "subject": group.subject,
        "desc": group.description,
        "size": group.member_count,
        "owner": id(&group.owner),
        "creation": seconds(group.create_time.as_ref()),
        "membershipApprovalMode": settings.membership_approval,
        "parentGroup": id(&group.parent_group_id),
        "participants": members.collect::<Vec<Value>>(),
    })
}

/// Who a result is about, as WhatsApp Web names them: by number, as far as that is known.
pub fn key_of(result: &ParticipantResult) -> String {
    result
        .account
        .phone()
        .map_or_else(|| result.account.id().to_string(), |phone| phone.to_string())
}

/// Who made the group, as results name people.
pub fn maker(group: &pb::Group) -> Option<&str> {
    let maker = group.participants.iter().find(|member| member.id == group.owner)?;
    let (lid, phone) = names(maker);
    Some(if phone.is_empty() { lid } else { phone })
}

/// What became of somebody who was to be added, in words.
pub fn message(result: &ParticipantResult) -> &'static str {
    match code_of(result) {
        200 => "Added to the group",
        403 => "Can be added by a private invitation only",
        404 => "Is not on WhatsApp",
        408 => "Has left the group recently",
        409 => "Is a member already",
        417 => "Cannot be added to the community",
        419 => "The group is full",
        421 => "Waits for approval",
        _ => "Could not be added",
    }
}
