//! Our events in WAHA's envelope.

use serde_json::{Map, Value, json};

use crate::domain::session::Session;
use crate::pb::group_change::Change;
use crate::pb::group_event::Body;
use crate::pb::{self, JoinRequestAction, ParticipantAction};
use crate::rest::shape::{Shape, normalized};

const JOIN: &str = "group.v2.join";
const LEAVE: &str = "group.v2.leave";
const PARTICIPANTS: &str = "group.v2.participants";
const UPDATE: &str = "group.v2.update";
const JOIN_REQUEST: &str = "group.v2.participants.join-request";

/// Every event that is told.
pub const NAMES: [&str; 5] = [JOIN, LEAVE, PARTICIPANTS, UPDATE, JOIN_REQUEST];

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
    /// Empty = all.
    names: Vec<String>,
    metadata: Value,
}

impl Teller {
    pub fn new(session: &Session, shape: Shape, names: Vec<String>) -> Self {
        let me = session.account.map(|account| {
            json!({
                "id": account.phone().map_or_else(|| account.id().to_string(), |p| p.to_string()),
                "lid": account.lid().map(|lid| lid.to_string()),
                "pushName": session.push_name,
            })
        });
        let engine = match shape {
            Shape::Normalized => "wagroups",
            Shape::Gows => "GOWS",
            Shape::Noweb => "NOWEB",
        };
        let in_milliseconds = shape != Shape::Normalized;
        let (me, metadata) = (me.unwrap_or(Value::Null), json!(session.metadata));
        Self { me, engine, in_milliseconds, names, metadata }
    }

    /// `None` where WAHA has no event for it, or it is not asked for.
    pub fn tell(&self, event: &pb::GroupEvent) -> Option<Told> {
        let (name, mut payload) = payload(event)?;
        if !self.names.is_empty() && !self.names.iter().any(|wanted| wanted == name) {
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
        let body = json!({
            "id": event.id,
            "timestamp": recorded.seconds * 1000 + i64::from(recorded.nanos / 1_000_000),
            "event": name,
            "session": event.session,
            "metadata": self.metadata,
            "me": self.me,
            "payload": payload,
            "engine": self.engine,
            "environment": {
                "version": env!("CARGO_PKG_VERSION"), "engine": self.engine, "tier": "CORE", "browser": null,
            },
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
            if group.is_empty() {
                // The lock, the timer and the like have no word in WAHA's events, nor have second names.
                return None;
            }
            group.insert("id".to_owned(), json!(event.group_id));
            (UPDATE, json!({ "group": group }))
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
        Body::PictureChanged(_) | Body::SessionDeleted(_) => return None,
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
