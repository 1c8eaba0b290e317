//! WAHA's own words: `GroupInfo`, `GroupParticipant`. `pn` is there wherever the number is known.

use super::{code_of, person};
use crate::domain::id::InviteCode;
use crate::domain::participant::ParticipantResult;
pub use crate::envelope::words::participants;
use crate::envelope::words::{GroupInfo, GroupParticipant, info, participant};
use crate::pb;
use crate::rest::answers::normalized::{Created, Group, Invitation, Outcome, Previewed};

pub fn group(group: &pb::Group, with_participants: bool) -> Group {
    let participants = with_participants.then(|| participants(group));
    let GroupInfo {
        id,
        subject,
        description,
        members_can_add_new_member,
        members_can_send_messages,
        new_members_approval_required,
    } = info(group);
    Group {
        id,
        subject,
        description,
        members_can_add_new_member,
        members_can_send_messages,
        new_members_approval_required,
        size: None,
        participants,
    }
}

/// How many there are stands where WAHA leaves one without its members.
pub fn listed(listed: &pb::Group, with_participants: bool) -> Group {
    let size = (!with_participants).then_some(listed.member_count.into());
    Group { size, ..group(listed, with_participants) }
}

pub fn created(made: &pb::Group, results: &[ParticipantResult]) -> Created {
    let GroupInfo {
        id,
        subject,
        description,
        members_can_add_new_member,
        members_can_send_messages,
        new_members_approval_required,
    } = info(made);
    Created {
        id,
        subject,
        description,
        members_can_add_new_member,
        members_can_send_messages,
        new_members_approval_required,
        participants: participants(made),
        results: results.iter().map(|each| result(made, each)).collect(),
    }
}

/// The person, the code, and the private invite where one is needed.
pub fn result(group: &pb::Group, result: &ParticipantResult) -> Outcome {
    let person = person(group, result);
    let GroupParticipant { id, pn, role } = participant(&person);
    // Who is no member has no role; `left` is for those who were.
    let role = Some(role).filter(|_| person.role() != pb::Role::Unspecified);
    let invite = result.private_invite.as_ref().map(|invite| Invitation {
        code: invite.code.to_string(),
        expiration: invite.expire_time.to_string(),
    });
    let (code, status) = (code_of(result), result.status);
    Outcome { id, pn, role, code, status, invite }
}

pub fn preview(shown: &pb::Group, size: i32, code: &InviteCode) -> Previewed {
    let (participants, invite) = (participants(shown), code.link());
    let GroupInfo {
        id,
        subject,
        description,
        members_can_add_new_member,
        members_can_send_messages,
        new_members_approval_required,
    } = info(shown);
    Previewed {
        id,
        subject,
        description,
        members_can_add_new_member,
        members_can_send_messages,
        new_members_approval_required,
        participants,
        invite,
        size: size.into(),
    }
}
