//! Requests to join: made, withdrawn, answered. Only admins are notified.

use super::membership::admit;
use super::operation::{Actor, GROUP_FULL, NOT_ON_WHATSAPP, OK, REQUEST_NOT_FOUND, result};
use super::{Done, GroupUpdate, PendingRequest, Refusal, World, WorldGroup};
use crate::domain::event::JoinRequestAction;
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber};
use crate::domain::join_request::JoinRequestMethod;
use crate::domain::operation::RequestAnswer;
use crate::domain::participant::{Account, ParticipantResult};

impl World {
    /// Asking again changes nothing.
    pub(super) fn ask_to_join(
        &mut self,
        actor: Actor,
        mut group: WorldGroup,
        method: JoinRequestMethod,
    ) -> Done {
        let mut done = Done::of(&group.core.id);
        done.pending_approval = true;
        if group.requests.contains_key(&actor.phone) {
            return done;
        }
        done.changed = true;
        self.note_number(&mut group.core, actor.phone);
        let time = actor.now.max(self.last_change_time());
        let request = PendingRequest { time, method, added_by: None };
        group.requests.insert(actor.phone, request);
        self.announce_request(&mut done, &group, actor, actor.phone, JoinRequestAction::Created);
        self.groups.put(group.core.id.clone(), group);
        done
    }

    pub(super) fn request_to_join(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
    ) -> Result<Done, Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let group = (**group).clone();
        if group.core.role_of(actor.phone).is_some() {
            return Err(Refusal::AlreadyMember(group_id.clone()));
        }
        Ok(self.ask_to_join(actor, group, JoinRequestMethod::InviteLink))
    }

    pub(super) fn cancel_join_request(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
    ) -> Result<Done, Refusal> {
        let group =
            self.groups.get(group_id).ok_or_else(|| Refusal::GroupNotFound(group_id.clone()))?;
        let mut group = (**group).clone();
        if !group.requests.contains_key(&actor.phone) {
            return Err(Refusal::JoinRequestNotFound(group_id.clone()));
        }
        let mut done = Done::of(group_id);
        done.changed = true;
        self.announce_request(&mut done, &group, actor, actor.phone, JoinRequestAction::Revoked);
        group.requests.remove(&actor.phone);
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    pub(super) fn answer_join_requests(
        &mut self,
        actor: Actor,
        group_id: &GroupId,
        answer: RequestAnswer,
        people: &[ParticipantId],
    ) -> Result<Done, Refusal> {
        let mut group = self.group_for_admin(actor, group_id, "answer requests to join")?;
        let has_request = |id: &ParticipantId| {
            self.phone_of(*id).is_some_and(|phone| group.requests.contains_key(&phone))
        };
        if !people.iter().any(has_request) {
            return Err(Refusal::JoinRequestNotFound(group_id.clone()));
        }
        let mut done = Done::of(group_id);
        let mut newcomers = Vec::new();
        for requested in people {
            let result =
                self.answer_one(&mut done, &mut group, actor, answer, *requested, &mut newcomers);
            done.results.push(result);
        }
        if !newcomers.is_empty() {
            let mark = self.next_change(actor.now);
            self.announce_newcomers(&mut done, mark, &group, actor, &newcomers);
        }
        self.groups.put(group_id.clone(), group);
        Ok(done)
    }

    fn answer_one(
        &mut self,
        done: &mut Done,
        group: &mut WorldGroup,
        actor: Actor,
        answer: RequestAnswer,
        requested: ParticipantId,
        newcomers: &mut Vec<PhoneNumber>,
    ) -> ParticipantResult {
        let Some(phone) = self.phone_of(requested) else {
            return result(requested, Account::new(requested), NOT_ON_WHATSAPP);
        };
        let account = group.core.account_of(phone);
        if !group.requests.contains_key(&phone) {
            return result(requested, account, REQUEST_NOT_FOUND);
        }
        match answer {
            RequestAnswer::Approve if group.core.is_full() => {
                return result(requested, account, GROUP_FULL);
            }
            RequestAnswer::Approve => {
                self.announce_request(done, group, actor, phone, JoinRequestAction::Approved);
                let time = actor.now.max(self.last_change_time());
                admit(group, phone, time);
                newcomers.push(phone);
            }
            RequestAnswer::Reject => {
                self.announce_request(done, group, actor, phone, JoinRequestAction::Rejected);
                group.requests.remove(&phone);
            }
        }
        done.changed = true;
        result(requested, account, OK)
    }

    /// Notifies the admins.
    pub(super) fn announce_request(
        &mut self,
        done: &mut Done,
        group: &WorldGroup,
        actor: Actor,
        requester: PhoneNumber,
        action: JoinRequestAction,
    ) {
        let Some(request) = group.join_request(requester) else { return };
        let mark = self.next_change(actor.now);
        let by = (actor.phone, group.core.name_of(actor.phone));
        let admins: Vec<PhoneNumber> = group
            .core
            .members
            .0
            .iter()
            .filter(|(_, member)| member.role.is_admin())
            .map(|(phone, _)| *phone)
            .collect();
        for admin in admins {
            let update = GroupUpdate::JoinRequest { action, request: request.clone() };
            self.notify(done, mark, (&group.core.id, by), admin, update);
        }
    }
}
