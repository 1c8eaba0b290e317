//! GOWS: whatsmeow's events, of which WAHA tells a part by fields of its own.

use serde_json::{Map, Value, json};
use wagroups::domain::event::{FieldValue, MemberAction};
use wagroups::domain::group::AddressingMode;
use wagroups::domain::id::ParticipantId;
use wagroups::domain::participant::{Account, Participant};
use wagroups::domain::reducer::Change;

use super::{Event, JOIN, JOIN_REQUEST, LEAVE, Told, UPDATE, info, role_after};
use crate::waha_server::dialect::{self, ids};

/// When it is told, not when it happened.
fn timestamp(told: &Told<'_>) -> i64 {
    told.now.as_millis()
}

fn person(account: &Account, role: &str) -> Value {
    let pn = account.id().phone().map(|phone| phone.to_string());
    json!({ "id": account.id(), "pn": pn, "role": role })
}

/// whatsmeow's GroupInfo event, with nothing in it.
fn data(told: &Told<'_>) -> Map<String, Value> {
    let actor = told.actor();
    let sender = actor.map(|actor| ids::wire(actor.id()));
    let sender_pn = actor.filter(|actor| actor.lid().is_some());
    let sender_pn = sender_pn.and_then(|actor| ids::wire_phone(&actor));
    let data = json!({
        "JID": told.seen.group_id, "Notify": "", "Sender": sender, "SenderPN": sender_pn,
        "Timestamp": ids::rfc3339(told.seen.occur_time),
        "Name": null, "Topic": null, "Locked": null, "Announce": null, "Ephemeral": null,
        "MembershipApprovalMode": null, "Delete": null, "Link": null, "Unlink": null,
        "NewInviteLink": null, "PrevParticipantVersionID": "", "ParticipantVersionID": "",
        "JoinReason": "", "Join": null, "Leave": null, "Promote": null, "Demote": null,
        "MembershipRequestsCreated": null, "MembershipRequestsRevoked": null,
        "UnknownChanges": null,
    });
    match data {
        Value::Object(fields) => fields,
        other => unreachable!("{other} is an object"),
    }
}

pub fn tell(told: &Told<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    events.extend(joined(told));
    events.extend(left(told));
    if let Some((action, members)) = told.moved() {
        events.push(moved(told, action, &members));
    }
    events.extend(updated(told));
    events.extend(requested(told));
    events
}

/// The flag of who may write is the opposite of what it says.
fn joined(told: &Told<'_>) -> Option<Event> {
    let group = told.joined()?;
    let people = group.participants().iter();
    let people = people.map(|member| {
        let mut shown = person(&member.account, dialect::role(member.role));
        shown["pn"] = json!(ids::public_phone(&member.account));
        shown
    });
    let info = info(group, group.settings.messages_admin_only, people.collect());
    let mut raw = dialect::gows_info(group, told.version);
    let actor = told.actor();
    raw["Reason"] = json!("");
    raw["Type"] = json!(if told.is_new() { "new" } else { "" });
    raw["CreateKey"] = json!("");
    raw["Sender"] = json!(actor.map(|actor| ids::wire(actor.id())));
    raw["SenderPN"] = json!(actor.and_then(|actor| ids::wire_phone(&actor)));
    raw["Notify"] = json!("");
    Some(told.event(JOIN, timestamp(told), Value::Object(info), raw))
}

/// Where the group knows hidden ids, WAHA does not see that it is about itself.
fn left(told: &Told<'_>) -> Option<Event> {
    let is_left = told.seen.change == Change::Left;
    let by_number =
        told.group.is_some_and(|group| group.addressing_mode == AddressingMode::PhoneNumber);
    let own = told.own(wagroups::domain::participant::Role::Participant);
    (is_left && by_number).then(|| {
        let mut data = data(told);
        data.insert("Leave".into(), json!([ids::wire(own.id())]));
        let group = json!({ "id": told.seen.group_id });
        told.event(LEAVE, timestamp(told), group, Value::Object(data))
    })
}

fn moved(told: &Told<'_>, action: MemberAction, members: &[Participant]) -> Event {
    let mut data = data(told);
    let list = match action {
        MemberAction::Join => "Join",
        MemberAction::Leave => "Leave",
        MemberAction::Promote => "Promote",
        MemberAction::Demote => "Demote",
    };
    let jids: Vec<String> = members.iter().map(|member| ids::wire(member.id())).collect();
    data.insert(list.into(), json!(jids));
    if action == MemberAction::Join && told.is_own_move(members) {
        data.insert("JoinReason".into(), json!("invite"));
    }
    let people = members.iter().map(|member| person(&member.account, role_after(action)));
    told.participants_event(timestamp(told), action, people.collect(), Value::Object(data))
}

/// Of the settings only two; of the rest nobody hears.
fn updated(told: &Told<'_>) -> Option<Event> {
    let (mut group, mut data) = (Map::new(), data(told));
    let by = |id: Option<ParticipantId>| id.map(ids::wire).unwrap_or_default();
    let at = |time: Option<_>| time.map(ids::rfc3339);
    for field in told.fields() {
        match field {
            FieldValue::Subject(subject) => {
                group.insert("subject".into(), json!(subject.text));
                let name = json!({
                    "Name": subject.text, "NameSetAt": at(subject.time),
                    "NameSetBy": by(subject.owner), "NameSetByPN": "",
                });
                data.insert("Name".into(), name);
            }
            FieldValue::Description(description) => {
                group.insert("description".into(), json!(description.text));
                let topic = json!({
                    "Topic": description.text, "TopicID": description.id,
                    "TopicSetAt": at(description.time), "TopicSetBy": by(description.owner),
                    "TopicSetByPN": "", "TopicDeleted": description.text.is_empty(),
                });
                data.insert("Topic".into(), topic);
            }
            FieldValue::MessagesAdminOnly(on) => {
                group.insert("membersCanSendMessages".into(), json!(!on));
                let announce = json!({ "IsAnnounce": on, "AnnounceVersionID": "" });
                data.insert("Announce".into(), announce);
            }
            // whatsmeow looks whether it was changed, and not how.
            FieldValue::MembershipApproval(_) => {
                group.insert("newMembersApprovalRequired".into(), json!(true));
                let mode = json!({ "IsJoinApprovalRequired": true });
                data.insert("MembershipApprovalMode".into(), mode);
            }
            FieldValue::InfoAdminOnly(on) => {
                data.insert("Locked".into(), json!({ "IsLocked": on }));
            }
            FieldValue::DisappearingTimer(seconds) => {
                let timer = json!({ "IsEphemeral": *seconds > 0, "DisappearingTimer": seconds });
                data.insert("Ephemeral".into(), timer);
            }
            FieldValue::MemberAddMode(_)
            | FieldValue::MemberShareHistory(_)
            | FieldValue::Owner(_)
            | FieldValue::AddressingMode(_)
            | FieldValue::Parent(_)
            | FieldValue::Kind(_)
            | FieldValue::Counted(_)
            | FieldValue::Suspended(_) => {}
        }
    }
    if told.seen.change == Change::InviteRevoked {
        let link = told.invite_code.map(|code| format!("https://chat.whatsapp.com/{code}"));
        group.insert("invite".into(), json!(link));
        data.insert("NewInviteLink".into(), json!(link));
    }
    if group.is_empty() {
        return None;
    }
    group.insert("id".into(), json!(told.seen.group_id));
    Some(told.event(UPDATE, timestamp(told), Value::Object(group), Value::Object(data)))
}

fn requested(told: &Told<'_>) -> Option<Event> {
    let (action, changed) = told.join_request()?;
    let requester = &changed.request.requester;
    let method = (action == "created").then_some(changed.request.method).flatten();
    let method = method.map(dialect::method);
    let data = json!({
        "JID": told.seen.group_id, "Timestamp": ids::rfc3339(told.seen.occur_time),
        "Sender": told.actor().map(|actor| ids::wire(actor.id())),
        // Whether an admin did it, WAHA concludes from the sender.
        "Action": if action == "created" { "created" } else { "revoked" },
        "Requests": [{
            "JID": ids::wire(requester.id()), "PhoneNumber": ids::wire_phone(requester),
            "RequestMethod": method.unwrap_or_default(),
        }],
    });
    let payload = json!({
        "group": { "id": told.seen.group_id }, "action": action, "requesterId": requester.id(),
        "requesterPn": ids::public_phone(requester), "requestMethod": method,
        "timestamp": timestamp(told), "_data": data,
    });
    Some((JOIN_REQUEST, payload))
}
