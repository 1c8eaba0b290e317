use proptest::prelude::*;

use super::*;

proptest! {
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
        if let Ok(name) = text.parse::<SessionName>() {
            prop_assert_eq!(name.to_string().parse::<SessionName>(), Ok(name));
        }
        if let Ok(id) = text.parse::<RequestId>() {
            prop_assert_eq!(id.to_string().parse::<RequestId>(), Ok(id));
        }
    }

    #[test]
    fn a_phone_number_is_one_however_it_is_written(
        number in 10_000_u64..=999_999_999_999_999,
        device in 0_u8..100,
        punctuation in prop::collection::vec(prop::sample::select(vec![' ', '-', '(', ')', '.', '/']), 0..6),
    ) {
        let phone = ParticipantId::Phone(PhoneNumber::new(number).expect("in range"));
        let digits = number.to_string();
        let mut printed = format!("+{digits}");
        for (index, mark) in punctuation.into_iter().enumerate() {
            printed.insert((index * 2 + 2).min(printed.len()), mark);
        }
        for form in [
            digits.clone(),
            format!("+{digits}"),
            printed,
            format!("{digits}@c.us"),
            format!("+{digits}@c.us"),
            format!("{digits}@s.whatsapp.net"),
            format!("{digits}:{device}@s.whatsapp.net"),
            format!("  {digits}  "),
        ] {
            prop_assert_eq!(form.parse::<ParticipantId>(), Ok(phone), "{}", form);
        }
        prop_assert_eq!(phone.to_string(), format!("{digits}@c.us"));
    }

    #[test]
    fn a_hidden_id_is_one_with_and_without_device(number in 1_u64..=999_999_999_999_999_999, device in 0_u8..100) {
        let lid = ParticipantId::Lid(Lid::new(number).expect("in range"));
        for form in [format!("{number}@lid"), format!("{number}:{device}@lid")] {
            prop_assert_eq!(form.parse::<ParticipantId>(), Ok(lid));
        }
    }

    #[test]
    fn an_invite_code_is_one_in_every_form_of_its_link(code in "[A-Za-z0-9]{22}", query in "[a-z_=&]{0,12}") {
        let bare: InviteCode = code.parse().expect("a code");
        for form in [
            format!("https://chat.whatsapp.com/{code}"),
            format!("http://chat.whatsapp.com/{code}/"),
            format!("HTTPS://Chat.WhatsApp.com/{code}"),
            format!("chat.whatsapp.com/{code}"),
            format!("https://chat.whatsapp.com/invite/{code}"),
            format!("https://chat.whatsapp.com/{code}?{query}"),
            format!("https://chat.whatsapp.com/{code}?mode=gi_t#top"),
            format!("https://chat.whatsapp.com/{code}/?x=1"),
            format!(" {code} "),
        ] {
            prop_assert_eq!(form.parse::<InviteCode>(), Ok(bare.clone()), "{}", form);
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
        "1%40g.us",
    ] {
        assert!(text.parse::<GroupId>().is_err(), "{text:?}");
    }
}

#[test]
fn links_to_elsewhere_are_no_invites() {
    for text in [
        "https://example.com/AbCdEfGhIjKlMnOpQrStUv",
        "https://chat.whatsapp.com/",
        "https://chat.whatsapp.com/a b",
        "https://chat.whatsapp.com.evil.example/AbCdEfGhIjKlMnOpQrStUv",
        "chat.whatsapp.com",
        "short",
        "",
    ] {
        assert!(text.parse::<InviteCode>().is_err(), "{text:?}");
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
