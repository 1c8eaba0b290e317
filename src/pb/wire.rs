//! Encoded messages that are put together from parts, so that nothing is encoded twice.
//!
//! In protobuf the fields of a message may come in any order, so a message can be completed by
//! appending to its bytes. The log gives an event its sequence and record time when it commits;
//! everything else is encoded before.

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::domain::Timestamp;

/// The numbers of `GroupEvent.sequence` and `GroupEvent.record_time`; a test holds them against
/// the descriptor.
pub const EVENT_SEQUENCE_FIELD: u32 = 3;
pub const EVENT_RECORD_TIME_FIELD: u32 = 7;

/// The event as readers get it: the stored payload and what the log adds.
pub fn complete_event(payload: &[u8], sequence: u64, record_time: Timestamp) -> Bytes {
    let mut wire = BytesMut::with_capacity(payload.len() + 32);
    wire.put_slice(payload);
    encode_key(EVENT_SEQUENCE_FIELD, WireType::Varint, &mut wire);
    encode_varint(sequence, &mut wire);
    let time = timestamp(record_time);
    prost::encoding::message::encode(EVENT_RECORD_TIME_FIELD, &time, &mut wire);
    wire.freeze()
}

/// A moment as the contract has it.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let micros = time.as_micros();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0),
    }
}
