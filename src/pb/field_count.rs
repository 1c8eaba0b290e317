//! How many fields a message has, by its bytes alone.

/// Below this nothing is looked into: no message of the contract is nested so deep.
const MAX_DEPTH: usize = 16;

/// Whether the message and those in it have more fields than that. What stands in texts counts too, where it looks
/// like a message.
pub(super) fn has_more_fields(message: &[u8], most: usize) -> bool {
    count(message, most, 0).is_some_and(|fields| fields > most)
}

/// How many fields there are, at most one more than asked for; `None` where it is no message.
fn count(mut rest: &[u8], most: usize, depth: usize) -> Option<usize> {
    let mut fields = 0;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        if key >> 3 == 0 {
            return None;
        }
        fields += 1;
        match key & 7 {
            0 => {
                varint(&mut rest)?;
            }
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (content, after) = rest.split_at_checked(length)?;
                rest = after;
                if depth < MAX_DEPTH && !content.is_empty() {
                    let left = most.saturating_sub(fields);
                    fields += count(content, left, depth + 1).unwrap_or(0);
                }
            }
            // The ends of groups, which nobody uses any more.
            3 | 4 => {}
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
        if fields > most {
            return Some(fields);
        }
    }
    Some(fields)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for index in 0..10 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 127) << (7 * index).min(63);
        if byte & 128 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::pb;
    use crate::pb::act_request::Action;

    fn act(action: Action) -> Vec<u8> {
        pb::ActRequest { action: Some(action), ..Default::default() }.encode_to_vec()
    }

    #[test]
    fn fields_are_counted_wherever_they_stand() {
        let people = |count| {
            let participant_ids = vec![String::new(); count];
            act(Action::AddParticipants(pb::AddParticipantsAction { participant_ids }))
        };
        assert_eq!(count(&people(100), 1000, 0), Some(101));
        assert!(!has_more_fields(&people(999), 1000));
        assert!(has_more_fields(&people(1000), 1000));
        // In many parts, of which the decoder makes one.
        assert!(has_more_fields(&people(10).repeat(100), 1000));
        assert!(has_more_fields(&[10, 0].repeat(1001), 1000));
    }

    #[test]
    fn a_picture_is_one_field() {
        for head in [&b"\xff\xd8\xff\xe0\0\x10JFIF"[..], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"] {
            let data = [head, &[10, 0].repeat(1 << 20)].concat();
            let message =
                act(Action::ChangePicture(pb::ChangePictureAction { data: Some(data.into()) }));
            assert!(!has_more_fields(&message, 16));
        }
    }

    #[test]
    fn what_is_no_message_has_no_fields() {
        for bytes in [&[0_u8][..], &[10, 5, 1], &[255; 20], &[15], &[9, 1]] {
            assert_eq!(count(bytes, 1000, 0), None, "{bytes:?}");
        }
    }
}
