//! What WhatsApp itself does to groups and accounts.

use super::operation::Actor;
use super::{AccountRecord, Done, GroupCore, GroupUpdate, Refusal, World};
use crate::domain::event::MemberAction;
use crate::domain::group::{AddressingMode, GroupKind};
use crate::domain::id::{GroupId, PhoneNumber};
use crate::domain::participant::Participant;

impl World {
    pub(super) fn suspend(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        suspended: bool,
    ) -> Result<Done, Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let mut group = (**group).clone();
        let mut done = Done::of(group_id);
        if group.core.suspended == suspended {
            return Ok(done);
        }
        group.core.suspended = suspended;
        let mark = self.next_change(actor.now);
        self.announce(&mut done, mark, &group.core, actor, |_| GroupUpdate::Suspended(suspended));
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    pub(super) fn place_in_community(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        kind: Option<GroupKind>,
        parent: Option<Option<GroupId>>,
    ) -> Result<Done, Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let mut group = (**group).clone();
        let mut done = Done::of(group_id);
        let kind = kind.unwrap_or(group.core.kind);
        let parent = parent.unwrap_or_else(|| group.core.parent.clone());
        if (group.core.kind, &group.core.parent) == (kind, &parent) {
            return Ok(done);
        }
        (group.core.kind, group.core.parent) = (kind, parent.clone());
        let mark = self.next_change(actor.now);
        let update = GroupUpdate::Community { kind, parent };
        self.announce(&mut done, mark, &group.core, actor, |_| update.clone());
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    /// Members are notified of the whole group, with both names of everyone.
    pub(super) fn migrate_to_lid(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
    ) -> Result<Done, Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let mut group = (**group).clone();
        let mut done = Done::of(group_id);
        if group.core.addressing_mode == AddressingMode::Lid {
            return Ok(done);
        }
        group.core.addressing_mode = AddressingMode::Lid;
        let mark = self.next_change(actor.now);
        let core = group.core.clone();
        self.announce(&mut done, mark, &core, actor, |_| {
            GroupUpdate::Joined(Box::new(core.clone()))
        });
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    /// The account keeps its hidden id, and the world goes on knowing it by its first number. Groups of
    /// the old kind know it by the number alone, so that there someone leaves and someone comes.
    pub(super) fn change_number(
        &mut self,
        actor: Actor,
        number: PhoneNumber,
    ) -> Result<Done, Refusal> {
        let key = actor.phone;
        let is_taken = self.accounts.get(&number).is_some()
            || self.index.numbers.contains_key(&number)
            || self.groups.iter().any(|(_, group)| group.core.role_of(number).is_some());
        if is_taken && number != key {
            return Err(Refusal::NumberTaken);
        }
        if self.index.listeners.contains_key(&key) {
            return Err(Refusal::OwnNumber);
        }
        let mut done = Done::default();
        let record = self.account(key);
        if record.number.unwrap_or(key) == number {
            return Ok(done);
        }
        self.accounts.put(key, AccountRecord { number: Some(number), ..record.clone() });
        self.index.numbers.retain(|_, held| *held != key);
        self.index.numbers.insert(number, key);
        let groups: Vec<GroupId> =
            self.groups(Some(key)).map(|group| group.core.id.clone()).collect();
        for group_id in groups {
            let Some(group) = self.groups.get(&group_id) else { continue };
            let mut group = (**group).clone();
            let Some(member) = group.core.members.0.get(&key).copied() else { continue };
            self.note_number(&mut group.core, key);
            let mark = self.next_change(actor.now);
            let account = group.core.account_of(key);
            let core = group.core.clone();
            self.announce(&mut done, mark, &core, actor, |_| match core.addressing_mode {
                AddressingMode::PhoneNumber => GroupUpdate::Joined(Box::new(core.clone())),
                AddressingMode::Lid | AddressingMode::Unknown => GroupUpdate::Members {
                    action: MemberAction::Join,
                    members: vec![Participant::new(account, member.role)],
                },
            });
            self.groups.put(group_id, group);
        }
        done.changed = true;
        Ok(done)
    }

    /// Has the group know the account's number, where that is another than its first one.
    pub(super) fn note_number(&self, core: &mut GroupCore, phone: PhoneNumber) {
        match self.accounts.get(&phone).and_then(|record| record.number) {
            Some(number) if number != phone => {
                core.renumbered.insert(phone, number);
            }
            Some(_) | None => {
                core.renumbered.remove(&phone);
            }
        }
    }
}
