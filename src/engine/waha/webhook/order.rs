//! When something happened, and how one server's events are ordered.

use std::sync::Arc;
use std::time::Duration;

use super::super::raw::time;
use super::envelope::Envelope;
use crate::domain::clock::Timestamp;
use crate::domain::lww_state::Stamp;

/// How old a group reported as a whole may be: the engine reads it, and sends the event a moment later.
const READING: Duration = Duration::from_secs(5);

/// When it happened by WhatsApp or the engine; else when WAHA made the event of it.
pub(super) fn occur_time(envelope: &Envelope) -> Timestamp {
    let said = envelope.payload.get("timestamp");
    said.and_then(|said| time(said, envelope.now)).unwrap_or(envelope.time)
}

/// Where the event stands among those of its session, however late and in whatever order they come.
///
/// First by the second in which it happened. Finer would be wrong: some engines know whole seconds
/// only, and what they date 12:00:00 may have followed what others date 12:00:00.7. Within a second, by
/// when WAHA made the event, which its engine does in the order of WhatsApp's stream; last by the id,
/// whose ULID grows with time as well.
pub(super) fn stamp(envelope: &Envelope) -> Stamp {
    stamp_at(envelope, occur_time(envelope))
}

/// The same for a group that the engine read, rather than was notified of.
pub(super) fn stamp_of_reading(envelope: &Envelope) -> Stamp {
    stamp_at(envelope, occur_time(envelope) - READING)
}

fn stamp_at(envelope: &Envelope, time: Timestamp) -> Stamp {
    let seconds = time.as_millis().div_euclid(1000);
    Stamp {
        source: "waha".into(),
        time: Timestamp::from_seconds(seconds),
        id: Arc::from(format!("{:016}-{}", envelope.time.as_millis().max(0), envelope.id)),
    }
}
