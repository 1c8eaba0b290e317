//! WPP: wa-js tells little: who comes and goes, and the two texts.

use serde_json::{Value, json};
use wagroups::domain::event::{FieldValue, MemberAction};
use wagroups::domain::participant::{Account, Participant, Role};
use wagroups::domain::reducer::Change;

use super::{Event, JOIN, JOIN_REQUEST, LEAVE, Told, UPDATE, info, role_after};
use crate::waha_server::dialect;

fn person(account: &Account, role: &str) -> Value {
    json!({ "id": account.id(), "pn": null, "role": role })
}

/// wa-js's `group.participant_changed`.
fn data(told: &Told<'_>, action: MemberAction, members: &[Participant]) -> Value {
    let is_own = told.is_own_move(members);
    let (action, operation) = match action {
        MemberAction::Join if is_own => ("join", "add"),
        MemberAction::Join => ("add", "add"),
        MemberAction::Leave if is_own => ("leave", "remove"),
        MemberAction::Leave => ("remove", "remove"),
        MemberAction::Promote => ("promote", "promote"),
        MemberAction::Demote => ("demote", "demote"),
    };
    json!({
        "author": told.seen.actor, "authorPushName": "", "groupId": told.seen.group_id,
        "action": action, "operation": operation,
        "participants": members.iter().map(Participant::id).collect::<Vec<_>>(),
    })
}

pub fn tell(told: &Told<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    let seconds = told.seconds();
    if let Some(group) = told.joined() {
        let people = group.participants().iter();
        let people = people.map(|member| person(&member.account, dialect::role(member.role)));
        let mut info = info(group, !group.settings.messages_admin_only, people.collect());
        info.insert("invite".into(), Value::Null);
        let data = data(told, MemberAction::Join, &[told.own(Role::Participant)]);
        events.push(told.event(JOIN, seconds, Value::Object(info), data));
    }
    // Our own coming and going is no news of members besides.
    if told.seen.change == Change::Left {
        let data = data(told, MemberAction::Leave, &[told.own(Role::Participant)]);
        let group = json!({ "id": told.seen.group_id });
        events.push(told.event(LEAVE, seconds, group, data));
    } else if let (Change::Members { .. }, Some((action, members))) =
        (&told.seen.change, told.moved())
    {
        let data = data(told, action, &members);
        let people = members.iter().map(|member| person(&member.account, role_after(action)));
        events.push(told.participants_event(seconds, action, people.collect(), data));
    }
    for field in told.fields() {
        let (name, subtype, text) = match field {
            FieldValue::Subject(subject) => ("subject", "subject", &subject.text),
            FieldValue::Description(description) => {
                ("description", "description", &description.text)
            }
            _ => continue,
        };
        let group = json!({ "id": told.seen.group_id, (name): text });
        let data = json!({
            "type": "gp2", "subtype": subtype, "body": text, "author": told.seen.actor,
            "t": seconds, "id": { "remote": told.seen.group_id },
        });
        events.push(told.event(UPDATE, seconds, group, data));
    }
    if let Some(("created", changed)) = told.join_request() {
        let requester = changed.request.requester.id();
        let payload = json!({
            "group": { "id": told.seen.group_id }, "action": "created", "requesterId": requester,
            "timestamp": seconds,
            "_data": { "groupId": told.seen.group_id, "requesters": [requester] },
        });
        events.push((JOIN_REQUEST, payload));
    }
    events
}
