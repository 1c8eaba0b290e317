use proptest::prelude::*;

use super::*;

/// What comes between when a link is copied, wrapped or read out.
fn odd_gaps() -> impl Strategy<Value = String> {
    let one = prop::sample::select(vec![
        '\u{200b}', '\u{200e}', '\u{202a}', '\u{202c}', '\u{2060}', '\u{2069}', '\u{feff}',
        '\u{ad}',
    ]);
    prop::collection::vec(one, 0..3).prop_map(String::from_iter)
}

proptest! {
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
            format!("\u{2013} https://chat.whatsapp.com/{code}\u{a0}"),
        ] {
            prop_assert_eq!(form.parse::<InviteCode>(), Ok(bare.clone()), "{}", form);
        }
    }

    #[test]
    fn an_invite_is_one_whatever_unseen_was_copied_with_it(
        code in "[A-Za-z0-9]{22}", at in 0_usize..22, gaps in prop::array::uniform4(odd_gaps()),
    ) {
        let bare: InviteCode = code.parse().expect("a code");
        let [first, second, third, fourth] = gaps;
        let (before, after) = code.split_at(at);
        for form in [
            format!("{first}https://chat.{second}whatsapp.com/{before}{third}{after}{fourth}"),
            format!("{first}{before}{second}{after}{third}"),
            // A mail program breaks a long link where the line ends.
            format!("https://chat.whatsapp.com/{before}\r\n {after}{fourth}"),
            format!("https://chat.whatsapp.com/{before}\u{2010}\n{after}{fourth}"),
        ] {
            prop_assert_eq!(form.parse::<InviteCode>(), Ok(bare.clone()), "{:?}", form);
        }
    }

    #[test]
    fn what_has_not_22_letters_and_digits_is_no_invite(text in "[A-Za-z0-9]{0,21}|[A-Za-z0-9]{23,70}|[a-z_-]{10}[_ -][a-z]{11}") {
        prop_assert!(text.parse::<InviteCode>().is_err());
        let link = format!("https://chat.whatsapp.com/{text}");
        prop_assert!(text.contains([' ', '-']) || link.parse::<InviteCode>().is_err());
    }

    #[test]
    fn a_private_invite_has_a_code_of_its_own(code in "[A-Za-z0-9_+/-]{16}", other in "[A-Za-z0-9]{0,15}|[A-Za-z0-9]{17,64}") {
        let parsed = format!("\u{202a} {code}\u{202c}\n").parse::<PrivateInviteCode>();
        prop_assert_eq!(parsed.expect("a code").to_string(), code.clone());
        prop_assert!(other.parse::<PrivateInviteCode>().is_err());
        prop_assert!(code.parse::<InviteCode>().is_err());
    }
}

#[test]
fn words_that_engines_answer_for_a_code_are_none() {
    for word in ["undefined", "null", "Maintenance", "true", "[object Object]", "not-authorized"] {
        assert!(word.parse::<InviteCode>().is_err(), "{word}");
        assert!(format!("https://chat.whatsapp.com/{word}").parse::<InviteCode>().is_err());
        assert!(word.parse::<PrivateInviteCode>().is_err(), "{word}");
    }
}

#[test]
fn links_to_elsewhere_are_no_invites() {
    for text in [
        "https://example.com/AbCdEfGhIjKlMnOpQrStUv",
        "https://chat.whatsapp.com/",
        "https://chat.whatsapp.com/a b",
        "https://chat.whatsapp.com.evil.example/AbCdEfGhIjKlMnOpQrStUv",
        "https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv come in!",
        "chat.whatsapp.com",
        "short",
        "",
    ] {
        assert!(text.parse::<InviteCode>().is_err(), "{text:?}");
    }
}

#[test]
fn private_invites_that_an_older_version_kept_are_read() {
    let kept: PrivateInviteCode =
        serde_json::from_str("\"AbCdEfGhIjKlMnOpQrStUv\"").expect("a code of its simulator's");
    assert_eq!(kept.as_str(), "AbCdEfGhIjKlMnOpQrStUv");
    assert!(serde_json::from_str::<PrivateInviteCode>("\"a b c d e f g\"").is_err());
}
