//! Baileys' words, as the engine NOWEB answers: what a group has not is left out.

use super::{code_of, names, number_of, own_name, owner_country, ranks, seconds, timer, wire};
use crate::domain::event::MemberAction;
use crate::domain::participant::ParticipantResult;
use crate::pb;
use crate::rest::answers::noweb::{
    AddRequest, Attributes, Group, Invitation, Member, Node, Outcome,
};

/// Nothing where there is none.
fn some(text: impl Into<String>) -> Option<String> {
    Some(text.into()).filter(|text| !text.is_empty())
}

pub fn group(group: &pb::Group, with_participants: bool) -> Group {
    let settings = group.settings.unwrap_or_default();
    let addressing_mode = match group.addressing_mode() {
        pb::AddressingMode::Lid => "lid",
        pb::AddressingMode::PhoneNumber => "pn",
        pb::AddressingMode::Unspecified => "",
    };
    let time = |time: Option<&prost_types::Timestamp>| seconds(time).filter(|time| *time != 0);
    Group {
        id: group.id.clone(),
        subject: group.subject.clone(),
        size: group.member_count.into(),
        restrict: settings.info_admin_only,
        announce: settings.messages_admin_only,
        is_community: group.kind() == pb::GroupKind::Community,
        is_community_announce: group.kind() == pb::GroupKind::Announcement,
        join_approval_mode: settings.membership_approval,
        member_add_mode: settings.member_add_mode() != pb::MemberAddMode::Admins,
        addressing_mode: some(addressing_mode),
        subject_owner: some(wire(&group.subject_owner)),
        subject_owner_pn: some(number_of(group, &group.subject_owner)),
        subject_time: time(group.subject_time.as_ref()),
        creation: time(group.create_time.as_ref()),
        owner: some(wire(&group.owner)),
        owner_pn: some(number_of(group, &group.owner)),
        owner_country_code: some(owner_country(group)),
        desc: some(&group.description),
        desc_id: some(&group.description_id),
        desc_owner: some(wire(&group.description_owner)),
        desc_owner_pn: some(number_of(group, &group.description_owner)),
        desc_time: time(group.description_time.as_ref()),
        linked_parent: some(&group.parent_group_id),
        ephemeral_duration: Some(timer(group)).filter(|timer| *timer != 0),
        participants: with_participants.then(|| participants(group)),
    }
}

pub fn participants(group: &pb::Group) -> Vec<Member> {
    group.participants.iter().map(|member| participant(group, member)).collect()
}

fn participant(group: &pb::Group, participant: &pb::Participant) -> Member {
    let own = own_name(group, participant);
    let (lid, phone) = names(participant);
    let admin = match ranks(participant) {
        (_, true) => Some("superadmin"),
        (true, false) => Some("admin"),
        (false, false) => None,
    };
    // The other name, where it is known.
    let is_hidden = own.ends_with("@lid");
    let phone_number = some(wire(phone)).filter(|_| is_hidden);
    let lid = some(lid).filter(|_| !is_hidden && own.ends_with("@c.us"));
    Member { id: wire(own), admin: admin.map(str::to_owned), phone_number, lid }
}

/// The status is a text; a private invite stands within the node as WhatsApp sent it.
pub fn result(action: MemberAction, result: &ParticipantResult) -> Outcome {
    let jid = wire(&result.account.id().to_string());
    let status = code_of(result).to_string();
    let phone = result.account.phone().filter(|_| jid.ends_with("@lid"));
    let attrs = Attributes {
        jid: jid.clone(),
        phone_number: phone.map(|phone| wire(&phone.to_string())),
        error: Some(status.clone()).filter(|status| status != "200"),
    };
    let invite = result.private_invite.as_ref().filter(|_| action == MemberAction::Join);
    let add_request = invite.map(|invite| {
        let expiration = (invite.expire_time.as_millis() / 1000).to_string();
        let attrs = Invitation { code: invite.code.to_string(), expiration };
        vec![AddRequest { tag: "add_request", attrs }]
    });
    Outcome { status, jid, content: Node { tag: "participant", attrs, content: add_request } }
}
