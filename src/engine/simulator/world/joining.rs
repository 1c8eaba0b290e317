//! Coming by oneself: by the invite link, or because a script says so.

use super::membership::admit;
use super::operation::Actor;
use super::{Done, News, RECENTLY, Refusal, World, WorldGroup};
use crate::domain::event::JoinRequestAction;
use crate::domain::id::{GroupId, InviteCode, PhoneNumber};

impl World {
    pub(super) fn join_by_invite(
        &mut self,
        actor: Actor,
        code: &InviteCode,
    ) -> Result<Done, Refusal> {
        let group_id = self.index.invites.get(code).cloned().ok_or(Refusal::InviteInvalid)?;
        let group = self.groups.get(&group_id).ok_or(Refusal::InviteInvalid)?;
        let group = (**group).clone();
        let was_removed = group
            .departed
            .get(&actor.phone)
            .is_some_and(|departure| departure.removed && actor.now < departure.time + RECENTLY);
        if was_removed && !actor.force {
            return Err(Refusal::RecentlyRemoved(group_id));
        }
        if group.core.settings.membership_approval
            && !actor.force
            && group.core.role_of(actor.phone).is_none()
        {
            return Ok(self.ask_to_join(actor, group));
        }
        self.enter(actor, group)
    }

    pub(super) fn walk_in(&mut self, actor: Actor, group_id: &GroupId) -> Result<Done, Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let group = (**group).clone();
        self.enter(actor, group)
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
        admit(&mut group, actor.phone, mark.time);
        self.announce_newcomers(&mut done, mark, &group, actor, &[actor.phone]);
        self.groups.put(group_id, group);
        Ok(done)
    }

    /// Only admins are told. Asking again changes nothing.
    fn ask_to_join(&mut self, actor: Actor, mut group: WorldGroup) -> Done {
        let group_id = group.core.id.clone();
        let mut done = Done::of(&group_id);
        done.pending_approval = true;
        if group.join_requests.contains_key(&actor.phone) {
            return done;
        }
        done.changed = true;
        let mark = self.next_change(actor.now);
        group.join_requests.insert(actor.phone, mark.time);
        let requester = self.names(actor.phone);
        let news = News::JoinRequest { action: JoinRequestAction::Created, requester };
        let by = (actor.phone, group.core.name_of(actor.phone));
        let admins: Vec<PhoneNumber> = group
            .core
            .members
            .0
            .iter()
            .filter(|(_, m)| m.role.is_admin())
            .map(|(phone, _)| *phone)
            .collect();
        for admin in admins {
            self.notify(&mut done, mark, (&group_id, by), admin, news.clone());
        }
        self.groups.put(group_id, group);
        done
    }
}
