//! Our events in WAHA's envelope.

use serde_json::{Map, Value, json};

use super::changes;
use crate::domain::session::Session;
use crate::pb::group_change::Change;
use crate::pb::group_event::Body;
use crate::pb::{self, JoinRequestAction, ParticipantAction};
use crate::rest::session_routes::me;
use crate::rest::shape::{Shape, normalized};
use crate::rest::version::version;

const JOIN: &str = "group.v2.join";
const LEAVE: &str = "group.v2.leave";
const PARTICIPANTS: &str = "group.v2.participants";
const UPDATE: &str = "group.v2.update";
const JOIN_REQUEST: &str = "group.v2.participants.join-request";

const OTHER_UPDATE: &str = "wagroups.group.update";
const PICTURE: &str = "wagroups.group.picture";
const SESSION_DELETED: &str = "wagroups.session.deleted";

/// WAHA's events, which are told where none are asked for.
pub const OF_WAHA: [&str; 5] = [JOIN, LEAVE, PARTICIPANTS, UPDATE, JOIN_REQUEST];
/// Every event that can be told: those that WAHA has no word for, too.
pub const NAMES: [&str; 8] =
    [JOIN, LEAVE, PARTICIPANTS, UPDATE, JOIN_REQUEST, OTHER_UPDATE, PICTURE, SESSION_DELETED];

/// An event in WAHA's words.
pub struct Told {
    pub name: &'static str,
    pub body: Value,
}

/// Tells one session's events.
pub struct Teller {
    me: Value,
    engine: &'static str,
    /// The payload's clock: WAHA's documentation has seconds, the socket engines give milliseconds.
    in_milliseconds: bool,
    names: Vec<String>,
    metadata: Value,
}

impl Teller {
    /// Tells the events of these names.
    pub fn new(session: &Session, shape: Shape, names: Vec<String>) -> Self {
        Self {
            me: me(session),
            engine: shape.engine(),
            in_milliseconds: shape != Shape::Normalized,
            names,
            metadata: json!(session.metadata),
        }
    }

    /// Tells what is left of a session that was deleted.
    pub fn of_the_past(shape: Shape, names: Vec<String>) -> Self {
        let (me, metadata) = (Value::Null, json!({}));
        let in_milliseconds = shape != Shape::Normalized;
        Self { me, engine: shape.engine(), in_milliseconds, names, metadata }
    }

    /// `None` where it is not asked for.
    pub fn tell(&self, event: &pb::GroupEvent) -> Option<Told> {
        let (name, mut payload) = payload(event)?;
        if !self.names.iter().any(|wanted| wanted == name) {
            return None;
        }
        let time = event.occur_time.unwrap_or_default();
        let millis = time.seconds * 1000 + i64::from(time.nanos / 1_000_000);
        let recorded = event.record_time.unwrap_or_default();
        payload["timestamp"] = json!(if self.in_milliseconds { millis } else { time.seconds });
        payload["_data"] = json!({
            "sequence": event.sequence, "author": event.actor, "requestId": event.request_id,
            "origin": event.origin().as_str_name(),
        });
        if let Some(Body::Updated(updated)) = &event.body {
            let changes = updated.changes.iter().filter_map(|change| change.change.as_ref());
            payload["_data"]["changes"] = changes.map(changes::change).collect();
        }
        let body = json!({
            "id": event.id,
            "timestamp": recorded.seconds * 1000 + i64::from(recorded.nanos / 1_000_000),
            "event": name,
            "session": event.session,
            "metadata": self.metadata,
            "me": self.me,
            "payload": payload,
            "engine": self.engine,
            "environment": version(self.engine),
        });
        Some(Told { name, body })
    }
}

fn payload(event: &pb::GroupEvent) -> Option<(&'static str, Value)> {
    let id = json!({ "id": event.group_id });
    Some(match event.body.as_ref()? {
        Body::Joined(joined) => {
            (JOIN, json!({ "group": normalized::group(joined.group.as_ref()?, true) }))
        }
        Body::Left(_) | Body::Deleted(_) => (LEAVE, json!({ "group": id })),
        Body::ParticipantsChanged(changed) => {
            let action = match changed.action() {
                ParticipantAction::Join => "join",
                ParticipantAction::Leave => "leave",
                ParticipantAction::Promote => "promote",
                ParticipantAction::Demote => "demote",
                ParticipantAction::Unspecified => return None,
            };
            let people: Value = changed.participants.iter().map(normalized::participant).collect();
            (PARTICIPANTS, json!({ "group": id, "type": action, "participants": people }))
        }
        Body::Updated(updated) => {
            let mut group = Map::new();
            updated
                .changes
                .iter()
                .filter_map(|c| c.change.as_ref())
                .for_each(|c| note(c, &mut group));
            // The lock, the timer and the like have no word in WAHA's events, nor have second names.
            let name = if group.is_empty() { OTHER_UPDATE } else { UPDATE };
            group.insert("id".to_owned(), json!(event.group_id));
            (name, json!({ "group": group }))
        }
        Body::InviteRevoked(_) => (UPDATE, json!({ "group": id })),
        Body::JoinRequest(changed) => {
            let action = match changed.action() {
                JoinRequestAction::Created => "created",
                JoinRequestAction::Rejected => "rejected",
                JoinRequestAction::Revoked => "revoked",
                // It shows as the join.
                JoinRequestAction::Approved | JoinRequestAction::Unspecified => return None,
            };
            let requester = changed.request.as_ref()?.requester.as_ref()?;
            let named = normalized::participant(requester);
            let payload = json!({
                "group": id, "action": action, "requesterId": named["id"], "requesterPn": named["pn"],
                "requestMethod": null,
            });
            (JOIN_REQUEST, payload)
        }
        Body::PictureChanged(changed) => {
            (PICTURE, json!({ "group": id, "pictureId": changed.picture_id }))
        }
        Body::SessionDeleted(_) => (SESSION_DELETED, json!({})),
    })
}

/// Notes the fields of `GroupInfo` that a change is about.
fn note(change: &Change, group: &mut Map<String, Value>) {
    let mut put = |name: &str, value: Value| drop(group.insert(name.to_owned(), value));
    match change {
        Change::Subject(change) => {
            put("subject", json!(change.new.as_ref().map_or("", |new| &new.text)));
        }
        Change::Description(change) => {
            put("description", json!(change.new.as_ref().map_or("", |new| &new.text)));
        }
        Change::MessagesAdminOnly(change) => put("membersCanSendMessages", json!(!change.new)),
        Change::MemberAddMode(change) => {
            put("membersCanAddNewMember", json!(change.new() != pb::MemberAddMode::Admins));
        }
        Change::MembershipApproval(change) => put("newMembersApprovalRequired", json!(change.new)),
        Change::Completed(all) => {
            if let Value::Object(fields) = normalized::group(all, true) {
                group.extend(fields);
            }
        }
        Change::InfoAdminOnly(_)
        | Change::MemberShareHistory(_)
        | Change::DisappearingTimer(_)
        | Change::Owner(_)
        | Change::AddressingMode(_)
        | Change::ParentGroupId(_)
        | Change::Suspended(_)
        | Change::Alias(_) => {}
    }
}
