//! whatsmeow's words, as the engine GOWS answers: every key is always there.

use serde_json::{Value, json};

use super::{code_of, names, number_of, own_name, owner_country, person, ranks, timer, wire};
use crate::domain::participant::{ParticipantResult, ParticipantStatus};
use crate::pb;
use crate::pb::wire::to_timestamp;

/// What Go writes for no time.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.map_or_else(|| NO_TIME.to_owned(), |time| to_timestamp(time).to_string())
}

/// A person named by one id: that id, and the phone number where the id is hidden and the person a member.
fn both(group: &pb::Group, id: &str) -> (String, String) {
    (wire(id), number_of(group, id))
}

pub fn group(group: &pb::Group, with_participants: bool) -> Value {
    let settings = group.settings.unwrap_or_default();
    let (owner, owner_pn) = both(group, &group.owner);
    let (subject_owner, subject_owner_pn) = both(group, &group.subject_owner);
    let (topic_owner, topic_owner_pn) = both(group, &group.description_owner);
    let addressing = match group.addressing_mode() {
        pb::AddressingMode::Lid => "lid",
        pb::AddressingMode::PhoneNumber => "pn",
        pb::AddressingMode::Unspecified => "",
    };
    let add_mode = match settings.member_add_mode() {
        pb::MemberAddMode::Admins => "admin_add",
        pb::MemberAddMode::AllMembers => "all_member_add",
        pb::MemberAddMode::Unspecified => "",
    };
    let mut info = json!({
        "JID": group.id,
        "OwnerJID": owner,
        "OwnerPN": owner_pn,
        "Name": group.subject,
        "NameSetAt": time(group.subject_time.as_ref()),
        "NameSetBy": subject_owner,
        "NameSetByPN": subject_owner_pn,
        "Topic": group.description,
        "TopicID": group.description_id,
        "TopicSetAt": time(group.description_time.as_ref()),
        "TopicSetBy": topic_owner,
        "TopicSetByPN": topic_owner_pn,
        "TopicDeleted": false,
        "IsLocked": settings.info_admin_only,
        "IsAnnounce": settings.messages_admin_only,
        "AnnounceVersionID": "",
        "IsEphemeral": timer(group) > 0,
        "DisappearingTimer": timer(group),
        "IsIncognito": group.members_incomplete,
        "IsParent": group.kind() == pb::GroupKind::Community,
        "DefaultMembershipApprovalMode": "",
        "LinkedParentJID": group.parent_group_id,
        "IsDefaultSubGroup": group.kind() == pb::GroupKind::Announcement,
        "IsJoinApprovalRequired": settings.membership_approval,
        "AddressingMode": addressing,
        "GroupCreated": time(group.create_time.as_ref()),
        "CreatorCountryCode": owner_country(group),
        "ParticipantVersionID": "",
        "ParticipantCount": group.member_count,
        "MemberAddMode": add_mode,
        "MemberShareHistoryMode":
            if settings.member_share_history { "all_member_share" } else { "admin_share" },
        "Suspended": group.suspended,
    });
    if with_participants {
        info["Participants"] = group.participants.iter().map(|p| participant(group, p)).collect();
    }
    info
}

pub fn participant(group: &pb::Group, participant: &pb::Participant) -> Value {
    let (lid, phone) = names(participant);
    let (is_admin, is_superadmin) = ranks(participant);
    json!({
        "JID": wire(own_name(group, participant)),
        "PhoneNumber": wire(phone),
        "LID": lid,
        "IsAdmin": is_admin,
        "IsSuperAdmin": is_superadmin,
        "DisplayName": "",
        "Error": 0,
        "AddRequest": null,
    })
}

/// The group; who could not be added stands among the members, with the error.
pub fn created(made: &pb::Group, results: &[ParticipantResult]) -> Value {
    let mut info = group(made, true);
    // Who made the group is in it whether invited or not.
    let is_member = |result: &ParticipantResult| {
        let names =
            [Some(result.account.id().to_string()), result.account.phone().map(|n| n.to_string())];
        let mut members = made.participants.iter();
        members
            .any(|m| names.iter().flatten().any(|name| *name == m.id || *name == m.phone_number_id))
    };
    let failed = results.iter().filter(|r| r.status != ParticipantStatus::Ok && !is_member(r));
    if let Some(members) = info["Participants"].as_array_mut() {
        members.extend(failed.map(|failed| result(made, failed)));
    }
    info
}

pub fn result(group: &pb::Group, result: &ParticipantResult) -> Value {
    let mut told = participant(group, &person(group, result));
    if result.status != ParticipantStatus::Ok {
        told["Error"] = json!(code_of(result));
    }
    if let Some(invite) = &result.private_invite {
        told["AddRequest"] = json!({
            "Code": invite.code.to_string(), "Expiration": invite.expire_time.to_string(),
        });
    }
    told
}
