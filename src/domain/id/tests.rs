mod invites;
mod names;
mod spellings;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn what_the_pattern_of_numbers_describes_is_a_number(
        number in proptest::string::string_regex(&number_pattern()).expect("a pattern"),
    ) {
        for written in [number.clone(), format!("+{number}"), format!("{number}@c.us")] {
            prop_assert!(written.parse::<PhoneNumber>().is_ok(), "{written}");
        }
    }

    #[test]
    fn whatever_parses_prints_as_something_that_parses_to_the_same(text in "\\PC{0,40}") {
        if let Ok(id) = text.parse::<ParticipantId>() {
            prop_assert_eq!(id.to_string().parse::<ParticipantId>(), Ok(id));
        }
        if let Ok(id) = text.parse::<GroupId>() {
            prop_assert_eq!(id.to_string().parse::<GroupId>(), Ok(id));
        }
        if let Ok(code) = text.parse::<InviteCode>() {
            prop_assert_eq!(code.link().parse::<InviteCode>(), Ok(code));
        }
        if let Ok(code) = text.parse::<PrivateInviteCode>() {
            prop_assert_eq!(code.to_string().parse::<PrivateInviteCode>(), Ok(code));
        }
        if let Ok(name) = text.parse::<SessionName>() {
            prop_assert_eq!(name.to_string().parse::<SessionName>(), Ok(name));
        }
        if let Ok(id) = text.parse::<RequestId>() {
            prop_assert_eq!(id.to_string().parse::<RequestId>(), Ok(id));
        }
    }
}

#[test]
fn what_is_no_participant_is_refused() {
    for text in [
        "",
        "@c.us",
        "abc",
        "0@c.us",
        "0@s.whatsapp.net",
        "0151 23456",
        "1234",
        "1234567890123456",
        "120363000000000001@g.us",
        "123456@newsletter",
        "status@broadcast",
        "12345@broadcast",
        "4915100000001:x@c.us",
        "4915100000001:@c.us",
        "4915100000001:1",
        "0@lid",
        "1234567890123456789@lid",
        "+@lid",
        "4915100000001@c.us@c.us",
        "49 151 0000001@c.us",
        "49-1510000001@s.whatsapp.net",
        "4915100000001.@c.us",
        "4915100000001.256:7@s.whatsapp.net",
        "4915100000001.0:65536@s.whatsapp.net",
        "4915100000001.0.0@s.whatsapp.net",
        "4915100000001.0:7",
        "4915100000001.0",
        "111.222333@lid",
        "+49151+0000001",
        "1 2 0(0)345 67",
        "４９１５１００００００１",
    ] {
        assert!(text.parse::<ParticipantId>().is_err(), "{text:?}");
    }
}

#[test]
fn groups_of_both_ages_are_accepted_and_all_else_is_not() {
    for text in ["120363000000000001@g.us", "79990001122-1588883724@g.us"] {
        assert_eq!(text.parse::<GroupId>().expect(text).to_string(), text);
    }
    for text in [
        "",
        "@g.us",
        "120363000000000001",
        "-1@g.us",
        "1-@g.us",
        "1-2-3@g.us",
        "a@g.us",
        "1@G.US",
        "1.0@g.us",
        "1:7@g.us",
        "1 2@g.us",
        "1%40g.us",
    ] {
        assert!(text.parse::<GroupId>().is_err(), "{text:?}");
    }
}

#[test]
fn session_names_have_their_alphabet_and_length() {
    for text in ["a", "default", "Shop-1_b.c", &"x".repeat(64)] {
        assert_eq!(text.parse::<SessionName>().expect(text).as_str(), text);
    }
    for text in ["", "-a", ".a", "_a", "a b", "ä", &"x".repeat(65), "a/b", "*"] {
        assert!(text.parse::<SessionName>().is_err(), "{text:?}");
    }
}
