//! Lists in pages: what to list, in which order, and where the next page starts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// The form of page tokens: this byte, the fingerprint of the arguments, a checksum, and the place.
const TOKEN_VERSION: u8 = 2;
const ARGUMENTS: usize = 8;
const CHECKSUM: usize = 4;

fn fingerprint<Q: Serialize>(query: &Q) -> Result<[u8; ARGUMENTS]> {
    let bytes = serde_json::to_vec(query).map_err(Error::internal)?;
    Ok(first(Sha256::digest(&bytes)))
}

fn checksum(arguments: [u8; ARGUMENTS], place: &[u8]) -> [u8; CHECKSUM] {
    first(Sha256::new().chain_update(arguments).chain_update(place).finalize())
}

fn first<const N: usize>(digest: impl AsRef<[u8]>) -> [u8; N] {
    let mut short = [0; N];
    short.copy_from_slice(&digest.as_ref()[..N]);
    short
}

/// Covers the place, or uncovers it. It is no secret from the caller: it is covered so that clients do not read or
/// make tokens, whose form could then not change.
fn masked(arguments: [u8; ARGUMENTS], place: &[u8]) -> Vec<u8> {
    let mut covered = Vec::with_capacity(place.len());
    for (number, block) in (0_u64..).zip(place.chunks(32)) {
        let key = Sha256::new().chain_update(arguments).chain_update(number.to_be_bytes());
        let key = key.chain_update(b"page token").finalize();
        covered.extend(block.iter().zip(key).map(|(byte, key)| byte ^ key));
    }
    covered
}

/// The token that continues `query` after `cursor`.
pub fn encode_page_token<Q: Serialize, C: Serialize>(query: &Q, cursor: C) -> Result<String> {
    let arguments = fingerprint(query)?;
    let place = serde_json::to_vec(&cursor).map_err(Error::internal)?;
    let mut token = vec![TOKEN_VERSION];
    token.extend(arguments);
    token.extend(checksum(arguments, &place));
    token.extend(masked(arguments, &place));
    Ok(URL_SAFE_NO_PAD.encode(token))
}

/// The place that a token names; `None` for the empty token, the first page.
pub fn decode_page_token<Q: Serialize, C: serde::de::DeserializeOwned>(
    query: &Q,
    token: &str,
) -> Result<Option<C>> {
    if token.is_empty() {
        return Ok(None);
    }
    let (arguments, place) = uncovered(token).ok_or_else(invalid_token)?;
    if arguments != fingerprint(query)? {
        return Err(Error::new(
            Reason::PageTokenMismatch,
            "page_token belongs to a list with other arguments; repeat the arguments of the first page, or \
             start over without a token (page_size and min_sequence alone may change)",
        )
        .blaming("page_token", "must belong to these arguments"));
    }
    serde_json::from_slice(&place).map(Some).map_err(|_| invalid_token())
}

/// Which arguments a token belongs to, and its place; `None` where it is none of ours.
fn uncovered(token: &str) -> Option<([u8; ARGUMENTS], Vec<u8>)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let bytes = bytes.strip_prefix(&[TOKEN_VERSION])?;
    let (arguments, bytes) = bytes.split_first_chunk()?;
    let (sum, covered) = bytes.split_first_chunk()?;
    let place = masked(*arguments, covered);
    (checksum(*arguments, &place) == *sum).then_some((*arguments, place))
}

fn invalid_token() -> Error {
    Error::new(
        Reason::InvalidPageToken,
        "page_token is not one that this service gave out; pass next_page_token unchanged, or leave it empty \
         for the first page",
    )
    .blaming("page_token", "must be empty or a next_page_token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_nothing_and_takes_no_change() {
        let query = ("shop", 7);
        let cursor = "120363000000000001@g.us".repeat(3);
        let token = encode_page_token(&query, &cursor).expect("a token");
        let shown = URL_SAFE_NO_PAD.decode(&token).expect("base64");
        assert!(!shown.windows(6).any(|part| cursor.as_bytes().windows(6).any(|own| own == part)));
        let place = |token: &str| decode_page_token::<_, String>(&query, token);
        assert_eq!(place(&token).expect("a place"), Some(cursor));
        assert_eq!(place("").expect("the first page"), None);
        for index in 0..shown.len() {
            let mut other = shown.clone();
            other[index] ^= 1;
            let error = place(&URL_SAFE_NO_PAD.encode(other)).expect_err("a changed token");
            assert_eq!(error.reason(), Reason::InvalidPageToken, "byte {index}");
        }
        for cut in ["x", &token[..8], &token[..16]] {
            assert!(place(cut).is_err(), "{cut}");
        }
        let other = decode_page_token::<_, String>(&("shop", 8), &token).expect_err("another list");
        assert_eq!(other.reason(), Reason::PageTokenMismatch);
    }

    #[test]
    fn pages_and_steps_have_the_sizes_that_others_reckon_with() {
        assert_eq!((MAX_PAGE_BYTES, MAX_STEP_BYTES), (1024 * 1024, 16 * 1024));
    }

    #[test]
    fn groups_are_listed_by_id_unless_another_order_is_asked_for() {
        assert_eq!(GroupOrder::default(), GroupOrder { key: OrderKey::Id, descending: false });
    }

    #[test]
    fn a_query_asks_for_the_types_that_it_knows() {
        let query = EventQuery {
            session: "shop".parse().expect("a name"),
            group_ids: Vec::new(),
            // The last one is of a later version.
            types: vec![EventType::Left.code(), EventType::Joined.code(), 99],
            after_sequence_exclusive: None,
            until_sequence_inclusive: None,
            start_time: None,
            end_time: None,
            newest_first: false,
        };
        let types: Vec<EventType> = query.event_types().collect();
        assert_eq!(types, [EventType::Left, EventType::Joined]);
    }

    #[test]
    fn no_two_lists_cover_their_places_in_the_same_way() {
        let cursor = "a".repeat(100);
        let shown = |query| {
            let token = encode_page_token(&query, &cursor).expect("a token");
            URL_SAFE_NO_PAD.decode(token).expect("base64").split_off(1 + ARGUMENTS + CHECKSUM)
        };
        let (one, other) = (shown(("shop", 7)), shown(("shop", 8)));
        assert_eq!(one.len(), cursor.len() + 2);
        assert_ne!(one, other);
        // Nor is one stretch of a place covered as another is.
        assert_ne!(one[32..64], one[64..96]);
    }
}
