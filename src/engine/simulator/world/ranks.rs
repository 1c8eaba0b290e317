//! Promoting and demoting.

use super::operation::{Actor, NOT_ALLOWED, NOT_MEMBER, OK, result};
use super::{Done, GroupUpdate, Refusal, World};
use crate::domain::event::MemberAction;
use crate::domain::id::{GroupId, ParticipantId};
use crate::domain::participant::{Account, Participant, Role};

impl World {
    /// Promoting an admin changes nothing and is OK.
    pub(super) fn promote(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        participants: &[ParticipantId],
    ) -> Result<Done, Refusal> {
        self.change_rank(actor, group_id, participants, MemberAction::Promote, Role::Admin)
    }

    /// The superadmin cannot be demoted (406); demoting a plain member changes nothing and is OK.
    pub(super) fn demote(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        participants: &[ParticipantId],
    ) -> Result<Done, Refusal> {
        self.change_rank(actor, group_id, participants, MemberAction::Demote, Role::Participant)
    }

    fn change_rank(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        participants: &[ParticipantId],
        action: MemberAction,
        to: Role,
    ) -> Result<Done, Refusal> {
        let mut group = self.group_for_admin(actor, group_id, "change who is an admin")?;
        let mut done = Done::of(group_id);
        let mut moved = Vec::new();
        for requested in participants {
            let phone = self.phone_of(*requested);
            let account =
                phone.map_or(Account::new(*requested), |phone| group.core.account_of(phone));
            let member = phone.and_then(|phone| group.core.members.0.get_mut(&phone));
            let status = match member {
                None => NOT_MEMBER,
                Some(member) if member.role == Role::Superadmin && to < member.role => match action
                {
                    MemberAction::Demote => NOT_ALLOWED,
                    MemberAction::Join | MemberAction::Leave | MemberAction::Promote => OK,
                },
                Some(member) => {
                    if member.role != to {
                        member.role = to;
                        moved.push(Participant::new(account, to));
                    }
                    OK
                }
            };
            done.results.push(result(*requested, account, status));
        }
        if moved.is_empty() {
            return Ok(done);
        }
        let mark = self.next_change(actor.now);
        self.announce(&mut done, mark, &group.core, actor, |_| GroupUpdate::Members {
            action,
            members: moved.clone(),
        });
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }
}
