//! WhatsApp Web's words, as the engines WEBJS and WPP answer them: a chat, and in it what the group is. Read in their
//! libraries and in WAHA's documentation, and never observed: no recording of their answers exists.

use super::{code_of, names, own_name, ranks, seconds, timer};
use crate::domain::participant::ParticipantResult;
use crate::pb;
use crate::rest::answers::browser::{
    Chat, ChatId, GroupMetadata, Member, Previewed, PreviewedMember, Wid,
};

/// An id as WhatsApp Web's object; nothing for none.
pub fn wid(id: &str) -> Option<Wid> {
    let (user, server) = id.split_once('@')?;
    Some(Wid { server: server.to_owned(), user: user.to_owned(), serialized: id.to_owned() })
}

/// The same of what always has one.
pub fn own_wid(id: &str) -> Wid {
    let nameless = || Wid { server: String::new(), user: id.to_owned(), serialized: id.to_owned() };
    wid(id).unwrap_or_else(nameless)
}

/// The chat of a group. Of its messages, of which nothing is known here, it says what a chat without any does.
pub fn chat(group: &pb::Group, id: ChatId, with_participants: bool) -> Chat {
    let announces = group.settings.is_some_and(|settings| settings.messages_admin_only);
    let is_admin = matches!(group.my_role(), pb::Role::Admin | pb::Role::Superadmin);
    Chat {
        id,
        name: group.subject.clone(),
        is_group: true,
        is_read_only: announces && !is_admin,
        unread_count: 0,
        timestamp: seconds(group.create_time.as_ref()).unwrap_or_default(),
        archived: false,
        pinned: false,
        is_muted: false,
        mute_expiration: 0,
        group_metadata: metadata(group, with_participants),
    }
}

fn metadata(group: &pb::Group, with_participants: bool) -> GroupMetadata {
    let settings = group.settings.unwrap_or_default();
    let member_add_mode = match settings.member_add_mode() {
        pb::MemberAddMode::Admins => "admin_add",
        pb::MemberAddMode::AllMembers | pb::MemberAddMode::Unspecified => "all_member_add",
    };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let none = || with_participants.then(Vec::new);
    GroupMetadata {
        id: own_wid(&group.id),
        creation: seconds(group.create_time.as_ref()),
        owner: wid(&group.owner),
        subject: group.subject.clone(),
        subject_time: seconds(group.subject_time.as_ref()),
        subject_owner: wid(&group.subject_owner),
        desc: text(&group.description),
        desc_id: text(&group.description_id),
        desc_time: seconds(group.description_time.as_ref()),
        desc_owner: wid(&group.description_owner),
        restrict: settings.info_admin_only,
        announce: settings.messages_admin_only,
        member_add_mode: member_add_mode.to_owned(),
        membership_approval_mode: settings.membership_approval,
        ephemeral_duration: timer(group),
        size: group.member_count.into(),
        is_parent_group: group.kind() == pb::GroupKind::Community,
        default_subgroup: group.kind() == pb::GroupKind::Announcement,
        parent_group: wid(&group.parent_group_id),
        is_lid_addressing_mode: group.addressing_mode() == pb::AddressingMode::Lid,
        suspended: group.suspended,
        participants: with_participants.then(|| participants(group)),
        pending_participants: none(),
        past_participants: none(),
        membership_approval_requests: none(),
    }
}

pub fn participants(group: &pb::Group) -> Vec<Member> {
    let member = |member: &pb::Participant| {
        let (is_admin, is_super_admin) = ranks(member);
        Member { id: own_wid(own_name(group, member)), is_admin, is_super_admin }
    };
    group.participants.iter().map(member).collect()
}

/// What an invite shows, with ids as the library writes them.
pub fn preview(group: &pb::Group, id: impl Fn(&str) -> ChatId) -> Previewed {
    let member = |member: &pb::Participant| {
        let (is_admin, is_super_admin) = ranks(member);
        PreviewedMember { id: id(own_name(group, member)), is_admin, is_super_admin }
    };
    let some = |text: &str| (!text.is_empty()).then(|| id(text));
    Previewed {
        id: id(&group.id),
        subject: group.subject.clone(),
        desc: group.description.clone(),
        size: group.member_count.into(),
        owner: some(&group.owner),
        creation: seconds(group.create_time.as_ref()),
        membership_approval_mode: group.settings.unwrap_or_default().membership_approval,
        parent_group: some(&group.parent_group_id),
        participants: group.participants.iter().map(member).collect(),
    }
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
