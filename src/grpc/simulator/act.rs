//! What an account does, out of an ActRequest.

use std::ops::RangeInclusive;

use crate::domain::group::{
    AddressingMode, DescriptionText, GroupKind, GroupSettings, MAX_PARTICIPANTS, MAX_TIMER_SECONDS,
    SubjectText,
};
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber};
use crate::domain::operation::RequestAnswer;
use crate::domain::setting::Setting;
use crate::engine::simulator::world::{MAX_PICTURE_BYTES, Operation};
use crate::grpc::group_joining::private_invite;
use crate::grpc::request::Fields;
use crate::pb::{self, act_request::Action};

const PEOPLE: RangeInclusive<usize> = 1..=MAX_PARTICIPANTS;

/// The operation that a request asks for; `None` where something is wrong with it, which is noted.
pub(super) fn operation(fields: &mut Fields, message: &pb::ActRequest) -> Option<Operation> {
    let Some(action) = &message.action else {
        fields.add("action", "must be set");
        return None;
    };
    match action {
        Action::CreateGroup(create) => {
            let subject = fields.parse::<SubjectText>("create_group.subject", &create.subject);
            let field = "create_group.participant_ids";
            let people = &create.participant_ids;
            let participants = fields.participants(field, people, 0..=MAX_PARTICIPANTS - 1);
            Some(Operation::Create {
                subject: subject?.as_str().to_owned(),
                description: String::new(),
                settings: GroupSettings::default(),
                participants,
                addressing_mode: match create.addressing_mode() {
                    pb::AddressingMode::PhoneNumber => AddressingMode::PhoneNumber,
                    pb::AddressingMode::Unspecified | pb::AddressingMode::Lid => {
                        AddressingMode::Lid
                    }
                },
            })
        }
        Action::JoinByInvite(join) => fields
            .parse("join_by_invite.invite_code", &join.invite_code)
            .map(Operation::JoinByInvite),
        Action::AcceptPrivateInvite(accept) => match &accept.private_invite {
            Some(invite) => {
                let field = "accept_private_invite.private_invite";
                private_invite(fields, field, invite).map(Operation::AcceptPrivateInvite)
            }
            None => {
                fields.add("accept_private_invite.private_invite", "must be set");
                None
            }
        },
        Action::ChangeNumber(change) => fields
            .parse::<PhoneNumber>("change_number.new_phone_number", &change.new_phone_number)
            .map(Operation::ChangeNumber),
        Action::WalkIn(_)
        | Action::Leave(_)
        | Action::AddParticipants(_)
        | Action::RemoveParticipants(_)
        | Action::PromoteParticipants(_)
        | Action::DemoteParticipants(_)
        | Action::ChangeSubject(_)
        | Action::ChangeDescription(_)
        | Action::ChangeSettings(_)
        | Action::ChangePicture(_)
        | Action::RevokeInvite(_)
        | Action::RequestToJoin(_)
        | Action::CancelJoinRequest(_)
        | Action::ApproveJoinRequests(_)
        | Action::RejectJoinRequests(_)
        | Action::Suspend(_)
        | Action::MigrateToLid(_)
        | Action::PlaceInCommunity(_) => {
            let group_id = fields.group_id(&message.group_id);
            in_group(fields, action, group_id)
        }
    }
}

/// An action in one group. Everything is checked, also where the group's id is wrong.
fn in_group(fields: &mut Fields, action: &Action, group_id: Option<GroupId>) -> Option<Operation> {
    let mut people = |field: &str, ids: &[String]| -> Vec<ParticipantId> {
        fields.participants(&format!("{field}.participant_ids"), ids, PEOPLE)
    };
    match action {
        Action::WalkIn(_) => group_id.map(Operation::WalkIn),
        Action::Leave(_) => group_id.map(Operation::Leave),
        Action::AddParticipants(add) => {
            let people = people("add_participants", &add.participant_ids);
            group_id.map(|id| Operation::Add(id, people))
        }
        Action::RemoveParticipants(remove) => {
            let people = people("remove_participants", &remove.participant_ids);
            group_id.map(|id| Operation::Remove(id, people))
        }
        Action::PromoteParticipants(promote) => {
            let people = people("promote_participants", &promote.participant_ids);
            group_id.map(|id| Operation::Promote(id, people))
        }
        Action::DemoteParticipants(demote) => {
            let people = people("demote_participants", &demote.participant_ids);
            group_id.map(|id| Operation::Demote(id, people))
        }
        Action::ApproveJoinRequests(approve) => {
            let people = people("approve_join_requests", &approve.participant_ids);
            let answer = RequestAnswer::Approve;
            group_id.map(|group_id| Operation::AnswerJoinRequests { group_id, answer, people })
        }
        Action::RejectJoinRequests(reject) => {
            let people = people("reject_join_requests", &reject.participant_ids);
            let answer = RequestAnswer::Reject;
            group_id.map(|group_id| Operation::AnswerJoinRequests { group_id, answer, people })
        }
        Action::ChangeSubject(change) => {
            let subject = fields.parse::<SubjectText>("change_subject.subject", &change.subject);
            let (id, subject) = group_id.zip(subject)?;
            Some(Operation::SetSubject(id, subject.as_str().to_owned()))
        }
        Action::ChangeDescription(change) => {
            let field = "change_description.description";
            let text = fields.required(field, change.description.as_ref());
            let text = text.and_then(|text| fields.parse::<DescriptionText>(field, text));
            let (group_id, text) = group_id.zip(text)?;
            let text = text.as_str().to_owned();
            Some(Operation::SetDescription { group_id, text, expected_id: None })
        }
        Action::ChangeSettings(change) => {
            let settings = settings(fields, change);
            group_id.map(|id| Operation::ChangeSettings(id, settings))
        }
        Action::ChangePicture(change) => {
            let data = fields.required("change_picture.data", change.data.clone())?;
            if data.len() > MAX_PICTURE_BYTES {
                let limit = format!("must have at most {MAX_PICTURE_BYTES} bytes");
                fields.add("change_picture.data", limit);
            }
            let jpeg = Some(data).filter(|data| !data.is_empty());
            group_id.map(|id| Operation::SetPicture(id, jpeg))
        }
        Action::RevokeInvite(_) => group_id.map(Operation::RevokeInvite),
        Action::RequestToJoin(_) => group_id.map(Operation::RequestToJoin),
        Action::CancelJoinRequest(_) => group_id.map(Operation::CancelJoinRequest),
        Action::Suspend(suspend) => {
            let suspended = fields.required("suspend.suspended", suspend.suspended);
            let (id, suspended) = group_id.zip(suspended)?;
            Some(Operation::Suspend(id, suspended))
        }
        Action::MigrateToLid(_) => group_id.map(Operation::MigrateToLid),
        Action::PlaceInCommunity(place) => {
            let (kind, parent) = community(fields, place)?;
            group_id.map(|id| Operation::PlaceInCommunity(id, kind, parent))
        }
        // They name no group.
        Action::CreateGroup(_)
        | Action::JoinByInvite(_)
        | Action::AcceptPrivateInvite(_)
        | Action::ChangeNumber(_) => None,
    }
}

fn community(
    fields: &mut Fields,
    place: &pb::PlaceInCommunityAction,
) -> Option<(Option<GroupKind>, Option<Option<GroupId>>)> {
    let Ok(kind) = pb::GroupKind::try_from(place.kind) else {
        fields.add("place_in_community.kind", "must be a known kind");
        return None;
    };
    let parent = match place.parent_group_id.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(parent) => Some(Some(fields.parse("place_in_community.parent_group_id", parent)?)),
    };
    let kind = (kind != pb::GroupKind::Unspecified).then(|| kind.to_domain());
    if kind.is_none() && parent.is_none() {
        fields.add("place_in_community", "must set kind, parent_group_id or both");
    }
    Some((kind, parent))
}

/// The settings that are set; the others stay as they are.
fn settings(fields: &mut Fields, change: &pb::ChangeSettingsAction) -> Vec<Setting> {
    let add_mode = match pb::MemberAddMode::try_from(change.member_add_mode) {
        Ok(pb::MemberAddMode::Unspecified) => None,
        Ok(mode) => Some(Setting::MemberAddMode(mode.to_domain())),
        Err(_) => {
            fields.add("change_settings.member_add_mode", "must be a known mode");
            None
        }
    };
    let timer = change.disappearing_timer.as_ref().map(|timer| {
        let field = "change_settings.disappearing_timer";
        Setting::DisappearingTimer(fields.seconds(field, Some(timer), MAX_TIMER_SECONDS))
    });
    [
        change.info_admin_only.map(Setting::InfoAdminOnly),
        change.messages_admin_only.map(Setting::MessagesAdminOnly),
        add_mode,
        change.membership_approval.map(Setting::MembershipApproval),
        change.member_share_history.map(Setting::MemberShareHistory),
        timer,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the group has another invite code afterwards.
pub(super) fn makes_code(message: &pb::ActRequest) -> bool {
    matches!(message.action, Some(Action::CreateGroup(_) | Action::RevokeInvite(_)))
}
