//! Events: what changed in a group, as the log keeps it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::clock::{Entropy, Timestamp};
use super::counter::{Position, Sequence};
use super::group::{AddressingMode, Description, Group, GroupKind, MemberAddMode, Subject};
use super::id::{GroupId, ParticipantId, RequestId, SessionName};
use super::join_request::JoinRequest;
use super::log_position::{Fingerprint, LogPosition};
use super::participant::{Account, Participant, Role};
use super::session::{EngineKind, Session};
use super::trace_context::TraceContext;

/// `evt_` + ULID in lower case. The log's order is the position, never this id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(ulid::Ulid);

impl EventId {
    const PREFIX: &'static str = "evt_";

    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 16];
        entropy.fill(&mut random[..10]);
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self(ulid::Ulid::from_parts(millis, u128::from_le_bytes(random)))
    }

    /// The random part's last 8 bytes: what a resume token remembers of the event.
    pub fn fingerprint(&self) -> Fingerprint {
        let bytes = self.0.to_bytes();
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&bytes[8..]);
        Fingerprint(fingerprint)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0.to_string().to_ascii_lowercase())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EventId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix(Self::PREFIX)
            .and_then(|ulid| ulid::Ulid::from_string(&ulid.to_ascii_uppercase()).ok())
            .map(Self)
            .ok_or_else(|| "must be evt_ and a ULID".to_owned())
    }
}

/// How we learned of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A call to this service caused it.
    Api,
    /// The engine notified us.
    Engine,
    /// We found it by comparing our state with WhatsApp's.
    Reconciled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    Joined,
    Left,
    ParticipantsChanged,
    Updated,
    Deleted,
    PictureChanged,
    InviteRevoked,
    JoinRequest,
    SessionDeleted,
}

impl EventType {
    pub const ALL: [Self; 9] = [
        Self::Joined,
        Self::Left,
        Self::ParticipantsChanged,
        Self::Updated,
        Self::Deleted,
        Self::PictureChanged,
        Self::InviteRevoked,
        Self::JoinRequest,
        Self::SessionDeleted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Left => "left",
            Self::ParticipantsChanged => "participants_changed",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::PictureChanged => "picture_changed",
            Self::InviteRevoked => "invite_revoked",
            Self::JoinRequest => "join_request",
            Self::SessionDeleted => "session_deleted",
        }
    }

    /// The number under which the log stores the type; never reuse one.
    pub fn code(self) -> i16 {
        match self {
            Self::Joined => 1,
            Self::Left => 2,
            Self::ParticipantsChanged => 3,
            Self::Updated => 4,
            Self::Deleted => 5,
            Self::PictureChanged => 6,
            Self::InviteRevoked => 7,
            Self::JoinRequest => 8,
            Self::SessionDeleted => 9,
        }
    }

    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One change, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub session: SessionName,
    /// 1, 2, 3, … within the session, without a gap.
    pub sequence: Sequence,
    /// `None` for events of the session itself.
    pub group_id: Option<GroupId>,
    pub occur_time: Timestamp,
    pub record_time: Timestamp,
    pub engine: EngineKind,
    pub origin: Origin,
    pub actor: Option<ParticipantId>,
    /// The call that caused it; with other origins empty but for the trace.
    pub initiator: Initiator,
    pub body: EventBody,
}

/// Whose call caused a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Initiator {
    /// The name of the caller's API key; empty where none is needed.
    pub key_name: Arc<str>,
    pub request_id: Option<RequestId>,
    /// Of the call; of a report, that of the delivery it came by.
    pub trace: Option<TraceContext>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventBody {
    /// We are in the group now, and this is all of it (or, where `partial`, all that is known).
    Joined(Arc<Group>),
    /// We are no longer in the group. With the group as it was, without its members; none in events of older versions.
    Left(Option<Arc<Group>>),
    ParticipantsChanged(ParticipantsChanged),
    Updated(Vec<FieldChange>),
    /// The group is gone for everyone. With the group as [`Self::Left`] has it.
    Deleted(Option<Arc<Group>>),
    PictureChanged(PictureChanged),
    InviteRevoked,
    JoinRequest(JoinRequestChanged),
    /// The session was deleted with all its groups; its log stays readable until retention. Events of older versions
    /// do not say what it was.
    SessionDeleted(Option<Box<DeletedSession>>),
}

impl EventBody {
    pub fn event_type(&self) -> EventType {
        match self {
            Self::Joined(_) => EventType::Joined,
            Self::Left(_) => EventType::Left,
            Self::ParticipantsChanged(_) => EventType::ParticipantsChanged,
            Self::Updated(_) => EventType::Updated,
            Self::Deleted(_) => EventType::Deleted,
            Self::PictureChanged(_) => EventType::PictureChanged,
            Self::InviteRevoked => EventType::InviteRevoked,
            Self::JoinRequest(_) => EventType::JoinRequest,
            Self::SessionDeleted(_) => EventType::SessionDeleted,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantsChanged {
    pub action: MemberAction,
    /// Only those that changed.
    pub participants: Vec<ParticipantChange>,
}

/// What a change of members was to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParticipantChange {
    pub account: Account,
    /// `None` where they were no member; in events of older versions also where it was not kept.
    pub previous: Option<Role>,
    /// `None` where they are no member any more.
    pub current: Option<Role>,
}

/// What a session was when it was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletedSession {
    pub account: Option<Account>,
    pub push_name: String,
    pub metadata: BTreeMap<String, String>,
    pub create_time: Timestamp,
}

impl From<&Session> for DeletedSession {
    fn from(session: &Session) -> Self {
        Self {
            account: session.account,
            push_name: session.push_name.clone(),
            metadata: session.metadata.clone(),
            create_time: session.create_time,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberAction {
    Join,
    Leave,
    Promote,
    Demote,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldChange {
    /// A field of the group has another value.
    Value { previous: FieldValue, current: FieldValue },
    /// A member turned out to go by a second name; no one joined or left.
    Alias(Participant),
    /// The group was known in parts, and this is all of it.
    Completed(Arc<Group>),
}

/// A field of a group with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    Subject(Subject),
    Description(Description),
    InfoAdminOnly(bool),
    MessagesAdminOnly(bool),
    MemberAddMode(MemberAddMode),
    MembershipApproval(bool),
    MemberShareHistory(bool),
    DisappearingTimer(u32),
    Owner(Option<ParticipantId>),
    AddressingMode(AddressingMode),
    Parent(Option<GroupId>),
    Suspended(bool),
    Kind(GroupKind),
    /// How many members WhatsApp counts where it shows a part of them.
    Counted(Option<u32>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Subject,
    Description,
    InfoAdminOnly,
    MessagesAdminOnly,
    MemberAddMode,
    MembershipApproval,
    MemberShareHistory,
    DisappearingTimer,
    Owner,
    AddressingMode,
    Parent,
    Suspended,
    Kind,
    Counted,
    Picture,
    Invite,
}

impl Field {
    /// The fields that a full description carries and `FieldValue` can hold.
    pub const VALUED: [Self; 14] = [
        Self::Subject,
        Self::Description,
        Self::InfoAdminOnly,
        Self::MessagesAdminOnly,
        Self::MemberAddMode,
        Self::MembershipApproval,
        Self::MemberShareHistory,
        Self::DisappearingTimer,
        Self::Owner,
        Self::AddressingMode,
        Self::Parent,
        Self::Suspended,
        Self::Kind,
        Self::Counted,
    ];
}

impl FieldValue {
    pub fn field(&self) -> Field {
        match self {
            Self::Subject(_) => Field::Subject,
            Self::Description(_) => Field::Description,
            Self::InfoAdminOnly(_) => Field::InfoAdminOnly,
            Self::MessagesAdminOnly(_) => Field::MessagesAdminOnly,
            Self::MemberAddMode(_) => Field::MemberAddMode,
            Self::MembershipApproval(_) => Field::MembershipApproval,
            Self::MemberShareHistory(_) => Field::MemberShareHistory,
            Self::DisappearingTimer(_) => Field::DisappearingTimer,
            Self::Owner(_) => Field::Owner,
            Self::AddressingMode(_) => Field::AddressingMode,
            Self::Parent(_) => Field::Parent,
            Self::Suspended(_) => Field::Suspended,
            Self::Kind(_) => Field::Kind,
            Self::Counted(_) => Field::Counted,
        }
    }

    /// Whether both values are the same. Who set a text, when and under which id is not a change of it.
    pub fn says_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Subject(a), Self::Subject(b)) => a.text == b.text,
            (Self::Description(a), Self::Description(b)) => a.text == b.text,
            (a, b) => a == b,
        }
    }

    pub fn of(group: &Group, field: Field) -> Option<Self> {
        Some(match field {
            Field::Subject => Self::Subject(group.subject.clone()),
            Field::Description => Self::Description(group.description.clone()),
            Field::InfoAdminOnly => Self::InfoAdminOnly(group.settings.info_admin_only),
            Field::MessagesAdminOnly => Self::MessagesAdminOnly(group.settings.messages_admin_only),
            Field::MemberAddMode => Self::MemberAddMode(group.settings.member_add_mode),
            Field::MembershipApproval => {
                Self::MembershipApproval(group.settings.membership_approval)
            }
            Field::MemberShareHistory => {
                Self::MemberShareHistory(group.settings.member_share_history)
            }
            Field::DisappearingTimer => {
                Self::DisappearingTimer(group.settings.disappearing_timer_seconds)
            }
            Field::Owner => Self::Owner(group.owner),
            Field::AddressingMode => Self::AddressingMode(group.addressing_mode),
            Field::Parent => Self::Parent(group.parent.clone()),
            Field::Suspended => Self::Suspended(group.suspended),
            Field::Kind => Self::Kind(group.kind),
            Field::Counted => Self::Counted(group.counted()),
            Field::Picture | Field::Invite => return None,
        })
    }

    pub fn set_on(&self, group: &mut Group) {
        match self.clone() {
            Self::Subject(subject) => group.subject = subject,
            Self::Description(description) => group.description = description,
            Self::InfoAdminOnly(value) => group.settings.info_admin_only = value,
            Self::MessagesAdminOnly(value) => group.settings.messages_admin_only = value,
            Self::MemberAddMode(value) => group.settings.member_add_mode = value,
            Self::MembershipApproval(value) => group.settings.membership_approval = value,
            Self::MemberShareHistory(value) => group.settings.member_share_history = value,
            Self::DisappearingTimer(value) => group.settings.disappearing_timer_seconds = value,
            Self::Owner(value) => group.owner = value,
            Self::AddressingMode(value) => group.addressing_mode = value,
            Self::Parent(value) => group.parent = value,
            Self::Suspended(value) => group.suspended = value,
            Self::Kind(value) => group.kind = value,
            Self::Counted(value) => group.set_counted(value),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureChanged {
    /// `None` where the picture was removed.
    pub picture_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequestChanged {
    pub action: JoinRequestAction,
    pub request: JoinRequest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinRequestAction {
    Created,
    Rejected,
    Revoked,
    Approved,
}

/// An event as the log hands it to readers: what a filter needs, and the encoded rest.
#[derive(Debug, Clone)]
pub struct EventRecord {
    /// 1, 2, 3, … over all sessions in the order of commits, without a gap.
    pub position: Position,
    pub id: EventId,
    pub session: SessionName,
    pub sequence: Sequence,
    pub group_id: Option<GroupId>,
    pub event_type: EventType,
    pub record_time: Timestamp,
    /// The event as it goes over the wire, encoded once for all who read it.
    pub wire: Bytes,
}

impl From<&EventRecord> for LogPosition {
    fn from(record: &EventRecord) -> Self {
        Self { position: record.position, fingerprint: record.id.fingerprint() }
    }
}

#[cfg(test)]
mod tests;
