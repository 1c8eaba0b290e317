//! What happens in WhatsApp, as each engine tells it.

mod gows;
mod noweb;
mod webjs;
mod wpp;

use serde_json::{Map, Value, json};
use wagroups::domain::clock::Timestamp;
use wagroups::domain::event::{FieldValue, JoinRequestAction, JoinRequestChanged, MemberAction};
use wagroups::domain::group::{AddressingMode, Group, MemberAddMode};
use wagroups::domain::id::ParticipantId;
use wagroups::domain::id::SessionName;
use wagroups::domain::participant::{Account, Participant, Role};
use wagroups::domain::port::engine::GroupChanges;
use wagroups::domain::reducer::{Change, Observation};
use wagroups::engine::simulator::world::numbers;
use wagroups::engine::waha::webhook::WahaEngine;

use super::WahaServer;
use super::version::{self, Version};

pub use self::noweb::refetched;

/// News of one group for one session.
pub struct Told<'a> {
    pub version: Version,
    pub now: Timestamp,
    pub me: &'a Account,
    pub seen: &'a Observation,
    /// Whether the session was in the group before.
    pub was_in: bool,
    /// The group by now; `None` where it has ended.
    pub group: Option<&'a Group>,
    /// Of the group by now.
    pub invite_code: Option<&'a str>,
}

/// The name of an event, and its payload.
pub type Event = (&'static str, Value);

pub const JOIN: &str = "group.v2.join";
pub const LEAVE: &str = "group.v2.leave";
pub const PARTICIPANTS: &str = "group.v2.participants";
pub const UPDATE: &str = "group.v2.update";
pub const JOIN_REQUEST: &str = "group.v2.participants.join-request";

impl WahaServer {
    /// Tells the session's listeners what WhatsApp tells the session.
    pub(super) async fn be_notified(&self, simulated: &SessionName, changes: &GroupChanges) {
        let Some(session) = self.session_of(simulated) else { return };
        for seen in &changes.observations {
            let is_in = match &seen.change {
                Change::Full(_) => Some(true),
                Change::Left => Some(false),
                _ => None,
            };
            let was_in = self.change_session(&session.name, |session| match is_in {
                Some(true) => !session.groups.insert(seen.group_id.clone()),
                Some(false) => session.groups.remove(&seen.group_id),
                None => true,
            });
            let truth = self.simulator().world_group(&seen.group_id).await.expect("the world");
            if is_in == Some(false) && self.keeps_left_groups() {
                // As it was while the session was in it.
                let left = truth.as_ref().map(|truth| {
                    let mut group = truth.group.clone();
                    group.put_participant(Participant::new(session.account, Role::Participant));
                    group
                });
                let mut all = self.left_behind.lock().expect("the left groups");
                all.extend(left.map(|group| (session.name.clone(), group)));
            }
            let told = Told {
                version: self.options.version(),
                now: self.now(),
                me: &session.account,
                seen,
                was_in: was_in.unwrap_or(false),
                group: truth.as_ref().map(|truth| &truth.group),
                invite_code: truth.as_ref().map(|truth| truth.invite_code.as_str()),
            };
            for (event, payload) in told.events(self.options.engine) {
                // As it is by now: the status may have changed meanwhile.
                let session = self.find_session(&session.name).unwrap_or(session.clone());
                self.emit(&session, event, payload);
            }
        }
    }
}

impl Told<'_> {
    fn events(&self, engine: WahaEngine) -> Vec<Event> {
        let mut events = match engine {
            WahaEngine::Gows => gows::tell(self),
            WahaEngine::Noweb => noweb::tell(self),
            WahaEngine::Webjs => webjs::tell(self),
            WahaEngine::Wpp => wpp::tell(self),
        };
        if self.version < version::JOIN_REQUESTS {
            events.retain(|(name, _)| *name != JOIN_REQUEST);
        }
        events
    }

    /// When it happened, in seconds.
    pub fn seconds(&self) -> i64 {
        super::dialect::ids::seconds(self.seen.occur_time)
    }

    /// The whole group, where the session is in it only now.
    pub fn joined(&self) -> Option<&Group> {
        match &self.seen.change {
            Change::Full(group) if !self.was_in => Some(group),
            _ => None,
        }
    }

    /// Whether the group was made just now, rather than joined.
    pub fn is_new(&self) -> bool {
        self.joined().is_some_and(|group| group.create_time == Some(self.seen.occur_time))
    }

    /// The session's own entry in this group, which may know it by its number only.
    pub fn own(&self, role: Role) -> Participant {
        let is_by_number = self
            .group
            .is_some_and(|group| group.addressing_mode == AddressingMode::PhoneNumber)
            .then(|| self.me.phone())
            .flatten();
        let account = match is_by_number {
            Some(phone) => Account::new(ParticipantId::Phone(phone)),
            None => *self.me,
        };
        Participant::new(account, role)
    }

    /// Members that came, went or changed rank, the session itself among them.
    pub fn moved(&self) -> Option<(MemberAction, Vec<Participant>)> {
        match &self.seen.change {
            Change::Members { action, members } => Some((*action, members.clone())),
            Change::Left => Some((MemberAction::Leave, vec![self.own(Role::Participant)])),
            Change::Full(_) if self.joined().is_some() && !self.is_new() => {
                Some((MemberAction::Join, vec![self.own(Role::Participant)]))
            }
            _ => None,
        }
    }

    pub fn fields(&self) -> &[FieldValue] {
        match &self.seen.change {
            Change::Fields(fields) => fields,
            _ => &[],
        }
    }

    /// Approval is told as joining.
    pub fn join_request(&self) -> Option<(&'static str, &JoinRequestChanged)> {
        let Change::JoinRequest(changed) = &self.seen.change else { return None };
        match changed.action {
            JoinRequestAction::Created => Some(("created", changed)),
            JoinRequestAction::Rejected => Some(("rejected", changed)),
            JoinRequestAction::Revoked => Some(("revoked", changed)),
            JoinRequestAction::Approved => None,
        }
    }

    /// Both names of who did it, where the engine knows them.
    pub fn actor(&self) -> Option<Account> {
        let id = self.seen.actor?;
        let shown = self.group.map(|group| super::dialect::ids::account(group, id));
        Some(shown.unwrap_or_else(|| match id {
            ParticipantId::Lid(lid) => {
                Account::from_names(Some(lid), numbers::phone_behind(lid)).expect("a name")
            }
            ParticipantId::Phone(_) => Account::new(id),
        }))
    }

    /// Whether who moved did so by themselves.
    pub fn is_own_move(&self, members: &[Participant]) -> bool {
        self.seen.actor.is_some_and(|actor| members.iter().all(|m| m.account.goes_by(actor)))
    }

    pub fn participants_event(
        &self,
        timestamp: i64,
        action: MemberAction,
        participants: Vec<Value>,
        data: Value,
    ) -> Event {
        let payload = json!({
            "group": { "id": self.seen.group_id }, "type": action_name(action),
            "timestamp": timestamp, "participants": participants, "_data": data,
        });
        (PARTICIPANTS, payload)
    }

    pub fn event(&self, name: &'static str, timestamp: i64, group: Value, data: Value) -> Event {
        (name, json!({ "timestamp": timestamp, "group": group, "_data": data }))
    }
}

pub fn action_name(action: MemberAction) -> &'static str {
    match action {
        MemberAction::Join => "join",
        MemberAction::Leave => "leave",
        MemberAction::Promote => "promote",
        MemberAction::Demote => "demote",
    }
}

/// The role that an event shows after an action.
pub fn role_after(action: MemberAction) -> &'static str {
    match action {
        MemberAction::Join | MemberAction::Demote => "participant",
        MemberAction::Leave => "left",
        MemberAction::Promote => "admin",
    }
}

/// What all engines tell of a whole group in the same way; `messages` is what they make of who may write.
pub fn info(group: &Group, messages: bool, participants: Vec<Value>) -> Map<String, Value> {
    let all_add = group.settings.member_add_mode == MemberAddMode::AllMembers;
    let info = json!({
        "id": group.id, "subject": group.subject.text, "description": group.description.text,
        "membersCanAddNewMember": all_add, "membersCanSendMessages": messages,
        "newMembersApprovalRequired": group.settings.membership_approval,
        "participants": participants,
    });
    match info {
        Value::Object(fields) => fields,
        other => unreachable!("{other} is an object"),
    }
}
