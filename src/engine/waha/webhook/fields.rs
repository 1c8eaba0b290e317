//! Fields that WAHA has added since: ignored, but named, so that someone notices.

use serde_json::Value;

use super::super::text::{self, kept};
use super::envelope::Envelope;
use super::{Content, Ignored};

/// Of the payloads of all events that we read (`_data` is the engine's own and changes freely).
const PAYLOAD: [&str; 16] = [
    "_data",
    "action",
    "data",
    "group",
    "name",
    "participants",
    "requestMethod",
    "requesterId",
    "requesterPn",
    "status",
    "statuses",
    "timestamp",
    "type",
    // Of the events from before group.v2.
    "author",
    "chatId",
    "recipientIds",
];

const GROUP: [&str; 8] = [
    "description",
    "id",
    "invite",
    "membersCanAddNewMember",
    "membersCanSendMessages",
    "newMembersApprovalRequired",
    "participants",
    "subject",
];

/// More of them are not worth naming.
const MAX: usize = 16;

pub(super) fn unknown(envelope: &Envelope, content: &Content) -> Vec<String> {
    // The older events hold the engine's own object; other kinds of events are none of ours.
    let is_ours = envelope.event.starts_with("group.v2.") || envelope.event == "session.status";
    if !is_ours || matches!(content, Content::Ignored(Ignored::OtherEvent)) {
        return Vec::new();
    }
    let of = |value: Option<&Value>, known: &[&str]| -> Vec<String> {
        let fields = value.and_then(Value::as_object).into_iter().flatten();
        let unknown = fields.map(|(name, _)| name).filter(|name| !known.contains(&name.as_str()));
        unknown.map(|name| kept(name, text::MAX_NAME_BYTES)).take(MAX).collect()
    };
    let mut unknown = of(Some(&envelope.payload), &PAYLOAD);
    unknown.extend(of(envelope.payload.get("group"), &GROUP));
    unknown
}
