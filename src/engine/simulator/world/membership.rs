//! Adding members, one result for each.

use super::operation::{
    ALREADY_MEMBER, Actor, BLOCKED, GROUP_FULL, NOT_ON_WHATSAPP, OK, PENDING_APPROVAL,
    PRIVACY_INVITE_NEEDED, RECENTLY_LEFT, result,
};
use super::{
    ChangeMark, Done, GroupUpdate, InviteRecord, Member, PRIVATE_INVITE_LIFE, PendingRequest,
    RECENTLY, Refusal, World, WorldGroup,
};
use crate::domain::clock::Timestamp;
use crate::domain::event::{JoinRequestAction, MemberAction};
use crate::domain::group::MemberAddMode;
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber};
use crate::domain::join_request::JoinRequestMethod;
use crate::domain::participant::{Account, Participant, ParticipantResult, PrivateInvite, Role};

impl World {
    pub(super) fn add(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        participants: &[ParticipantId],
    ) -> Result<Done, Refusal> {
        let (mut group, role) = self.group_for(actor, group_id)?;
        match group.core.settings.member_add_mode {
            MemberAddMode::AdminsOnly if !role.is_admin() => {
                return Err(Refusal::NotAdmin("add members"));
            }
            MemberAddMode::AdminsOnly | MemberAddMode::AllMembers => {}
        }
        // New members count as having joined at the time of the change, which is not known before
        // it is known that there is one.
        let time = actor.now.max(self.last_change_time());
        let mut done = Done::of(group_id);
        let before = group.clone();
        done.results = participants
            .iter()
            .map(|requested| self.try_to_add(&mut group, actor, *requested, time))
            .collect();
        let newcomers: Vec<PhoneNumber> = group
            .core
            .members
            .0
            .keys()
            .copied()
            .filter(|phone| before.core.role_of(*phone).is_none())
            .collect();
        let asked: Vec<PhoneNumber> =
            group.requests.keys().copied().filter(|p| !before.requests.contains_key(p)).collect();
        for phone in asked {
            self.announce_request(&mut done, &group, actor, phone, JoinRequestAction::Created);
        }
        if !newcomers.is_empty() {
            let mark = self.next_change(actor.now);
            self.announce_newcomers(&mut done, mark, &group, actor, &newcomers);
        }
        if group != before {
            self.groups.put(group_id.clone(), group);
        }
        Ok(done)
    }

    /// Adds one account to the group, or returns why not. The order of the checks decides which of several
    /// reasons is reported.
    pub(super) fn try_to_add(
        &mut self,
        group: &mut WorldGroup,
        actor: Actor,
        requested: ParticipantId,
        time: Timestamp,
    ) -> ParticipantResult {
        let Some(phone) = self.phone_of(requested) else {
            return result(requested, Account::new(requested), NOT_ON_WHATSAPP);
        };
        self.note_number(&mut group.core, phone);
        let account = group.core.account_of(phone);
        let settings = self.account(phone).settings;
        if !settings.on_whatsapp {
            return result(requested, Account::new(requested), NOT_ON_WHATSAPP);
        }
        if group.core.role_of(phone).is_some() {
            return result(requested, account, ALREADY_MEMBER);
        }
        if group.core.is_full() {
            return result(requested, account, GROUP_FULL);
        }
        let adder_is_admin = group.core.role_of(actor.phone).is_some_and(Role::is_admin);
        if !actor.force {
            if self.blocks(phone, actor.phone) {
                return result(requested, account, BLOCKED);
            }
            let left_just_now = group
                .departed
                .get(&phone)
                .is_some_and(|departure| !departure.removed && time < departure.time + RECENTLY);
            if left_just_now || self.always_recently_left(phone) {
                return result(requested, account, RECENTLY_LEFT);
            }
            if !settings.lets_add(actor.phone) {
                let mut result = result(requested, account, PRIVACY_INVITE_NEEDED);
                result.private_invite = self.private_invite(group, actor, phone);
                return result;
            }
            if group.core.settings.membership_approval && !adder_is_admin {
                let added_by = Some(actor.phone);
                let method = JoinRequestMethod::NonAdminAdd;
                let request = PendingRequest { time, method, added_by };
                group.requests.entry(phone).or_insert(request);
                return result(requested, account, PENDING_APPROVAL);
            }
        }
        admit(group, phone, time);
        result(requested, account, OK)
    }

    /// The invite that the person may accept. A new one replaces an older one.
    fn private_invite(
        &mut self,
        group: &mut WorldGroup,
        actor: Actor,
        invitee: PhoneNumber,
    ) -> Option<PrivateInvite> {
        let code = self.new_private_invite_code().ok()?;
        let expire_time = actor.now + PRIVATE_INVITE_LIFE;
        let record = InviteRecord { code: code.clone(), inviter: actor.phone, expire_time };
        group.private_invites.retain(|_, invite| invite.expire_time > actor.now);
        group.private_invites.insert(invitee, record);
        let inviter = group.core.name_of(actor.phone);
        Some(PrivateInvite { group_id: group.core.id.clone(), code, expire_time, inviter })
    }

    /// Newcomers are notified of the whole group, the others of the newcomers.
    pub(super) fn announce_newcomers(
        &mut self,
        done: &mut Done,
        mark: ChangeMark,
        group: &WorldGroup,
        actor: Actor,
        newcomers: &[PhoneNumber],
    ) {
        let members: Vec<Participant> = newcomers
            .iter()
            .map(|phone| Participant::new(group.core.account_of(*phone), Role::Participant))
            .collect();
        self.announce(done, mark, &group.core, actor, |phone| {
            if newcomers.contains(&phone) {
                GroupUpdate::Joined(Box::new(group.core.clone()))
            } else {
                GroupUpdate::Members { action: MemberAction::Join, members: members.clone() }
            }
        });
    }
}

/// Makes the account a member, whatever led there.
pub(super) fn admit(group: &mut WorldGroup, phone: PhoneNumber, time: Timestamp) {
    group.core.members.0.insert(phone, Member { role: Role::Participant, since: time });
    group.departed.remove(&phone);
    group.private_invites.remove(&phone);
    group.requests.remove(&phone);
}
