//! Encoded messages that are put together from parts, so that nothing is encoded twice.
//!
//! In protobuf the fields of a message may come in any order, so a message can be completed by
//! appending to its bytes. The log gives an event its sequence and record time when it commits;
//! everything else is encoded before.

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint};

use std::time::Duration;

use crate::domain::Timestamp;
use crate::domain::counter::Sequence;

/// The numbers of `GroupEvent.sequence` and `GroupEvent.record_time`; a test holds them against
/// the descriptor.
pub const EVENT_SEQUENCE_FIELD: u32 = 3;
pub const EVENT_RECORD_TIME_FIELD: u32 = 7;

/// The event as readers get it: the stored payload and what the log adds.
pub fn complete_event(payload: &[u8], sequence: Sequence, record_time: Timestamp) -> Bytes {
    let mut wire = BytesMut::with_capacity(payload.len() + 32);
    wire.put_slice(payload);
    encode_key(EVENT_SEQUENCE_FIELD, WireType::Varint, &mut wire);
    encode_varint(sequence.get(), &mut wire);
    let time = timestamp(record_time);
    prost::encoding::message::encode(EVENT_RECORD_TIME_FIELD, &time, &mut wire);
    wire.freeze()
}

/// A number of things as the contract has it.
pub fn count(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// A moment as the contract has it.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let micros = time.as_micros();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0),
    }
}

/// A moment as the domain has it; out-of-range values end at the range's end.
pub fn to_timestamp(time: &prost_types::Timestamp) -> Timestamp {
    let micros = i64::from(time.nanos / 1000);
    Timestamp::from_micros(time.seconds.saturating_mul(1_000_000).saturating_add(micros))
}

/// A sequence or position as the contract has it. They start at 1 and fit 63 bits in any database.
pub fn number(value: impl Into<u64>) -> i64 {
    i64::try_from(value.into()).unwrap_or(i64::MAX)
}

/// A span of time; none where it is negative or no span at all. prost's own conversion panics at the most negative one,
/// where overflow is checked.
pub fn span(duration: &prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(duration.seconds).ok()?;
    let nanos = u32::try_from(duration.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::pb;

    #[test]
    fn numbers_in_the_code_are_those_of_the_contract() {
        let files =
            prost_types::FileDescriptorSet::decode(pb::DESCRIPTORS).expect("descriptor set");
        let number = |message: &str, field: &str| {
            let message =
                files.file.iter().flat_map(|file| &file.message_type).find(|m| m.name() == message);
            let field = message.and_then(|m| m.field.iter().find(|f| f.name() == field));
            u32::try_from(field.expect("field").number()).expect("number")
        };
        assert_eq!(number("GroupEvent", "sequence"), EVENT_SEQUENCE_FIELD);
        assert_eq!(number("GroupEvent", "record_time"), EVENT_RECORD_TIME_FIELD);
        assert_eq!(number("Group", "participants"), pb::group::PARTICIPANTS_FIELD);
    }

    #[test]
    fn an_event_completed_by_the_log_decodes_as_one_message() {
        let payload = pb::GroupEvent { id: "evt_x".into(), ..Default::default() }.encode_to_vec();
        let wire = complete_event(&payload, 7.into(), Timestamp::from_micros(1_500_000));
        let event = pb::GroupEvent::decode(wire).expect("an event");
        assert_eq!((event.id.as_str(), event.sequence), ("evt_x", 7));
        let time = event.record_time.expect("record_time");
        assert_eq!((time.seconds, time.nanos), (1, 500_000_000));
    }

    #[test]
    fn a_span_is_none_where_it_is_negative_or_no_span() {
        let of = |seconds, nanos| span(&prost_types::Duration { seconds, nanos });
        assert_eq!(of(1, 5), Some(Duration::new(1, 5)));
        assert_eq!(of(i64::MAX, 999_999_999), Some(Duration::new(i64::MAX as u64, 999_999_999)));
        for (seconds, nanos) in [
            (i64::MIN, 0),
            (i64::MIN, i32::MIN),
            (-1, 0),
            (0, -1),
            (1, -1),
            (0, 1_000_000_000),
            (i64::MAX, i32::MAX),
        ] {
            assert_eq!(of(seconds, nanos), None, "{seconds} {nanos}");
        }
    }
}
