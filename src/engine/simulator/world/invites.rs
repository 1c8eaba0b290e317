//! Invite codes, and what an invite shows.

use std::sync::Arc;

use super::joining::was_removed;
use super::operation::Actor;
use super::{Done, GroupUpdate, Refusal, World, WorldGroup};
use crate::domain::clock::Timestamp;
use crate::domain::id::{GroupId, InviteCode, PhoneNumber};
use crate::domain::invite::{GroupPreview, Invite};
use crate::domain::join_request::JoinRequest;
use crate::domain::participant::{Participant, Role};

/// How many voided codes of a group are known as such; older ones are just wrong.
const REMEMBERED_CODES: usize = 100;

impl World {
    pub(super) fn revoke_invite(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
    ) -> Result<Done, Refusal> {
        let mut group = self.group_for_admin(actor, group_id, "void the invite code")?;
        let code = self.new_invite_code()?;
        let voided = std::mem::replace(&mut group.invite_code, code.clone());
        self.index.invites.remove(&voided);
        self.index.invites.insert(code, group_id.clone());
        self.index.revoked.insert(voided.clone(), group_id.clone());
        group.revoked.push_back(voided);
        while group.revoked.len() > REMEMBERED_CODES {
            if let Some(forgotten) = group.revoked.pop_front() {
                self.index.revoked.remove(&forgotten);
            }
        }
        let mut done = Done::of(group_id);
        let mark = self.next_change(actor.now);
        done.invite_code = Some(group.invite_code.clone());
        self.announce(&mut done, mark, &group.core, actor, |_| GroupUpdate::InviteRevoked);
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    /// The code, which only admins may see.
    pub fn invite_code(
        &self,
        viewer: PhoneNumber,
        group_id: &GroupId,
    ) -> Result<InviteCode, Refusal> {
        let (group, role) = self.member_view(viewer, group_id)?;
        if !role.is_admin() {
            return Err(Refusal::NotAdmin("see the invite code"));
        }
        Ok(group.invite_code.clone())
    }

    /// The open requests to join, oldest first, which only admins may see.
    pub fn open_requests(
        &self,
        viewer: PhoneNumber,
        group_id: &GroupId,
    ) -> Result<Vec<JoinRequest>, Refusal> {
        let (group, role) = self.member_view(viewer, group_id)?;
        if !role.is_admin() {
            return Err(Refusal::NotAdmin("see who asked to join"));
        }
        Ok(requests_of(group))
    }

    /// What an invite shows to this account.
    pub fn preview(
        &self,
        now: Timestamp,
        viewer: PhoneNumber,
        invite: &Invite,
    ) -> Result<GroupPreview, Refusal> {
        let actor = Actor { phone: viewer, now, force: false };
        let group = match invite {
            Invite::Code(code) => {
                let group = self.group_behind(code)?;
                let is_member = group.core.role_of(viewer).is_some();
                if was_removed(&group, actor) && !is_member {
                    return Err(Refusal::RecentlyRemoved(group.core.id));
                }
                group
            }
            Invite::Private(invite) => self.group_behind_private(actor, invite)?,
        };
        let core = &group.core;
        let superadmins =
            core.members.0.iter().filter(|(_, member)| member.role == Role::Superadmin);
        Ok(GroupPreview {
            group_id: core.id.clone(),
            subject: core.subject.text.clone(),
            description: core.description.text.clone(),
            owner: Some(core.name_of(core.owner)),
            create_time: Some(core.create_time),
            member_count: u32::try_from(core.members.0.len()).unwrap_or(u32::MAX),
            membership_approval: core.settings.membership_approval,
            parent: core.parent.clone(),
            participants: superadmins
                .map(|(phone, member)| Participant::new(core.account_of(*phone), member.role))
                .collect(),
        })
    }

    /// The group and the viewer's role, where they are in it.
    pub(super) fn member_view(
        &self,
        viewer: PhoneNumber,
        group_id: &GroupId,
    ) -> Result<(&Arc<WorldGroup>, Role), Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let role = group.core.role_of(viewer);
        role.map(|role| (group, role)).ok_or_else(|| Refusal::NotMember(group_id.clone()))
    }
}

/// A group's open requests, oldest first.
pub fn requests_of(group: &WorldGroup) -> Vec<JoinRequest> {
    let mut requests: Vec<JoinRequest> =
        group.requests.keys().filter_map(|phone| group.join_request(*phone)).collect();
    requests.sort_by_key(|request| (request.request_time, request.requester.id()));
    requests
}
