//! Lists in pages: what to list, in which order, and where the next page starts.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::Timestamp;
use super::counter::Sequence;
use super::error::{Error, Result};
use super::event::EventType;
use super::id::{GroupId, ParticipantId, SessionName};
use super::participant::Role;
use super::reason::Reason;

pub const DEFAULT_PAGE_SIZE: u32 = 100;
pub const MAX_PAGE_SIZE: u32 = 1000;
/// A page ends when its elements reach this size, at one element at the least: the default limit
/// of stubs is 4 MiB.
pub const MAX_PAGE_BYTES: usize = 1 << 20;
/// The most bytes of one step of a watch, unless one event alone is larger: what a stream that nobody reads holds
/// stays, with all that is around it, below 64 KiB.
pub const MAX_STEP_BYTES: usize = 16 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderKey {
    Id,
    Subject,
    CreateTime,
    MemberCount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOrder {
    pub key: OrderKey,
    pub descending: bool,
}

impl Default for GroupOrder {
    fn default() -> Self {
        Self { key: OrderKey::Id, descending: false }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFilter {
    /// Case does not count.
    pub subject_contains: Option<String>,
    pub member: Option<ParticipantId>,
    pub my_roles: Vec<Role>,
    /// Only groups with an event after this sequence.
    pub changed_after_sequence: Option<Sequence>,
}

/// A list of groups, without the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupQuery {
    pub session: SessionName,
    pub filter: GroupFilter,
    pub order: GroupOrder,
}

/// After which element a page starts: its sort key and its id, which breaks ties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCursor {
    pub key: CursorKey,
    pub id: GroupId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CursorKey {
    None,
    Text(String),
    Number(i64),
}

/// A list of a group's members, without the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantQuery {
    pub session: SessionName,
    pub group_id: GroupId,
    /// Empty = all.
    pub roles: Vec<Role>,
}

/// A list of events, without the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventQuery {
    pub session: SessionName,
    pub group_ids: Vec<GroupId>,
    pub types: Vec<i16>,
    pub after_sequence_exclusive: Option<Sequence>,
    pub until_sequence_inclusive: Option<Sequence>,
    /// By record time.
    pub start_time: Option<Timestamp>,
    pub end_time: Option<Timestamp>,
    pub newest_first: bool,
}

impl EventQuery {
    pub fn event_types(&self) -> impl Iterator<Item = EventType> + '_ {
        self.types.iter().filter_map(|code| EventType::from_code(*code))
    }
}

/// A page token: the place, and a hash of the arguments it belongs to.
#[derive(Debug, Serialize, Deserialize)]
struct PageToken<C> {
    v: u8,
    args: [u8; 8],
    at: C,
}

fn fingerprint<Q: Serialize>(query: &Q) -> Result<[u8; 8]> {
    let bytes = serde_json::to_vec(query).map_err(Error::internal)?;
    let mut short = [0; 8];
    short.copy_from_slice(&Sha256::digest(&bytes)[..8]);
    Ok(short)
}

/// The token that continues `query` after `cursor`.
pub fn encode_page_token<Q: Serialize, C: Serialize>(query: &Q, cursor: C) -> Result<String> {
    use base64::Engine as _;
    let token = PageToken { v: 1, args: fingerprint(query)?, at: cursor };
    let json = serde_json::to_vec(&token).map_err(Error::internal)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json))
}

/// The place that a token names; `None` for the empty token, the first page.
pub fn decode_page_token<Q: Serialize, C: serde::de::DeserializeOwned>(
    query: &Q,
    token: &str,
) -> Result<Option<C>> {
    use base64::Engine as _;
    if token.is_empty() {
        return Ok(None);
    }
    let invalid = || {
        Error::new(
            Reason::InvalidPageToken,
            "page_token is not one that this service gave out; pass next_page_token unchanged, or leave it empty \
             for the first page",
        )
        .blaming("page_token", "must be empty or a next_page_token")
    };
    let json =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let token: PageToken<C> = serde_json::from_slice(&json).map_err(|_| invalid())?;
    if token.v != 1 {
        return Err(invalid());
    }
    if token.args != fingerprint(query)? {
        return Err(Error::new(
            Reason::PageTokenMismatch,
            "page_token belongs to a list with other arguments; repeat the arguments of the first page, or \
             start over without a token (page_size and min_sequence alone may change)",
        )
        .blaming("page_token", "must belong to these arguments"));
    }
    Ok(Some(token.at))
}
