//! What each event reports.

use serde_json::Value;

use super::super::names;
use super::envelope::{Envelope, WahaEngine};
use super::info::{self, GroupEventKind};
use super::{Content, Ignored, WahaStatus, order};
use crate::domain::event::{JoinRequestAction, JoinRequestChanged, MemberAction};
use crate::domain::id::{GroupId, InviteCode, ParticipantId};
use crate::domain::join_request::{JoinRequest, JoinRequestMethod};
use crate::domain::participant::{Participant, Role};
use crate::domain::reducer::{Change, Observation};

pub(super) fn read(envelope: &Envelope) -> Content {
    let read = match envelope.event.as_str() {
        "group.v2.join" => group_join(envelope),
        "group.v2.leave" => group_leave(envelope),
        "group.v2.participants" => group_participants(envelope),
        "group.v2.update" => group_update(envelope),
        "group.v2.participants.join-request" => join_request(envelope),
        "group.join" => deprecated(envelope, MemberAction::Join),
        "group.leave" => deprecated(envelope, MemberAction::Leave),
        "session.status" => return session_status(envelope),
        _ => return Content::Ignored(Ignored::OtherEvent),
    };
    match read {
        Ok(observations) => Content::Group(observations),
        Err(ignored) => Content::Ignored(ignored),
    }
}

type Read = Result<Vec<Observation>, Ignored>;

fn odd(what: &str) -> Ignored {
    Ignored::Odd(what.to_owned())
}

/// The group that the payload is about, normalised, and its id.
fn group(envelope: &Envelope) -> Result<(&Value, GroupId), Ignored> {
    let group = envelope.payload.get("group").ok_or_else(|| odd("it names no group"))?;
    let id = group.get("id").and_then(names::group_id);
    Ok((group, id.ok_or_else(|| odd("its group has no id ending in @g.us"))?))
}

/// `_data.Sender` on GOWS, `_data.author` elsewhere; there is no normalised field.
fn actor(envelope: &Envelope) -> Option<ParticipantId> {
    let raw = envelope.payload.get("_data")?;
    let said = ["Sender", "SenderPN", "author", "authorPn"].into_iter();
    names::account(said.filter_map(|name| raw.get(name))).map(|account| account.id())
}

fn observe(envelope: &Envelope, group_id: &GroupId, change: Change) -> Observation {
    Observation {
        group_id: group_id.clone(),
        change,
        actor: actor(envelope),
        occur_time: order::occur_time(envelope),
        stamp: Some(order::stamp(envelope)),
    }
}

/// We are in the group, and this is what it is like. Where the engine knows too little of it yet, the
/// group begins with what it knows.
fn group_join(envelope: &Envelope) -> Read {
    let (group, id) = group(envelope)?;
    let fields = info::fields(envelope, group, GroupEventKind::Join);
    match info::whole(envelope, &id, &fields, info::participants(envelope, group)) {
        Some((group, unreported)) => Ok(vec![observe(
            envelope,
            &id,
            Change::FullExcept { group: Box::new(group), unreported },
        )]),
        None => Ok(vec![observe(envelope, &id, Change::Fields(fields))]),
    }
}

fn group_leave(envelope: &Envelope) -> Read {
    let (_, id) = group(envelope)?;
    Ok(vec![observe(envelope, &id, Change::Left)])
}

fn group_participants(envelope: &Envelope) -> Read {
    let (_, id) = group(envelope)?;
    let action = match envelope.payload.get("type").and_then(Value::as_str) {
        Some("join") => MemberAction::Join,
        Some("leave") => MemberAction::Leave,
        Some("promote") => MemberAction::Promote,
        Some("demote") => MemberAction::Demote,
        Some(other) => return Err(Ignored::Odd(format!("its type is {other:?}"))),
        None => return renumbered(envelope, &id),
    };
    let listed = envelope.payload.get("participants").and_then(Value::as_array);
    let mut members: Vec<Participant> =
        listed.into_iter().flatten().filter_map(info::participant).collect();
    if members.is_empty() {
        return Err(odd("it names nobody"));
    }
    for member in &mut members {
        member.role = match action {
            MemberAction::Join | MemberAction::Leave => member.role,
            MemberAction::Promote => member.role.max(Role::Admin),
            // NOWEB still has `admin` for a demoted member.
            MemberAction::Demote => Role::Participant,
        };
    }
    Ok(vec![observe(envelope, &id, Change::Members { action, members })])
}

/// NOWEB's `modify`, which has no type: a member changed their number. WhatsApp gives the old number as the author
/// (Baileys, `GROUP_PARTICIPANT_CHANGE_NUMBER`); where it does not, the group is read.
fn renumbered(envelope: &Envelope, id: &GroupId) -> Read {
    let is_modify = envelope.payload.pointer("/_data/action").and_then(Value::as_str);
    if is_modify != Some("modify") {
        return Err(odd("it has no type"));
    }
    let listed = envelope.payload.get("participants").and_then(Value::as_array);
    let members: Vec<Participant> =
        listed.into_iter().flatten().filter_map(info::participant).collect();
    let me = envelope.me.as_ref().and_then(names::me);
    let before = actor(envelope).filter(|before| {
        let is_us = me.as_ref().is_some_and(|me| me.account.goes_by(*before));
        !is_us && members.iter().all(|member| !member.account.goes_by(*before))
    });
    let change = match (before, members.as_slice()) {
        // A member keeps the hidden id, and so is the same under both numbers.
        (_, [after]) if after.account.both_names().is_some() => {
            Change::Aliases(after.account.both_names().into_iter().collect())
        }
        (Some(before), [after]) => Change::Renumbered { before, now: after.account },
        _ => Change::Unclear,
    };
    Ok(vec![observe(envelope, id, change)])
}

fn group_update(envelope: &Envelope) -> Read {
    let (group, id) = group(envelope)?;
    let fields = info::fields(envelope, group, GroupEventKind::Update);
    let mut observations = Vec::new();
    match info::whole(envelope, &id, &fields, info::participants(envelope, group)) {
        Some((group, unreported)) => {
            let change = Change::FullExcept { group: Box::new(group), unreported };
            let mut observation = observe(envelope, &id, change);
            // The engine read it before it sent the event: changes reported in between are newer.
            observation.stamp = Some(order::stamp_of_reading(envelope));
            observations.push(observation);
        }
        None if fields.is_empty() => {}
        None => observations.push(observe(envelope, &id, Change::Fields(fields))),
    }
    if reports_new_invite(envelope, group) {
        observations.push(observe(envelope, &id, Change::InviteRevoked));
    }
    if info::doubts_approval(envelope, group, GroupEventKind::Update) {
        observations.push(observe(envelope, &id, Change::Unclear));
    }
    if observations.is_empty() {
        // NOWEB reports a removed description like this (observed on 2026.8.2).
        let says_nothing = |object: &Value| {
            object.as_object().is_some_and(|fields| {
                fields.keys().all(|name| matches!(name.as_str(), "id" | "author" | "authorPn"))
            })
        };
        let is_removal = envelope.engine() == Some(WahaEngine::Noweb)
            && says_nothing(group)
            && envelope.payload.get("_data").is_some_and(says_nothing);
        if !is_removal {
            return Err(odd("it names no change"));
        }
        observations.push(observe(envelope, &id, Change::Unclear));
    }
    Ok(observations)
}

/// GOWS and NOWEB name the invite where it is new; WEBJS and WPP in every update.
fn reports_new_invite(envelope: &Envelope, group: &Value) -> bool {
    let names_one = group
        .get("invite")
        .and_then(Value::as_str)
        .is_some_and(|invite| invite.parse::<InviteCode>().is_ok());
    let only_changes = match envelope.engine() {
        Some(WahaEngine::Gows) => true,
        // A refetch of the whole group names the invite that was there before.
        Some(WahaEngine::Noweb) => group.get("participants").is_none(),
        Some(WahaEngine::Webjs | WahaEngine::Wpp) | None => false,
    };
    names_one && only_changes
}

fn join_request(envelope: &Envelope) -> Read {
    let (_, id) = group(envelope)?;
    let payload = &envelope.payload;
    let action = match payload.get("action").and_then(Value::as_str) {
        Some("created") => JoinRequestAction::Created,
        Some("rejected") => JoinRequestAction::Rejected,
        Some("revoked") => JoinRequestAction::Revoked,
        _ => return Err(odd("its action is none of created, rejected and revoked")),
    };
    let names = ["requesterId", "requesterPn"].into_iter().filter_map(|name| payload.get(name));
    let requester = names::account(names).ok_or_else(|| odd("it names no requester"))?;
    let mut request = JoinRequest::of(requester);
    if action == JoinRequestAction::Created {
        request.request_time = Some(order::occur_time(envelope));
        request.method = match payload.get("requestMethod").and_then(Value::as_str) {
            Some("invite_link") => Some(JoinRequestMethod::InviteLink),
            Some("linked_group_join") => Some(JoinRequestMethod::LinkedGroup),
            Some("non_admin_add") => Some(JoinRequestMethod::NonAdminAdd),
            _ => None,
        };
    }
    let change = Change::JoinRequest(JoinRequestChanged { action, request });
    Ok(vec![observe(envelope, &id, change)])
}

/// `group.join` and `group.leave`, from before `group.v2`: the engine's own objects. NOWEB's is the
/// whole group that we are in now; WEBJS's names who came or went.
fn deprecated(envelope: &Envelope, action: MemberAction) -> Read {
    let payload = &envelope.payload;
    let chat = [payload.get("chatId"), payload.pointer("/id/remote")].into_iter().flatten();
    let Some(id) = chat.filter_map(names::group_id).next() else {
        // The v2 event of the same change has more.
        return Err(Ignored::Redundant);
    };
    let recipients = payload.get("recipientIds").and_then(Value::as_array);
    let members: Vec<Participant> = recipients
        .into_iter()
        .flatten()
        .filter_map(|recipient| names::account([recipient]))
        .map(|account| Participant::new(account, Role::Participant))
        .collect();
    if members.is_empty() {
        return Err(odd("it names nobody"));
    }
    let mut observation = observe(envelope, &id, Change::Members { action, members });
    observation.actor = payload.get("author").and_then(names::participant_id);
    Ok(vec![observation])
}

fn session_status(envelope: &Envelope) -> Content {
    let Some(status) = envelope.payload.get("status").and_then(Value::as_str) else {
        return Content::Ignored(odd("it has no status"));
    };
    Content::Status(WahaStatus::named(status))
}
