//! What callers hand back to us: any text and any bytes are read or refused, none ends the process.

use proptest::prelude::*;

use super::clock::Timestamp;
use super::counter::Position;
use super::event::EventId;
use super::group::{DescriptionText, SubjectText};
use super::log_position::{Fingerprint, LogPosition};
use super::page::{CursorKey, GroupCursor, ParticipantQuery, decode_page_token, encode_page_token};
use super::reason::Reason;
use super::token::{LogId, ResumeToken};

fn query(roles: Vec<super::participant::Role>) -> ParticipantQuery {
    ParticipantQuery {
        session: "default".parse().expect("a session's name"),
        group_id: "120363000000000001@g.us".parse().expect("a group's id"),
        roles,
    }
}

fn cursor(text: String) -> GroupCursor {
    GroupCursor {
        key: CursorKey::Text(text),
        id: "120363000000000002@g.us".parse().expect("a group's id"),
    }
}

proptest! {
    #[test]
    fn a_resume_token_is_what_was_given_out_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        match ResumeToken::decode(&bytes) {
            Ok(token) => prop_assert_eq!(token.encode().to_vec(), bytes),
            Err(error) => prop_assert_eq!(error.reason(), Reason::InvalidResumeToken),
        }
    }

    #[test]
    fn a_resume_token_comes_back_as_it_was(log in any::<u64>(), position in 0..=i64::MAX, fingerprint: [u8; 8]) {
        let at = LogPosition {
            position: Position::try_from(position).unwrap(),
            fingerprint: Fingerprint(fingerprint),
        };
        let token = ResumeToken { log_id: LogId::from_random(log), at };
        prop_assert_eq!(ResumeToken::decode(&token.encode()).ok(), Some(token));
    }

    #[test]
    fn a_resume_token_of_any_other_length_or_version_is_refused(byte: u8, length in 0_usize..64) {
        let bytes = vec![byte; length];
        prop_assert_eq!(ResumeToken::decode(&bytes).is_ok(), length == 24 && byte == 1);
    }

    #[test]
    fn a_page_token_from_anywhere_is_refused(text in "[A-Za-z0-9_=+/-]{1,80}|\\PC{1,20}") {
        let error = decode_page_token::<_, GroupCursor>(&query(Vec::new()), &text).expect_err("no token of ours");
        prop_assert_eq!(error.reason(), Reason::InvalidPageToken);
    }

    #[test]
    fn a_page_token_continues_its_own_list_alone(subject in "\\PC{0,100}", damage in any::<prop::sample::Index>(), bit in 0_u8..7) {
        let place = cursor(subject);
        let all = query(Vec::new());
        let token = encode_page_token(&all, place.clone()).expect("a token");
        prop_assert_eq!(decode_page_token(&all, &token).ok(), Some(Some(place)));

        let admins = query(vec![super::participant::Role::Admin]);
        let error = decode_page_token::<_, GroupCursor>(&admins, &token).expect_err("another list");
        prop_assert_eq!(error.reason(), Reason::PageTokenMismatch);

        // Damaged it may still be readable, naming another place of the same list: nothing is granted by that.
        let mut damaged = token.into_bytes();
        let at = damage.index(damaged.len());
        damaged[at] ^= 1 << bit;
        if let Ok(damaged) = String::from_utf8(damaged) {
            let _ = decode_page_token::<_, GroupCursor>(&all, &damaged);
        }
    }

    #[test]
    fn times_and_event_ids_print_as_what_reads_the_same(text in "\\PC{0,40}", micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000) {
        if let Ok(id) = text.parse::<EventId>() {
            prop_assert_eq!(id.to_string().parse::<EventId>(), Ok(id));
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
        }
        let time = Timestamp::from_micros(micros);
        prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
    }
}

#[test]
fn texts_of_forms_and_sheets_are_what_their_writers_meant() {
    let description =
        |text: &str| text.parse::<DescriptionText>().map(|text| text.as_str().to_owned());
    for (text, kept) in [
        ("Line 1\r\nLine 2", "Line 1\nLine 2"),
        ("Line 1\rLine 2", "Line 1\nLine 2"),
        ("When:\tMonday", "When: Monday"),
    ] {
        assert_eq!(description(text), Ok(kept.to_owned()), "{text:?}");
    }
    // Lines count as WhatsApp counts them.
    assert!(description(&"a\r\n".repeat(1024)).is_ok());
    for text in ["bell\u{7}", "nul\0", "escape\u{1b}[2J"] {
        assert!(description(text).is_err(), "{text:?}");
    }
    let subject = |text: &str| text.parse::<SubjectText>().map(|text| text.as_str().to_owned());
    assert_eq!(subject("Team\tNorth"), Ok("Team North".to_owned()));
    assert!(subject("Team\r\nNorth").is_err() && subject("\t").is_err());
}
