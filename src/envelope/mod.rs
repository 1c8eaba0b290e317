//! Our events in WAHA's envelope: what the REST gateway streams, and what webhooks post.

pub mod words;

use serde_json::{Map, Value, json};

use crate::domain::clock::Timestamp;
use crate::domain::event::EventId;
use crate::domain::session::Session;
use crate::domain::webhook::{EventName, WebhookId};
use crate::pb::group_change::Change;
use crate::pb::group_event::Body;
use crate::pb::{self, JoinRequestAction, ParticipantAction, wire};

/// The event of a webhook's test; WAHA has none of that name.
const TEST: &str = "webhook.test";

/// Which of WAHA's engines the events look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    engine: &'static str,
    /// The payload's clock: WAHA's documentation has seconds, the socket engines give milliseconds.
    in_milliseconds: bool,
}

impl Words {
    pub const NORMALIZED: Self = Self { engine: "wagroups", in_milliseconds: false };
    pub const GOWS: Self = Self { engine: "GOWS", in_milliseconds: true };
    pub const NOWEB: Self = Self { engine: "NOWEB", in_milliseconds: true };
}

/// An event in WAHA's words.
#[derive(Debug)]
pub struct Told {
    pub name: EventName,
    /// In milliseconds; it stands in the body too.
    pub time: i64,
    pub body: Value,
}

/// Tells one session's events.
#[derive(Debug)]
pub struct Teller {
    me: Value,
    metadata: Value,
    words: Words,
    /// Empty = all.
    names: Vec<EventName>,
}

impl Teller {
    /// A session that was deleted still has events to tell; `None` stands for it.
    pub fn new(session: Option<&Session>, words: Words, names: Vec<EventName>) -> Self {
        let me = session.and_then(|session| Some((session, session.account?)));
        let me = me.map(|(session, account)| {
            json!({
                "id": account.phone().map_or_else(|| account.id().to_string(), |p| p.to_string()),
                "lid": account.lid().map(|lid| lid.to_string()),
                "pushName": session.push_name,
            })
        });
        let metadata = session.map_or_else(|| json!({}), |session| json!(session.metadata));
        Self { me: me.unwrap_or(Value::Null), metadata, words, names }
    }

    /// `None` where WAHA has no event for it, or it is not asked for.
    pub fn tell(&self, event: &pb::GroupEvent) -> Option<Told> {
        let (name, mut payload) = payload(event)?;
        if !self.names.is_empty() && !self.names.contains(&name) {
            return None;
        }
        let time = event.occur_time.unwrap_or_default();
        let millis = millis(&time);
        payload["timestamp"] =
            json!(if self.words.in_milliseconds { millis } else { time.seconds });
        payload["_data"] = json!({
            "sequence": event.sequence, "author": event.actor, "requestId": event.request_id,
            "origin": event.origin().as_str_name(),
        });
        let time = self::millis(&event.record_time.unwrap_or_default());
        let mut body = envelope(&event.id, time, name.as_str(), payload, self.words);
        body["session"] = json!(event.session);
        body["metadata"] = self.metadata.clone();
        body["me"] = self.me.clone();
        Some(Told { name, time, body })
    }
}

/// What a webhook's test posts: an envelope of no session.
pub fn test(id: EventId, time: Timestamp, webhook: WebhookId, words: Words) -> Value {
    let payload = json!({ "webhook": webhook.to_string() });
    envelope(&id.to_string(), millis(&wire::timestamp(time)), TEST, payload, words)
}

fn envelope(id: &str, time: i64, name: &str, payload: Value, words: Words) -> Value {
    json!({
        "id": id,
        "timestamp": time,
        "event": name,
        "session": "",
        "metadata": {},
        "me": null,
        "payload": payload,
        "engine": words.engine,
        "environment": {
            "version": env!("CARGO_PKG_VERSION"), "engine": words.engine, "tier": "CORE", "browser": null,
        },
    })
}

fn millis(time: &prost_types::Timestamp) -> i64 {
    time.seconds * 1000 + i64::from(time.nanos / 1_000_000)
}

fn payload(event: &pb::GroupEvent) -> Option<(EventName, Value)> {
    let id = json!({ "id": event.group_id });
    Some(match event.body.as_ref()? {
        Body::Joined(joined) => {
            (EventName::Join, json!({ "group": words::group(joined.group.as_ref()?, true) }))
        }
        Body::Left(_) | Body::Deleted(_) => (EventName::Leave, json!({ "group": id })),
        Body::ParticipantsChanged(changed) => {
            let action = match changed.action() {
                ParticipantAction::Join => "join",
                ParticipantAction::Leave => "leave",
                ParticipantAction::Promote => "promote",
                ParticipantAction::Demote => "demote",
                ParticipantAction::Unspecified => return None,
            };
            let people: Value = changed.participants.iter().map(words::participant).collect();
            (
                EventName::Participants,
                json!({ "group": id, "type": action, "participants": people }),
            )
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
            (EventName::Update, json!({ "group": group }))
        }
        Body::InviteRevoked(_) => (EventName::Update, json!({ "group": id })),
        Body::JoinRequest(changed) => {
            let action = match changed.action() {
                JoinRequestAction::Created => "created",
                JoinRequestAction::Rejected => "rejected",
                JoinRequestAction::Revoked => "revoked",
                // It shows as the join.
                JoinRequestAction::Approved | JoinRequestAction::Unspecified => return None,
            };
            let requester = changed.request.as_ref()?.requester.as_ref()?;
            let named = words::participant(requester);
            let payload = json!({
                "group": id, "action": action, "requesterId": named["id"], "requesterPn": named["pn"],
                "requestMethod": null,
            });
            (EventName::JoinRequest, payload)
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
            if let Value::Object(fields) = words::group(all, true) {
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
