//! What gRPC says, in WAHA's own words: written a second time, so that one can be compared with the other.

use serde_json::{Value, json};
use wagroups::pb;

pub fn group(group: &pb::Group) -> Value {
    let settings = group.settings.expect("settings");
    json!({
        "id": group.id,
        "subject": group.subject,
        "description": group.description,
        "membersCanAddNewMember": settings.member_add_mode() == pb::MemberAddMode::AllMembers,
        "membersCanSendMessages": !settings.messages_admin_only,
        "newMembersApprovalRequired": settings.membership_approval,
        "participants": members(&group.participants),
    })
}

pub fn members(members: &[pb::Participant]) -> Value {
    members.iter().map(member).collect()
}

pub fn member(member: &pb::Participant) -> Value {
    let role = match member.role() {
        pb::Role::Superadmin => "superadmin",
        pb::Role::Admin => "admin",
        pb::Role::Participant => "participant",
        other => panic!("{other:?} is no member"),
    };
    // Who goes by the number has no other.
    let is_number = member.id.ends_with("@c.us");
    let phone = if is_number { &member.id } else { &member.phone_number_id };
    json!({ "id": member.id, "pn": nullable(phone), "role": role })
}

pub fn join_request(request: &pb::JoinRequest) -> Value {
    let requester = request.requester.as_ref().expect("somebody");
    let method = match request.method() {
        pb::JoinRequestMethod::Unspecified => Value::Null,
        pb::JoinRequestMethod::InviteLink => json!("invite_link"),
        pb::JoinRequestMethod::LinkedGroup => json!("linked_group_join"),
        pb::JoinRequestMethod::NonAdminAdd => json!("non_admin_add"),
    };
    json!({
        "requesterId": requester.id,
        "requesterPn": nullable(&requester.phone_number_id),
        "addedById": nullable(&request.added_by),
        "parentGroupId": nullable(&request.parent_group_id),
        "requestMethod": method,
        "timestamp": request.request_time.map_or(0, |time| time.seconds),
    })
}

/// The codes of what became of each, which gRPC leaves out where all went well.
pub fn codes(results: &[pb::ParticipantResult]) -> Vec<u64> {
    let code = |result: &pb::ParticipantResult| match result.status() {
        pb::ParticipantStatus::Ok => 200,
        pb::ParticipantStatus::AlreadyMember => 409,
        pb::ParticipantStatus::NotMember => 404,
        _ => u64::try_from(result.code).expect("a code"),
    };
    results.iter().map(code).collect()
}

fn nullable(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}
