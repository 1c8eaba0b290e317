//! What ids say of themselves, and what they hide.

use super::*;

#[test]
fn an_account_s_name_is_a_number_or_a_hidden_id_and_never_both() {
    let phone: ParticipantId = "+49 151 00000001".parse().expect("a number");
    let lid: ParticipantId = "7@lid".parse().expect("a hidden id");
    assert_eq!((phone.to_string(), lid.to_string()), ("4915100000001@c.us".into(), "7@lid".into()));
    assert_eq!(phone.phone().map(PhoneNumber::get), Some(4_915_100_000_001));
    assert_eq!(lid.lid().map(Lid::get), Some(7));
    assert_eq!((phone.lid(), lid.phone()), (None, None));

    assert_eq!("4915100000001@c.us".parse::<PhoneNumber>().ok(), phone.phone());
    assert_eq!("7@lid".parse::<Lid>().ok(), lid.lid());
    let error = "7@lid".parse::<PhoneNumber>().expect_err("a hidden id");
    assert!(error.to_string().contains("not a hidden id"), "{error}");
    let error = "4915100000001".parse::<Lid>().expect_err("a number");
    assert!(error.to_string().contains("@lid"), "{error}");
}

#[test]
fn numbers_have_5_to_15_digits_and_hidden_ids_1_to_18() {
    for (number, is_one) in [
        (9_999, false),
        (10_000, true),
        (999_999_999_999_999, true),
        (1_000_000_000_000_000, false),
    ] {
        assert_eq!(PhoneNumber::new(number).map(PhoneNumber::get), is_one.then_some(number));
    }
    for (number, is_one) in
        [(0, false), (1, true), (999_999_999_999_999_999, true), (1_000_000_000_000_000_000, false)]
    {
        assert_eq!(Lid::new(number).map(Lid::get), is_one.then_some(number));
    }
}

#[test]
fn ids_are_their_text_in_json() {
    let json = |id: &ParticipantId| serde_json::to_string(id).expect("JSON");
    for text in ["4915100000001@c.us", "7@lid"] {
        let id: ParticipantId = text.parse().expect(text);
        assert_eq!(json(&id), format!("{text:?}"));
        assert_eq!(serde_json::from_str::<ParticipantId>(&json(&id)).expect(text), id);
    }
    assert!(serde_json::from_str::<ParticipantId>("\"nobody\"").is_err());
}

#[test]
fn a_code_lets_somebody_in_and_is_shown_in_its_link_alone() {
    let text = "AbCdEfGhIjKlMnOpQrStUv";
    let code: InviteCode = text.parse().expect("a code");
    assert_eq!((code.as_str(), code.to_string().as_str()), (text, text));
    assert_eq!(code.link(), format!("https://chat.whatsapp.com/{text}"));
    assert_eq!(format!("{code:?}"), "InviteCode(…)");
    let private: PrivateInviteCode = "AbCdEfGhIjKlMnOp".parse().expect("a code");
    assert_eq!((private.as_str(), &*private.to_string()), ("AbCdEfGhIjKlMnOp", "AbCdEfGhIjKlMnOp"));
    assert_eq!(format!("{private:?}"), "PrivateInviteCode(…)");
}

#[test]
fn what_an_older_version_kept_as_a_private_code_has_6_to_64_letters() {
    let read = |length: usize| {
        serde_json::from_str::<PrivateInviteCode>(&format!("{:?}", "a".repeat(length)))
    };
    for (length, is_one) in [(5, false), (6, true), (64, true), (65, false)] {
        assert_eq!(read(length).is_ok(), is_one, "{length}");
    }
}

#[test]
fn logs_show_groups_sessions_and_requests_as_they_are() {
    let group: GroupId = "120363000000000001@g.us".parse().expect("an id");
    assert_eq!((format!("{group:?}"), group.as_str()), (group.to_string(), group.as_str()));
    let session: SessionName = "shop".parse().expect("a name");
    assert_eq!((format!("{session:?}"), &*session.to_string()), ("shop".to_owned(), "shop"));
    let text = "2f1c9a52-6c1d-4f0e-9a53-0c5a3b1f7d11";
    let request: RequestId = text.parse().expect("a UUID");
    assert_eq!((format!("{request:?}"), &*request.to_string()), (text.to_owned(), text));
    for text in ["", "2f1c9a52", "00000000-0000-0000-0000-000000000000"] {
        assert!(text.parse::<RequestId>().is_err(), "{text}");
    }
}

#[test]
fn the_digits_of_a_group_s_id_are_20_at_most() {
    let (longest, longer) = ("1".repeat(20), "1".repeat(21));
    assert!(format!("{longest}@g.us").parse::<GroupId>().is_ok());
    assert!(format!("{longest}-{longest}@g.us").parse::<GroupId>().is_ok());
    for user in [longer.clone(), format!("{longer}-1"), format!("1-{longer}")] {
        assert!(format!("{user}@g.us").parse::<GroupId>().is_err(), "{user}");
    }
}
