//! NOWEB: Baileys' events. A demotion shows the role that it takes away, flags are their opposite.

use serde_json::{Map, Value, json};
use wagroups::domain::clock::Timestamp;
use wagroups::domain::event::{FieldValue, MemberAction};
use wagroups::domain::group::{AddressingMode, Group, MemberAddMode};
use wagroups::domain::participant::{Account, Participant, Role};
use wagroups::domain::reducer::Change;

use super::{Event, JOIN, JOIN_REQUEST, LEAVE, Told, UPDATE, info, role_after};
use crate::waha_server::dialect::{self, ids};
use crate::waha_server::version;

fn link(code: &str) -> String {
    format!("https://chat.whatsapp.com/{code}")
}

fn person(account: &Account, role: &str, with_pn: bool) -> Value {
    let mut person = json!({ "id": account.id(), "role": role });
    if with_pn {
        person["pn"] = json!(account.lid().and(ids::public_phone(account)));
    }
    person
}

fn everyone(group: &Group, with_pn: bool) -> Vec<Value> {
    let people = group.participants().iter();
    people.map(|member| person(&member.account, dialect::role(member.role), with_pn)).collect()
}

/// What each group is told as, whenever the whole list is fetched.
pub fn refetched(group: &Group, now: Timestamp) -> Value {
    let info = info(group, group.settings.messages_admin_only, everyone(group, true));
    json!({
        "timestamp": now.as_millis(), "group": info, "_data": dialect::noweb_metadata(group),
    })
}

fn author(told: &Told<'_>, data: &mut Value) {
    if let Some(actor) = told.actor() {
        data["author"] = json!(ids::wire(actor.id()));
        if let (Some(_), Some(phone)) = (actor.lid(), ids::wire_phone(&actor)) {
            data["authorPn"] = json!(phone);
        }
    }
}

pub fn tell(told: &Told<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    let with_pn = told.version >= version::HIDDEN_IDS;
    let now = told.now.as_millis();
    if let Some(group) = told.joined() {
        let info = info(group, group.settings.messages_admin_only, everyone(group, with_pn));
        let mut data = dialect::noweb_metadata(group);
        author(told, &mut data);
        events.push(("group.join", data.clone()));
        events.push(told.event(JOIN, now, Value::Object(info), data));
    }
    let knows_numbers =
        told.group.is_some_and(|group| group.addressing_mode == AddressingMode::PhoneNumber);
    if told.seen.change == Change::Left && (knows_numbers || with_pn) {
        let members = [told.own(Role::Participant)];
        let data = moved_data(told, MemberAction::Leave, &members);
        events.push(told.event(LEAVE, now, json!({ "id": told.seen.group_id }), data));
    }
    if let Some((action, members)) = told.moved() {
        let role = if action == MemberAction::Demote { "admin" } else { role_after(action) };
        let people = members.iter().map(|member| person(&member.account, role, with_pn));
        let data = moved_data(told, action, &members);
        events.push(told.participants_event(now, action, people.collect(), data));
    }
    // Who is in the group already is told of it whole when everything about it may be another.
    if let (Change::Full(group), true) = (&told.seen.change, told.was_in) {
        events.push((UPDATE, refetched(group, told.now)));
    }
    events.extend(updated(told));
    events.extend(requested(told));
    events
}

fn moved_data(told: &Told<'_>, action: MemberAction, members: &[Participant]) -> Value {
    let (name, role) = match action {
        MemberAction::Join => ("add", Role::Participant),
        MemberAction::Leave => ("remove", Role::Participant),
        MemberAction::Promote => ("promote", Role::Admin),
        MemberAction::Demote => ("demote", Role::Participant),
    };
    let people = members.iter().map(|member| dialect::noweb_participant(&member.account, role));
    let mut data = json!({
        "id": told.seen.group_id, "participants": people.collect::<Vec<_>>(), "action": name,
    });
    author(told, &mut data);
    data
}

fn updated(told: &Told<'_>) -> Option<Event> {
    let (mut group, mut data) = (Map::new(), json!({ "id": told.seen.group_id }));
    let mut is_told = false;
    for field in told.fields() {
        is_told = true;
        let (name, value, own_name) = match field {
            FieldValue::Subject(subject) => (Some("subject"), json!(subject.text), "subject"),
            // Of a description that somebody has removed nothing is told but that something was.
            FieldValue::Description(description) if description.text.is_empty() => continue,
            FieldValue::Description(description) => {
                data["descId"] = json!(description.id);
                (Some("description"), json!(description.text), "desc")
            }
            FieldValue::MessagesAdminOnly(on) => {
                (Some("membersCanSendMessages"), json!(on), "announce")
            }
            FieldValue::MembershipApproval(on) => {
                (Some("newMembersApprovalRequired"), json!(on), "joinApprovalMode")
            }
            FieldValue::MemberAddMode(mode) => {
                let all = json!(*mode == MemberAddMode::AllMembers);
                (Some("membersCanAddNewMember"), all, "memberAddMode")
            }
            FieldValue::InfoAdminOnly(on) => (None, json!(on), "restrict"),
            FieldValue::DisappearingTimer(_)
            | FieldValue::MemberShareHistory(_)
            | FieldValue::Owner(_)
            | FieldValue::AddressingMode(_)
            | FieldValue::Parent(_)
            | FieldValue::Kind(_)
            | FieldValue::Counted(_)
            | FieldValue::Suspended(_) => {
                is_told = false;
                continue;
            }
        };
        if let Some(name) = name {
            group.insert(name.into(), value.clone());
        }
        data[own_name] = value;
    }
    if let (Change::InviteRevoked, Some(code)) = (&told.seen.change, told.invite_code) {
        is_told = true;
        group.insert("invite".into(), json!(link(code)));
        data["inviteCode"] = json!(code);
    }
    if !is_told {
        return None;
    }
    author(told, &mut data);
    group.insert("id".into(), json!(told.seen.group_id));
    Some(told.event(UPDATE, told.now.as_millis(), Value::Object(group), data))
}

fn requested(told: &Told<'_>) -> Option<Event> {
    let (action, changed) = told.join_request()?;
    let request = &changed.request;
    let requester = request.requester;
    let method = request.method.map(dialect::method);
    let mut data = json!({
        "id": told.seen.group_id, "participant": ids::wire(requester.id()),
        "participantPn": ids::wire_phone(&requester), "action": action, "method": method,
    });
    author(told, &mut data);
    let payload = json!({
        "group": { "id": told.seen.group_id }, "action": action, "requesterId": requester.id(),
        "requesterPn": ids::public_phone(&requester), "requestMethod": method,
        "timestamp": told.now.as_millis(), "_data": data,
    });
    Some((JOIN_REQUEST, payload))
}
