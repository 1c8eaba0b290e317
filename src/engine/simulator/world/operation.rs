//! What an account can do, and what comes of it.

use std::sync::Arc;

use bytes::Bytes;

use super::creation::GroupTexts;
use super::{ChangeMark, GroupCore, GroupUpdate, Notification, Refusal, World, WorldGroup};
use crate::domain::clock::Timestamp;
use crate::domain::group::{AddressingMode, GroupKind, GroupSettings};
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber};
use crate::domain::operation::RequestAnswer;
use crate::domain::participant::{
    Account, ParticipantResult, ParticipantStatus, PrivateInvite, Role,
};
use crate::domain::setting::Setting;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    Create {
        subject: String,
        description: String,
        participants: Vec<ParticipantId>,
        settings: GroupSettings,
        addressing_mode: AddressingMode,
    },
    Leave(GroupId),
    SetSubject(GroupId, String),
    SetDescription {
        group_id: GroupId,
        text: String,
        /// The id of the text that it is to replace; `None` = whatever is there.
        expected_id: Option<String>,
    },
    ChangeSettings(GroupId, Vec<Setting>),
    Add(GroupId, Vec<ParticipantId>),
    Remove(GroupId, Vec<ParticipantId>),
    Promote(GroupId, Vec<ParticipantId>),
    Demote(GroupId, Vec<ParticipantId>),
    /// By the code of the group's invite link.
    JoinByInvite(InviteCode),
    /// By an invite that was sent to this account alone.
    AcceptPrivateInvite(PrivateInvite),
    /// Be in the group, without asking how: for scripts.
    WalkIn(GroupId),
    RequestToJoin(GroupId),
    CancelJoinRequest(GroupId),
    AnswerJoinRequests {
        group_id: GroupId,
        answer: RequestAnswer,
        people: Vec<ParticipantId>,
    },
    /// A JPEG; `None` removes the picture.
    SetPicture(GroupId, Option<Bytes>),
    RevokeInvite(GroupId),
    /// Move to another phone number, in all groups.
    ChangeNumber(PhoneNumber),
    /// WhatsApp suspends the group, or lifts it; the actor does not matter.
    Suspend(GroupId, bool),
    /// The group turns from phone numbers to hidden ids; the actor does not matter.
    MigrateToLid(GroupId),
    /// The group is a community from now on, or part of one; the actor does not matter.
    PlaceInCommunity(GroupId, Option<GroupKind>, Option<Option<GroupId>>),
}

impl Operation {
    /// The group that it names.
    pub fn group_id(&self) -> Option<&GroupId> {
        match self {
            Self::Create { .. } | Self::JoinByInvite(_) | Self::ChangeNumber(_) => None,
            Self::AcceptPrivateInvite(invite) => Some(&invite.group_id),
            Self::Leave(id)
            | Self::SetSubject(id, _)
            | Self::SetDescription { group_id: id, .. }
            | Self::ChangeSettings(id, _)
            | Self::Add(id, _)
            | Self::Remove(id, _)
            | Self::Promote(id, _)
            | Self::Demote(id, _)
            | Self::WalkIn(id)
            | Self::RequestToJoin(id)
            | Self::CancelJoinRequest(id)
            | Self::AnswerJoinRequests { group_id: id, .. }
            | Self::SetPicture(id, _)
            | Self::RevokeInvite(id)
            | Self::Suspend(id, _)
            | Self::MigrateToLid(id)
            | Self::PlaceInCommunity(id, _, _) => Some(id),
        }
    }
}

/// What came of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    pub group_id: Option<GroupId>,
    /// One for each participant that the operation named, in its order.
    pub results: Vec<ParticipantResult>,
    /// The acting account's notifications of its own change, whether or not it is a session's.
    pub echo: Vec<Arc<Notification>>,
    /// Whether the group is another than before.
    pub changed: bool,
    /// The account asked to join and has to wait for an admin.
    pub pending_approval: bool,
    /// The group's new invite code, where the operation made one.
    pub invite_code: Option<InviteCode>,
    pub notification_count: u32,
}

impl Done {
    pub(super) fn of(group_id: &GroupId) -> Self {
        Self { group_id: Some(group_id.clone()), ..Self::default() }
    }
}

/// Who acts, when, and whether the rules of who may do what hold for them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Actor {
    pub phone: PhoneNumber,
    pub now: Timestamp,
    /// What makes no sense at all is refused even so.
    pub force: bool,
}

impl World {
    /// Carries out an operation, or refuses it and changes nothing.
    pub fn perform(
        &mut self,
        now: Timestamp,
        actor: PhoneNumber,
        operation: &Operation,
        force: bool,
    ) -> Result<Done, Refusal> {
        if !self.account(actor).settings.on_whatsapp {
            return Err(Refusal::NotOnWhatsapp);
        }
        let actor = Actor { phone: actor, now, force };
        match operation {
            Operation::Create { subject, description, participants, settings, addressing_mode } => {
                let texts = GroupTexts { subject, description };
                self.create(actor, texts, participants, *settings, *addressing_mode)
            }
            Operation::Leave(group_id) => self.leave(actor, group_id),
            Operation::SetSubject(group_id, subject) => self.set_subject(actor, group_id, subject),
            Operation::SetDescription { group_id, text, expected_id } => {
                self.set_description(actor, group_id, text, expected_id.as_deref())
            }
            Operation::ChangeSettings(group_id, settings) => {
                self.change_settings(actor, group_id, settings)
            }
            Operation::Add(group_id, participants) => self.add(actor, group_id, participants),
            Operation::Remove(group_id, participants) => self.remove(actor, group_id, participants),
            Operation::Promote(group_id, participants) => {
                self.promote(actor, group_id, participants)
            }
            Operation::Demote(group_id, participants) => self.demote(actor, group_id, participants),
            Operation::JoinByInvite(code) => self.join_by_invite(actor, code),
            Operation::AcceptPrivateInvite(invite) => self.accept_private_invite(actor, invite),
            Operation::WalkIn(group_id) => self.walk_in(actor, group_id),
            Operation::RequestToJoin(group_id) => self.request_to_join(actor, group_id),
            Operation::CancelJoinRequest(group_id) => self.cancel_join_request(actor, group_id),
            Operation::AnswerJoinRequests { group_id, answer, people } => {
                self.answer_join_requests(actor, group_id, *answer, people)
            }
            Operation::SetPicture(group_id, jpeg) => {
                self.set_picture(actor, group_id, jpeg.as_ref())
            }
            Operation::RevokeInvite(group_id) => self.revoke_invite(actor, group_id),
            Operation::ChangeNumber(number) => self.change_number(actor, *number),
            Operation::Suspend(group_id, suspended) => self.suspend(actor, group_id, *suspended),
            Operation::PlaceInCommunity(group_id, kind, parent) => {
                self.place_in_community(actor, group_id, *kind, parent.clone())
            }
            Operation::MigrateToLid(group_id) => self.migrate_to_lid(actor, group_id),
        }
    }

    /// A copy of the group to work on, where the actor is a member (or forces their way).
    pub(super) fn group_for(
        &self,
        actor: Actor,
        group_id: &GroupId,
    ) -> Result<(WorldGroup, Role), Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let role = match group.core.role_of(actor.phone) {
            Some(role) => role,
            None if actor.force => Role::Superadmin,
            None => return Err(Refusal::NotMember(group_id.clone())),
        };
        if group.core.suspended && !actor.force {
            return Err(Refusal::Suspended(group_id.clone()));
        }
        let role = if actor.force { Role::Superadmin } else { role };
        Ok(((**group).clone(), role))
    }

    /// Like [`group_for`](Self::group_for), for what only admins may do.
    pub(super) fn group_for_admin(
        &self,
        actor: Actor,
        group_id: &GroupId,
        what: &'static str,
    ) -> Result<WorldGroup, Refusal> {
        let (group, role) = self.group_for(actor, group_id)?;
        if role.is_admin() { Ok(group) } else { Err(Refusal::NotAdmin(what)) }
    }

    /// Notifies every member that is a session's account.
    pub(super) fn announce(
        &mut self,
        done: &mut Done,
        mark: ChangeMark,
        core: &GroupCore,
        actor: Actor,
        update: impl Fn(PhoneNumber) -> GroupUpdate,
    ) {
        done.changed = true;
        let accounts: Vec<PhoneNumber> = core
            .members
            .0
            .keys()
            .copied()
            .filter(|phone| *phone == actor.phone || self.index.listeners.contains_key(phone))
            .collect();
        let by = (actor.phone, core.name_of(actor.phone));
        for phone in accounts {
            self.notify(done, mark, (&core.id, by), phone, update(phone));
        }
    }
}

/// One participant's result: WhatsApp's code and our status for it.
pub(super) type CodedStatus = (ParticipantStatus, u32);

pub(super) const OK: CodedStatus = (ParticipantStatus::Ok, 200);
pub(super) const BLOCKED: CodedStatus = (ParticipantStatus::Blocked, 401);
pub(super) const PRIVACY_INVITE_NEEDED: CodedStatus = (ParticipantStatus::PrivacyInviteNeeded, 403);
pub(super) const NOT_ON_WHATSAPP: CodedStatus = (ParticipantStatus::NotOnWhatsapp, 404);
pub(super) const NOT_MEMBER: CodedStatus = (ParticipantStatus::NotMember, 404);
pub(super) const NOT_ALLOWED: CodedStatus = (ParticipantStatus::NotAllowed, 406);
pub(super) const RECENTLY_LEFT: CodedStatus = (ParticipantStatus::RecentlyLeft, 408);
pub(super) const REQUEST_NOT_FOUND: CodedStatus = (ParticipantStatus::RequestNotFound, 404);
pub(super) const PENDING_APPROVAL: CodedStatus = (ParticipantStatus::PendingApproval, 421);
pub(super) const ALREADY_MEMBER: CodedStatus = (ParticipantStatus::AlreadyMember, 409);
pub(super) const GROUP_FULL: CodedStatus = (ParticipantStatus::GroupFull, 419);

pub(super) fn result(
    requested: ParticipantId,
    account: Account,
    (status, code): CodedStatus,
) -> ParticipantResult {
    ParticipantResult { requested, account, status, code, private_invite: None }
}
