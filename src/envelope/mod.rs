//! Our events in WAHA's envelope: what the REST gateway streams, and what webhooks post.

mod changes;
mod version;
pub mod words;

pub use version::{Version, Worker, version};

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::domain::clock::Timestamp;
use crate::domain::event::EventId;
use crate::domain::other_event::{OtherEvent, SESSION_STATUS};
use crate::domain::session::{Session, SessionStatus};
use crate::domain::trace_context::{TRACEPARENT, TRACESTATE};
use crate::domain::webhook::{EventName, WebhookId};
use crate::pb::group_change::Change;
use crate::pb::group_event::Body;
use crate::pb::{self, JoinRequestAction, ParticipantAction, wire};

/// The event of a webhook's test; WAHA has none of that name.
const TEST: &str = "webhook.test";

/// Which of WAHA's engines the events look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WahaDialect {
    engine: &'static str,
    /// The payload's clock: WAHA's documentation has seconds, the socket engines give milliseconds.
    in_milliseconds: bool,
}

impl WahaDialect {
    pub const NORMALIZED: Self = Self { engine: "wagroups", in_milliseconds: false };
    pub const GOWS: Self = Self { engine: "GOWS", in_milliseconds: true };
    pub const NOWEB: Self = Self { engine: "NOWEB", in_milliseconds: true };
    pub const WEBJS: Self = Self { engine: "WEBJS", in_milliseconds: false };
    pub const WPP: Self = Self { engine: "WPP", in_milliseconds: false };
}

/// An event in WAHA's format.
#[derive(Debug)]
pub struct WebhookPayload {
    pub name: EventName,
    /// In milliseconds; it stands in the body too.
    pub time: i64,
    pub body: Value,
}

/// Renders one session's events.
#[derive(Debug)]
pub struct WahaRenderer {
    me: Value,
    metadata: Value,
    words: WahaDialect,
    /// Empty = those that WAHA has.
    names: Vec<EventName>,
}

impl WahaRenderer {
    /// `None` stands for a session that was deleted, which still has events to render.
    pub fn new(session: Option<&Session>, words: WahaDialect, names: Vec<EventName>) -> Self {
        let me = json!(session.and_then(account));
        let metadata = session.map_or_else(|| json!({}), |session| json!(session.metadata));
        Self { me, metadata, words, names }
    }

    /// `None` where it is not asked for.
    pub fn render(&self, event: &pb::GroupEvent) -> Option<WebhookPayload> {
        let (name, mut payload) = payload(event)?;
        let wanted = if self.names.is_empty() { &EventName::OF_WAHA } else { &self.names[..] };
        if !wanted.contains(&name) {
            return None;
        }
        let time = event.occur_time.unwrap_or_default();
        let millis = millis(&time);
        payload["timestamp"] =
            json!(if self.words.in_milliseconds { millis } else { time.seconds });
        payload["_data"] = json!({
            "sequence": event.sequence, "author": event.actor, "requestId": event.request_id,
            "keyName": event.key_name, "origin": event.origin().as_str_name(),
        });
        for (name, value) in [(TRACEPARENT, &event.traceparent), (TRACESTATE, &event.tracestate)] {
            if !value.is_empty() {
                payload["_data"][name] = json!(value);
            }
        }
        history(event, &mut payload["_data"]);
        let time = self::millis(&event.record_time.unwrap_or_default());
        let mut body = envelope(&event.id, time, name.as_str(), payload, self.words);
        body["session"] = json!(event.session);
        (body["metadata"], body["me"]) = match &event.body {
            // Its name may be another session's by now.
            Some(Body::SessionDeleted(deleted)) => {
                (json!(deleted.metadata), json!(deleted.account.as_ref().map(MeInfo::from)))
            }
            _ => (self.metadata.clone(), self.me.clone()),
        };
        Some(WebhookPayload { name, time, body })
    }
}

/// Who we are in a session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeInfo {
    #[schema(example = "4915100000001@c.us")]
    id: String,
    #[schema(required)]
    lid: Option<String>,
    push_name: String,
}

impl From<&pb::SessionAccount> for MeInfo {
    fn from(account: &pb::SessionAccount) -> Self {
        let phone = Some(&account.phone_number_id).filter(|phone| !phone.is_empty());
        Self {
            id: phone.unwrap_or(&account.id).clone(),
            lid: Some(account.lid.clone()).filter(|lid| !lid.is_empty()),
            push_name: account.push_name.clone(),
        }
    }
}

/// What was before, for receivers that keep a history: WAHA has no field for it.
fn history(event: &pb::GroupEvent, data: &mut Value) {
    let last = match &event.body {
        Some(Body::Updated(updated)) => {
            let changes = updated.changes.iter().filter_map(|change| change.change.as_ref());
            data["changes"] = changes.map(changes::change).collect();
            return;
        }
        Some(Body::ParticipantsChanged(changed)) => {
            let previous = changed.participants.iter().zip(changed.previous_roles());
            let roles = previous.filter_map(|(participant, role)| {
                Some((participant.id.clone(), json!(words::role(role)?)))
            });
            data["previousRoles"] = Value::Object(roles.collect());
            return;
        }
        Some(Body::Left(left)) => left.group.as_ref(),
        Some(Body::Deleted(deleted)) => deleted.group.as_ref(),
        _ => None,
    };
    if let Some(group) = last {
        data["group"] = json!(words::info(group));
    }
}

/// Whom the session is linked to; `None` where it is not, whoever that was before.
pub fn me(session: &Session) -> Option<MeInfo> {
    match session.status {
        SessionStatus::LoggedOut | SessionStatus::ScanQrCode => None,
        SessionStatus::Stopped
        | SessionStatus::Starting
        | SessionStatus::Working
        | SessionStatus::Failed => account(session),
    }
}

/// The account whose groups the session has; `None` before it was ever linked.
fn account(session: &Session) -> Option<MeInfo> {
    let account = session.account?;
    let phone = account.phone();
    Some(MeInfo {
        id: phone.map_or_else(|| account.id().to_string(), |phone| phone.to_string()),
        lid: account.lid().map(|lid| lid.to_string()),
        push_name: session.push_name.clone(),
    })
}

/// The news of a session's status, which was another one before.
pub fn status_changed(
    id: EventId,
    time: Timestamp,
    before: &Session,
    session: &Session,
    words: WahaDialect,
) -> OtherEvent {
    let statuses = [before, session].map(|session| {
        let status = words::status(session);
        json!({ "status": status, "timestamp": session.status_time.as_millis() })
    });
    let payload = json!({
        "name": session.name.as_str(), "status": words::status(session), "statuses": statuses, "data": null,
    });
    let (id, time) = (id.to_string(), time.as_millis());
    let mut body = envelope(&id, time, SESSION_STATUS, payload, words);
    body["session"] = json!(session.name.as_str());
    body["metadata"] = json!(session.metadata);
    body["me"] = json!(me(session));
    let body = body.to_string().into();
    OtherEvent { name: SESSION_STATUS.to_owned(), id, time, body }
}

/// What a webhook's test posts: an envelope of no session.
pub fn test(id: EventId, time: Timestamp, webhook: WebhookId, words: WahaDialect) -> Value {
    let payload = json!({ "webhook": webhook.to_string() });
    envelope(&id.to_string(), millis(&wire::timestamp(time)), TEST, payload, words)
}

fn envelope(id: &str, time: i64, name: &str, payload: Value, words: WahaDialect) -> Value {
    json!({
        "id": id,
        "timestamp": time,
        "event": name,
        "session": "",
        "metadata": {},
        "me": null,
        "payload": payload,
        "engine": words.engine,
        "environment": version(words.engine),
    })
}

/// A group with its members.
fn whole(group: &pb::Group) -> Value {
    let mut whole = json!(words::info(group));
    whole["participants"] = json!(words::participants(group));
    whole
}

fn millis(time: &prost_types::Timestamp) -> i64 {
    time.seconds * 1000 + i64::from(time.nanos / 1_000_000)
}

fn payload(event: &pb::GroupEvent) -> Option<(EventName, Value)> {
    let id = json!({ "id": event.group_id });
    Some(match event.body.as_ref()? {
        Body::Joined(joined) => {
            (EventName::Join, json!({ "group": whole(joined.group.as_ref()?) }))
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
            let people: Vec<_> = changed.participants.iter().map(words::participant).collect();
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
            // The lock, the timer and the like have no field in WAHA's events, nor have second names.
            let name = if group.is_empty() { EventName::OtherUpdate } else { EventName::Update };
            group.insert("id".to_owned(), json!(event.group_id));
            (name, json!({ "group": group }))
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
                "group": id, "action": action, "requesterId": named.id, "requesterPn": named.pn,
                "requestMethod": null,
            });
            (EventName::JoinRequest, payload)
        }
        Body::PictureChanged(changed) => {
            (EventName::Picture, json!({ "group": id, "pictureId": changed.picture_id }))
        }
        Body::SessionDeleted(_) => (EventName::SessionDeleted, json!({})),
    })
}

/// Notes the fields of `GroupInfo` that a change is about.
fn note(change: &Change, group: &mut Map<String, Value>) {
    let mut put = |name: &str, value: Value| drop(group.insert(name.to_owned(), value));
    match change {
        Change::Subject(change) => {
            put("subject", json!(change.current.as_ref().map_or("", |current| &current.text)));
        }
        Change::Description(change) => {
            put("description", json!(change.current.as_ref().map_or("", |current| &current.text)));
        }
        Change::MessagesAdminOnly(change) => put("membersCanSendMessages", json!(!change.current)),
        Change::MemberAddMode(change) => {
            put("membersCanAddNewMember", json!(change.current() != pb::MemberAddMode::Admins));
        }
        Change::MembershipApproval(change) => {
            put("newMembersApprovalRequired", json!(change.current))
        }
        Change::Completed(all) => {
            if let Value::Object(fields) = whole(all) {
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
        | Change::Kind(_)
        | Change::IncompleteMembers(_)
        | Change::Alias(_) => {}
    }
}
