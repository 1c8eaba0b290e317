//! Joining by oneself: by an invite, or because a script does it.

use super::membership::admit;
use super::operation::Actor;
use super::{Done, RECENTLY, Refusal, World, WorldGroup};
use crate::domain::id::{GroupId, InviteCode};
use crate::domain::join_request::JoinRequestMethod;
use crate::domain::participant::PrivateInvite;

impl World {
    pub(super) fn join_by_invite(
        &mut self,
        actor: Actor,
        code: &InviteCode,
    ) -> Result<Done, Refusal> {
        let group = self.group_behind(code)?;
        let group_id = group.core.id.clone();
        let is_member = group.core.role_of(actor.phone).is_some();
        if was_removed(&group, actor) && !actor.force && !is_member {
            return Err(Refusal::RecentlyRemoved(group_id));
        }
        if group.core.suspended && !actor.force {
            return Err(Refusal::Suspended(group_id));
        }
        if group.core.settings.membership_approval && !actor.force && !is_member {
            return Ok(self.ask_to_join(actor, group, JoinRequestMethod::InviteLink));
        }
        self.enter(actor, group)
    }

    /// An admin has invited this very account, so nobody has to approve.
    pub(super) fn accept_private_invite(
        &mut self,
        actor: Actor,
        invite: &PrivateInvite,
    ) -> Result<Done, Refusal> {
        let group = self.group_behind_private(actor, invite)?;
        if group.core.suspended && !actor.force {
            return Err(Refusal::Suspended(group.core.id));
        }
        self.enter(actor, group)
    }

    pub(super) fn walk_in(&mut self, actor: Actor, group_id: &GroupId) -> Result<Done, Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let group = (**group).clone();
        self.enter(actor, group)
    }

    /// The group whose invite link has this code.
    pub(super) fn group_behind(&self, code: &InviteCode) -> Result<WorldGroup, Refusal> {
        if let Some(group) = self.index.invites.get(code).and_then(|id| self.groups.get(id)) {
            return Ok((**group).clone());
        }
        if self.index.revoked.contains_key(code) {
            return Err(Refusal::InviteRevoked(code.clone()));
        }
        Err(Refusal::InviteInvalid)
    }

    /// The group that a private invite for this account is for.
    pub(super) fn group_behind_private(
        &self,
        actor: Actor,
        invite: &PrivateInvite,
    ) -> Result<WorldGroup, Refusal> {
        let group = self.groups.get(&invite.group_id).ok_or(Refusal::InviteInvalid)?;
        let group = (**group).clone();
        // A member has used it up; `enter` refuses them.
        if group.core.role_of(actor.phone).is_some() {
            return Ok(group);
        }
        let held = group.private_invites.get(&actor.phone);
        let expired =
            |expire_time| Refusal::InviteExpired { code: invite.code.clone(), expire_time };
        match held {
            Some(held) if held.code != invite.code => Err(Refusal::InviteInvalid),
            Some(held) if held.expire_time <= actor.now => Err(expired(held.expire_time)),
            Some(_) => Ok(group),
            // Expired invites are forgotten in time; the invite itself has its expiry.
            None if invite.expire_time <= actor.now => Err(expired(invite.expire_time)),
            None => Err(Refusal::InviteInvalid),
        }
    }

    fn enter(&mut self, actor: Actor, mut group: WorldGroup) -> Result<Done, Refusal> {
        let group_id = group.core.id.clone();
        if group.core.role_of(actor.phone).is_some() {
            return Err(Refusal::AlreadyMember(group_id));
        }
        if group.core.is_full() {
            return Err(Refusal::GroupFull(group_id));
        }
        let mut done = Done::of(&group_id);
        let mark = self.next_change(actor.now);
        self.note_number(&mut group.core, actor.phone);
        admit(&mut group, actor.phone, mark.time);
        self.announce_newcomers(&mut done, mark, &group, actor, &[actor.phone]);
        self.groups.put(group_id, group);
        Ok(done)
    }
}

/// Whether an admin removed the account so short a time ago that it cannot come back by itself.
pub(super) fn was_removed(group: &WorldGroup, actor: Actor) -> bool {
    group
        .departed
        .get(&actor.phone)
        .is_some_and(|departure| departure.removed && actor.now < departure.time + RECENTLY)
}
