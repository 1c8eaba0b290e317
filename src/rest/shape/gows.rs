//! whatsmeow's words, as the engine GOWS answers: every key is always there.

use super::{code_of, names, number_of, own_name, owner_country, person, ranks, timer, wire};
use crate::domain::participant::{ParticipantResult, ParticipantStatus};
use crate::pb;
use crate::pb::wire::to_timestamp;
use crate::rest::answers::gows::{AddRequest, Group, Member};

/// What Go writes for no time.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.map_or_else(|| NO_TIME.to_owned(), |time| to_timestamp(time).to_string())
}

/// A person named by one id: that id, and the phone number where the id is hidden and the person a member.
fn both(group: &pb::Group, id: &str) -> (String, String) {
    (wire(id), number_of(group, id))
}

pub fn group(group: &pb::Group, with_participants: bool) -> Group {
    let settings = group.settings.unwrap_or_default();
    let (owner_jid, owner_pn) = both(group, &group.owner);
    let (name_set_by, name_set_by_pn) = both(group, &group.subject_owner);
    let (topic_set_by, topic_set_by_pn) = both(group, &group.description_owner);
    let addressing_mode = match group.addressing_mode() {
        pb::AddressingMode::Lid => "lid",
        pb::AddressingMode::PhoneNumber => "pn",
        pb::AddressingMode::Unspecified => "",
    };
    let member_add_mode = match settings.member_add_mode() {
        pb::MemberAddMode::Admins => "admin_add",
        pb::MemberAddMode::AllMembers => "all_member_add",
        pb::MemberAddMode::Unspecified => "",
    };
    let member_share_history_mode =
        if settings.member_share_history { "all_member_share" } else { "admin_share" };
    Group {
        jid: group.id.clone(),
        owner_jid,
        owner_pn,
        name: group.subject.clone(),
        name_set_at: time(group.subject_time.as_ref()),
        name_set_by,
        name_set_by_pn,
        topic: group.description.clone(),
        topic_id: group.description_id.clone(),
        topic_set_at: time(group.description_time.as_ref()),
        topic_set_by,
        topic_set_by_pn,
        topic_deleted: false,
        is_locked: settings.info_admin_only,
        is_announce: settings.messages_admin_only,
        announce_version_id: String::new(),
        is_ephemeral: timer(group) > 0,
        disappearing_timer: timer(group),
        is_incognito: group.members_incomplete,
        is_parent: group.kind() == pb::GroupKind::Community,
        default_membership_approval_mode: String::new(),
        linked_parent_jid: group.parent_group_id.clone(),
        is_default_sub_group: group.kind() == pb::GroupKind::Announcement,
        is_join_approval_required: settings.membership_approval,
        addressing_mode: addressing_mode.to_owned(),
        group_created: time(group.create_time.as_ref()),
        creator_country_code: owner_country(group).to_owned(),
        participant_version_id: String::new(),
        participant_count: group.member_count.into(),
        member_add_mode: member_add_mode.to_owned(),
        member_share_history_mode: member_share_history_mode.to_owned(),
        suspended: group.suspended,
        participants: with_participants.then(|| participants(group)),
    }
}

pub fn participants(group: &pb::Group) -> Vec<Member> {
    group.participants.iter().map(|member| participant(group, member)).collect()
}

fn participant(group: &pb::Group, participant: &pb::Participant) -> Member {
    let (lid, phone) = names(participant);
    let (is_admin, is_super_admin) = ranks(participant);
    Member {
        jid: wire(own_name(group, participant)),
        phone_number: wire(phone),
        lid: lid.to_owned(),
        is_admin,
        is_super_admin,
        display_name: String::new(),
        error: 0,
        add_request: None,
    }
}

/// The group; who could not be added stands among the members, with the error.
pub fn created(made: &pb::Group, results: &[ParticipantResult]) -> Group {
    // Who made the group is in it whether invited or not.
    let is_member = |result: &ParticipantResult| {
        let names =
            [Some(result.account.id().to_string()), result.account.phone().map(|n| n.to_string())];
        let mut members = made.participants.iter();
        members
            .any(|m| names.iter().flatten().any(|name| *name == m.id || *name == m.phone_number_id))
    };
    let failed = results.iter().filter(|r| r.status != ParticipantStatus::Ok && !is_member(r));
    let mut members = participants(made);
    members.extend(failed.map(|failed| result(made, failed)));
    Group { participants: Some(members), ..group(made, false) }
}

pub fn result(group: &pb::Group, result: &ParticipantResult) -> Member {
    let error = if result.status == ParticipantStatus::Ok { 0 } else { code_of(result) };
    let add_request = result.private_invite.as_ref().map(|invite| AddRequest {
        code: invite.code.to_string(),
        expiration: invite.expire_time.to_string(),
    });
    Member { error, add_request, ..participant(group, &person(group, result)) }
}
