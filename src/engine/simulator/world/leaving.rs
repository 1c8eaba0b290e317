//! Leaving and being removed.

use super::operation::{Actor, NOT_ALLOWED, NOT_MEMBER, OK, result};
use super::rows::PictureKey;
use super::{Departure, Done, GroupUpdate, RECENTLY, Refusal, World, WorldGroup};
use crate::domain::clock::Timestamp;
use crate::domain::event::MemberAction;
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber};
use crate::domain::participant::{Account, Participant, Role};

impl World {
    /// Where the superadmin leaves, the oldest admin, else the oldest member, becomes superadmin. With
    /// the last member the group ends.
    pub(super) fn leave(&mut self, actor: Actor, group_id: &GroupId) -> Result<Done, Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let mut group = (**group).clone();
        let Some(role) = group.core.role_of(actor.phone) else {
            return Err(Refusal::NotMember(group_id.clone()));
        };
        let mut done = Done::of(group_id);
        let mark = self.next_change(actor.now);
        let by = (actor.phone, group.core.name_of(actor.phone));
        self.notify(&mut done, mark, (group_id, by), actor.phone, GroupUpdate::Left);
        part(&mut group, actor.phone, mark.time, false);
        let gone = vec![Participant::new(group.core.account_of(actor.phone), role)];
        self.announce(&mut done, mark, &group.core, actor, |_| GroupUpdate::Members {
            action: MemberAction::Leave,
            members: gone.clone(),
        });
        if group.core.members.0.is_empty() {
            self.index.invites.remove(&group.invite_code);
            for code in &group.revoked {
                self.index.revoked.remove(code);
            }
            self.pictures.remove(&PictureKey(group_id.clone()));
            self.groups.remove(group_id);
            return Ok(done);
        }
        if let Some(heir) = group.core.heir() {
            if let Some(member) = group.core.members.0.get_mut(&heir) {
                member.role = Role::Superadmin;
            }
            let mark = self.next_change(actor.now);
            let risen = vec![Participant::new(group.core.account_of(heir), Role::Superadmin)];
            self.announce(&mut done, mark, &group.core, actor, |_| GroupUpdate::Members {
                action: MemberAction::Promote,
                members: risen.clone(),
            });
        }
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    pub(super) fn remove(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        participants: &[ParticipantId],
    ) -> Result<Done, Refusal> {
        let mut group = self.group_for_admin(actor, group_id, "remove members")?;
        let time = actor.now.max(self.last_change_time());
        let mut done = Done::of(group_id);
        let mut gone: Vec<(PhoneNumber, Participant)> = Vec::new();
        for requested in participants {
            let phone = self.phone_of(*requested);
            let role = phone.and_then(|phone| Some((phone, group.core.role_of(phone)?)));
            let account =
                phone.map_or(Account::new(*requested), |phone| group.core.account_of(phone));
            let status = match role {
                None => NOT_MEMBER,
                // Nobody removes the superadmin, and nobody removes themselves: that is leaving.
                Some((_, Role::Superadmin)) => NOT_ALLOWED,
                Some((phone, _)) if phone == actor.phone => NOT_ALLOWED,
                Some((phone, role)) => {
                    part(&mut group, phone, time, true);
                    gone.push((phone, Participant::new(account, role)));
                    OK
                }
            };
            done.results.push(result(*requested, account, status));
        }
        if gone.is_empty() {
            return Ok(done);
        }
        let mark = self.next_change(actor.now);
        let by = (actor.phone, group.core.name_of(actor.phone));
        for (phone, _) in &gone {
            self.notify(&mut done, mark, (group_id, by), *phone, GroupUpdate::Left);
        }
        let members: Vec<Participant> = gone.iter().map(|(_, participant)| *participant).collect();
        self.announce(&mut done, mark, &group.core, actor, |_| GroupUpdate::Members {
            action: MemberAction::Leave,
            members: members.clone(),
        });
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }
}

/// Makes the account no longer a member, and remembers it for a while.
fn part(group: &mut WorldGroup, phone: PhoneNumber, time: Timestamp, removed: bool) {
    group.core.members.0.remove(&phone);
    group.departed.retain(|_, departure| time < departure.time + RECENTLY);
    group.departed.insert(phone, Departure { time, removed });
}
