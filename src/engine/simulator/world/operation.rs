//! What an account can do, and what comes of it.

use std::sync::Arc;

use super::creation::GroupTexts;
use super::{ChangeMark, GroupCore, News, Notification, Refusal, World, WorldGroup};
use crate::domain::clock::Timestamp;
use crate::domain::group::{AddressingMode, GroupSettings};
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber};
use crate::domain::participant::{Account, ParticipantResult, ParticipantStatus, Role};
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
    /// Be in the group, without asking how: for scripts.
    WalkIn(GroupId),
}

/// What came of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    pub group_id: Option<GroupId>,
    /// One for each participant that the operation named, in its order.
    pub results: Vec<ParticipantResult>,
    /// What the acting account is told of its own change, whether or not it is a session's.
    pub echo: Vec<Arc<Notification>>,
    /// Whether the group is another than before.
    pub changed: bool,
    /// The account asked to join and has to wait for an admin.
    pub pending_approval: bool,
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
            Operation::WalkIn(group_id) => self.walk_in(actor, group_id),
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

    /// Tells every member that is a session's account.
    pub(super) fn announce(
        &mut self,
        done: &mut Done,
        mark: ChangeMark,
        core: &GroupCore,
        actor: Actor,
        news: impl Fn(PhoneNumber) -> News,
    ) {
        done.changed = true;
        let told: Vec<PhoneNumber> = core
            .members
            .0
            .keys()
            .copied()
            .filter(|phone| *phone == actor.phone || self.index.listeners.contains_key(phone))
            .collect();
        let by = (actor.phone, core.name_of(actor.phone));
        for phone in told {
            self.notify(done, mark, (&core.id, by), phone, news(phone));
        }
    }
}

/// What became of one participant: WhatsApp's code and our name for it.
pub(super) type Verdict = (ParticipantStatus, u32);

pub(super) const OK: Verdict = (ParticipantStatus::Ok, 200);
pub(super) const BLOCKED: Verdict = (ParticipantStatus::Blocked, 401);
pub(super) const PRIVACY_INVITE_NEEDED: Verdict = (ParticipantStatus::PrivacyInviteNeeded, 403);
pub(super) const NOT_ON_WHATSAPP: Verdict = (ParticipantStatus::NotOnWhatsapp, 404);
pub(super) const NOT_MEMBER: Verdict = (ParticipantStatus::NotMember, 404);
pub(super) const NOT_ALLOWED: Verdict = (ParticipantStatus::NotAllowed, 406);
pub(super) const RECENTLY_LEFT: Verdict = (ParticipantStatus::RecentlyLeft, 408);
pub(super) const ALREADY_MEMBER: Verdict = (ParticipantStatus::AlreadyMember, 409);
pub(super) const GROUP_FULL: Verdict = (ParticipantStatus::GroupFull, 419);

pub(super) fn result(
    requested: ParticipantId,
    account: Account,
    (status, code): Verdict,
) -> ParticipantResult {
    ParticipantResult { requested, account, status, code, private_invite: None }
}
