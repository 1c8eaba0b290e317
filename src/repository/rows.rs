//! Rows as they come from the database, and what they mean.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use sea_orm::FromQueryResult;

use crate::domain::clock::Timestamp;
use crate::domain::event::{EventId, EventRecord, EventType};
use crate::domain::log_position::Fingerprint;
use crate::domain::participant::Role;
use crate::domain::port::repository::{Result, StoreError, StoredGroup};
use crate::pb::wire::complete_event;

/// A column whose value cannot be.
pub(super) fn corrupt(column: &str, value: impl fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{column} holds {value}"))
}

/// Positions, sequences and other numbers that are never negative.
pub(super) fn unsigned<T: TryFrom<i64>>(column: &str, value: i64) -> Result<T> {
    T::try_from(value).map_err(|_| corrupt(column, value))
}

pub(super) fn parsed<T: FromStr>(column: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| corrupt(column, format_args!("{text:?}")))
}

/// `None` for the empty text.
pub(super) fn parsed_opt<T: FromStr>(column: &str, text: &str) -> Result<Option<T>> {
    if text.is_empty() { Ok(None) } else { parsed(column, text).map(Some) }
}

/// The fingerprint of the event under this id; zero for no event.
pub(super) fn fingerprint(column: &str, event_id: &str) -> Result<Fingerprint> {
    let id = parsed_opt::<EventId>(column, event_id)?;
    Ok(id.map_or_else(Fingerprint::default, |id| id.fingerprint()))
}

/// The number under which a role is stored; never reuse one.
pub(super) fn role_code(role: Option<Role>) -> i16 {
    match role {
        None => 0,
        Some(Role::Participant) => 1,
        Some(Role::Admin) => 2,
        Some(Role::Superadmin) => 3,
    }
}

/// An event, or the lack of one where the statement joins it to a row that is always there.
#[derive(Debug, FromQueryResult)]
pub(super) struct EventRow {
    pub position: Option<i64>,
    pub session: Option<String>,
    pub sequence: Option<i64>,
    pub event_id: Option<String>,
    pub group_id: Option<String>,
    pub event_type: Option<i16>,
    pub record_time: Option<i64>,
    pub payload: Option<Vec<u8>>,
}

impl EventRow {
    pub const COLUMNS: &'static str = "e.position AS position, e.session AS session, e.sequence AS sequence, \
         e.event_id AS event_id, e.group_id AS group_id, e.event_type AS event_type, e.record_time AS record_time, \
         e.payload AS payload";

    pub fn record(self) -> Result<Option<EventRecord>> {
        let (
            Some(position),
            Some(session),
            Some(sequence),
            Some(event_id),
            Some(group_id),
            Some(event_type),
            Some(record_time),
            Some(payload),
        ) = (
            self.position,
            self.session,
            self.sequence,
            self.event_id,
            self.group_id,
            self.event_type,
            self.record_time,
            self.payload,
        )
        else {
            return Ok(None);
        };
        let sequence = unsigned("events.sequence", sequence)?;
        let record_time = Timestamp::from_micros(record_time);
        Ok(Some(EventRecord {
            position: unsigned("events.position", position)?,
            id: parsed("events.event_id", &event_id)?,
            session: parsed("events.session", &session)?,
            sequence,
            group_id: parsed_opt("events.group_id", &group_id)?,
            event_type: EventType::from_code(event_type)
                .ok_or_else(|| corrupt("events.event_type", event_type))?,
            record_time,
            wire: complete_event(&payload, sequence, record_time),
        }))
    }
}

/// A group, or the lack of one, like [`EventRow`].
#[derive(Debug, FromQueryResult)]
pub(super) struct GroupRow {
    pub session: Option<String>,
    pub id: Option<String>,
    pub present: Option<bool>,
    pub basic: Option<Vec<u8>>,
    pub participants: Option<Vec<u8>>,
    pub facts: Option<Vec<u8>>,
    pub group_sequence: Option<i64>,
    pub synced_time: Option<i64>,
    pub member_count: Option<i64>,
}

impl GroupRow {
    /// All but what not every reader wants.
    pub const COLUMNS: &'static str = "g.session AS session, g.id AS id, g.present AS present, g.basic AS basic, \
         g.sequence AS group_sequence, g.synced_time AS synced_time, g.member_count AS member_count";

    pub fn group(self) -> Result<Option<StoredGroup>> {
        let (Some(session), Some(id), Some(present), Some(basic)) =
            (self.session, self.id, self.present, self.basic)
        else {
            return Ok(None);
        };
        let member_count = self.member_count.unwrap_or_default();
        Ok(Some(StoredGroup {
            session: parsed("groups.session", &session)?,
            id: parsed("groups.id", &id)?,
            state: present
                .then(|| (Bytes::from(basic), Bytes::from(self.participants.unwrap_or_default()))),
            facts: self.facts.unwrap_or_default().into(),
            sequence: unsigned("groups.sequence", self.group_sequence.unwrap_or_default())?,
            synced_time: Timestamp::from_micros(self.synced_time.unwrap_or_default()),
            member_count: u32::try_from(member_count)
                .map_err(|_| corrupt("groups.member_count", member_count))?,
        }))
    }
}
