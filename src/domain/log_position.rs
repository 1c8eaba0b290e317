//! A place in the log: the position, and which event it was that stood there.

use serde::{Deserialize, Serialize};

use super::counter::Position;

/// Distinguishes events at the same position, as a restored database may have another one there: the half of the id
/// that was drawn at random. Zero where no event stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 8]);

/// Everything up to and including `position` was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogPosition {
    pub position: Position,
    /// Of the event at `position`.
    pub fingerprint: Fingerprint,
}

impl LogPosition {
    /// Before the first event.
    pub const START: Self = Self { position: Position::ZERO, fingerprint: Fingerprint([0; 8]) };
}
