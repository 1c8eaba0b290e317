//! Names, paths and limits that requests, answers and the document have in common.

/// What makes a mutation safe to repeat; WAHA has no such thing.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Where a key may stand beside the headers.
pub const KEY_IN_QUERY: &str = "x-api-key";
/// The largest body but for that of a picture. The longest of them name 1,024 participants, which are some 60 KiB;
/// and what is parsed takes several times the memory of its text, which must not happen with a whole buffer.
pub const MAX_PLAIN_BODY_BYTES: usize = 256 << 10;
/// A group's picture, whose body may be large.
pub const PICTURE: &str = "/{id}/picture";

/// What a group route's path begins with.
pub fn at(path: &str) -> String {
    format!("/api/{{session}}/groups{path}")
}
