//! WEBJS: WhatsApp Web's notices. An update tells the whole group but for its members.

use serde_json::{Value, json};
use wagroups::domain::event::{FieldValue, MemberAction};
use wagroups::domain::group::Group;
use wagroups::domain::participant::{Account, Role};
use wagroups::domain::reducer::Change;

use super::{Event, JOIN, JOIN_REQUEST, LEAVE, Told, UPDATE, info, role_after};
use crate::waha_server::dialect;

fn person(account: &Account, role: &str) -> Value {
    let pn = account.id().phone().map(|phone| phone.to_string());
    json!({ "id": account.id(), "pn": pn, "role": role })
}

/// The library's GroupNotification.
fn notice(told: &Told<'_>, kind: &str, body: &str, people: &[Account]) -> Value {
    let group_id = &told.seen.group_id;
    let author = told.actor().map(|actor| actor.id().to_string());
    let people: Vec<String> = people.iter().map(|account| account.id().to_string()).collect();
    json!({
        "id": {
            "fromMe": author.as_deref() == Some(&told.me.id().to_string()), "remote": group_id,
            "id": told.seen.occur_time.as_micros().to_string(), "participant": author,
            "_serialized": format!("false_{group_id}_{}", told.seen.occur_time.as_micros()),
        },
        "body": body, "type": kind, "timestamp": told.seconds(), "chatId": group_id,
        "author": author, "recipientIds": people,
    })
}

/// The whole group; the flag of who may write is its opposite, the invite is a bare code.
fn whole(told: &Told<'_>, group: &Group, people: Vec<Value>) -> Value {
    let mut info = info(group, group.settings.messages_admin_only, people);
    let is_admin = group.role_of(told.me).is_some_and(Role::is_admin);
    if let (true, Some(code)) = (is_admin, told.invite_code) {
        info.insert("invite".into(), json!(code));
    }
    Value::Object(info)
}

pub fn tell(told: &Told<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    let seconds = told.seconds();
    if let Some(group) = told.joined() {
        let kind = if told.is_new() { "create" } else { "add" };
        let data = notice(told, kind, "", &[told.own(Role::Participant).account]);
        let people = group.participants().iter();
        let people = people.map(|member| person(&member.account, dialect::role(member.role)));
        events.push(("group.join", data.clone()));
        events.push(told.event(JOIN, seconds, whole(told, group, people.collect()), data));
    }
    if let Some((action, members)) = told.moved() {
        let is_own = told.is_own_move(&members);
        let kind = match action {
            MemberAction::Join if is_own => "invite",
            MemberAction::Join => "add",
            MemberAction::Leave if is_own => "leave",
            MemberAction::Leave => "remove",
            MemberAction::Promote => "promote",
            MemberAction::Demote => "demote",
        };
        let accounts: Vec<Account> = members.iter().map(|member| member.account).collect();
        let data = notice(told, kind, "", &accounts);
        if told.seen.change == Change::Left {
            events.push(("group.leave", data.clone()));
            let group = json!({ "id": told.seen.group_id });
            events.push(told.event(LEAVE, seconds, group, data.clone()));
        }
        let people = accounts.iter().map(|account| person(account, role_after(action)));
        events.push(told.participants_event(seconds, action, people.collect(), data));
    }
    if let (Some((kind, body)), Some(group)) = (changed(told), told.group) {
        let data = notice(told, kind, &body, &[]);
        events.push(told.event(UPDATE, seconds, whole(told, group, Vec::new()), data));
    }
    if let Some(("created", changed)) = told.join_request() {
        let requester = changed.request.requester;
        let data = notice(told, "membership_approval_request", "", &[requester]);
        let payload = json!({
            "group": { "id": told.seen.group_id }, "action": "created",
            "requesterId": requester.id(), "timestamp": seconds, "_data": data,
        });
        events.push((JOIN_REQUEST, payload));
    }
    events
}

/// What kind of notice a change of the group itself is, and what stands in it.
fn changed(told: &Told<'_>) -> Option<(&'static str, String)> {
    let switch = |on: &bool| if *on { "on".to_owned() } else { "off".to_owned() };
    Some(match &told.seen.change {
        Change::Fields(fields) => match fields.first()? {
            FieldValue::Subject(subject) => ("subject", subject.text.clone()),
            FieldValue::Description(description) => ("description", description.text.clone()),
            FieldValue::InfoAdminOnly(on) => ("restrict", switch(on)),
            FieldValue::MessagesAdminOnly(on) => ("announce", switch(on)),
            FieldValue::MembershipApproval(on) => ("membership_approval_mode", switch(on)),
            FieldValue::MemberAddMode(_) => ("member_add_mode", String::new()),
            FieldValue::DisappearingTimer(seconds) => ("ephemeral", seconds.to_string()),
            FieldValue::MemberShareHistory(_)
            | FieldValue::Owner(_)
            | FieldValue::AddressingMode(_)
            | FieldValue::Parent(_)
            | FieldValue::Kind(_)
            | FieldValue::Counted(_)
            | FieldValue::Suspended(_) => return None,
        },
        Change::Picture(_) => ("picture", String::new()),
        Change::InviteRevoked => ("revoke_invite", String::new()),
        Change::Full(_) if told.was_in => ("modify", String::new()),
        _ => return None,
    })
}
