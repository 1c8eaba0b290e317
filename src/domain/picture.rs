//! Pictures of groups.

use bytes::Bytes;

use super::clock::Timestamp;

/// A group's picture as WhatsApp has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPicture {
    /// WhatsApp's id of it.
    pub picture_id: String,
    /// Where to fetch it; `None` where the engine gives bytes only.
    pub url: Option<String>,
    /// When the URL stops working, where that is known.
    pub url_expire_time: Option<Timestamp>,
    /// The JPEG itself, where the engine gives no URL.
    pub data: Bytes,
}
