//! Numbers and ids as people and engines write them.

use proptest::prelude::*;

use super::*;

const INVISIBLE: [char; 12] = [
    '\u{200b}', '\u{200c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202c}', '\u{202e}', '\u{2060}',
    '\u{2066}', '\u{2069}', '\u{feff}', '\u{ad}',
];
const SPACES: [char; 8] =
    [' ', '\t', '\u{a0}', '\u{1680}', '\u{2007}', '\u{2009}', '\u{202f}', '\u{3000}'];
const DASHES: [char; 9] = [
    '-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}', '\u{fe63}',
    '\u{ff0d}',
];

fn unseen() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(INVISIBLE.to_vec()), 0..3)
        .prop_map(String::from_iter)
}

/// What may stand between two digits and mean nothing.
fn mark() -> impl Strategy<Value = String> {
    let marks = [&SPACES[..], &DASHES, &INVISIBLE, &['.', '/']].concat();
    prop_oneof![
        3 => Just(String::new()),
        2 => prop::sample::select(marks).prop_map(String::from),
        1 => prop::sample::select(vec![" (", ") ", ")", "(", " \u{2013} "]).prop_map(str::to_owned),
    ]
}

/// Numbers of some country without a 0 in the first four digits: none behind any country code. And no longer than any
/// of Argentina's.
fn number() -> impl Strategy<Value = u64> {
    (1111_u64..=9999, 1_usize..=9, any::<u64>()).prop_filter_map("a 0", |(start, more, random)| {
        let tail = 10_u64.pow(u32::try_from(more).expect("small"));
        let text = start.to_string();
        let is_one = !text.contains('0') && calling_code::calling_code(&text).is_some();
        is_one.then_some(start * tail + random % tail)
    })
}

proptest! {
    #[test]
    fn a_phone_number_is_one_however_it_is_written(
        number in number(), marks in prop::collection::vec(mark(), 16), plus in any::<bool>(),
    ) {
        let phone = ParticipantId::Phone(PhoneNumber::new(number).expect("in range"));
        let digits = number.to_string();
        let mut written = String::from(if plus { "+" } else { "" });
        for (index, digit) in digits.chars().enumerate() {
            // A last digit behind a dot is no grouping.
            let is_last = index + 1 == digits.len();
            let mark = marks.get(index).filter(|mark| !is_last || *mark != ".");
            written.push_str(mark.map_or("", String::as_str));
            written.push(digit);
        }
        written.push_str(marks.last().expect("marks"));
        // A zero alone in brackets means something.
        let bare: String = written.chars().filter(|c| c.is_ascii_digit() || "()".contains(*c)).collect();
        prop_assume!(!bare.contains("(0)"));
        // So does an 8 that stands by itself.
        prop_assume!(!digits.starts_with('8') || marks[1].is_empty());
        prop_assert_eq!(written.parse::<ParticipantId>(), Ok(phone), "{:?}", written);
        prop_assert_eq!(phone.to_string(), format!("{digits}@c.us"));
    }

    #[test]
    fn an_id_is_that_of_its_user_whatever_agent_and_device_it_names(
        number in 10_000_u64..=999_999_999_999_999, agent in any::<u8>(), device in any::<u16>(),
        separator in prop::sample::select(vec!['.', '_']), around in prop::array::uniform2(unseen()),
    ) {
        let phone = ParticipantId::Phone(PhoneNumber::new(number).expect("in range"));
        let lid = ParticipantId::Lid(Lid::new(number).expect("in range"));
        let [before, after] = around;
        for (server, expected) in [("s.whatsapp.net", phone), ("c.us", phone), ("lid", lid)] {
            for user in [
                format!("{number}"),
                format!("{number}:{device}"),
                format!("{number}{separator}{agent}"),
                format!("{number}{separator}{agent}:{device}"),
            ] {
                for form in [format!("{user}@{server}"), format!("{before} {user}@{server}\u{a0}{after}")] {
                    prop_assert_eq!(form.parse::<ParticipantId>(), Ok(expected), "{:?}", form);
                }
            }
        }
        prop_assert_eq!(format!("+{number}@c.us").parse::<ParticipantId>(), Ok(phone));
    }

    /// Whatever stands in an id counts: it is understood, or the id is none.
    #[test]
    fn no_character_of_an_id_is_left_out(
        number in 10_000_u64..=99_999_999_999, at in 1_usize..5, odd in "[ ./()_:,;a-z-]{1,2}[0-9]{0,4}",
        server in prop::sample::select(vec!["c.us", "s.whatsapp.net", "lid"]),
    ) {
        let digits = number.to_string();
        let (before, after) = digits.split_at(at);
        let form = format!("{before}{odd}{after}@{server}");
        if let Ok(id) = form.parse::<ParticipantId>() {
            let user = form.split(['.', '_', ':', '@']).next().expect("a first part");
            let id = id.to_string();
            prop_assert_eq!(id.split('@').next(), Some(user), "{}", form);
        }
    }

    #[test]
    fn a_group_is_one_whatever_unseen_was_copied_with_it(
        creator in 1_u64..=999_999_999_999_999, time in 1_000_000_000_u64..2_000_000_000, around in prop::array::uniform3(unseen()),
        space in prop::sample::select(SPACES.to_vec()), dash in prop::sample::select(DASHES.to_vec()),
    ) {
        let [first, second, third] = around;
        let old = format!("{first}{space}{creator}{second}{dash}{time}@g.us{third}{space}");
        prop_assert_eq!(old.parse::<GroupId>().expect("an id").to_string(), format!("{creator}-{time}@g.us"));
        let new = format!("{space}{first}{creator}@{second}g.us{third}");
        prop_assert_eq!(new.parse::<GroupId>().expect("an id").to_string(), format!("{creator}@g.us"));
    }
}

fn is(text: &str, number: &str) {
    let parsed = text.parse::<ParticipantId>().map(|id| id.to_string());
    assert_eq!(parsed, Ok(format!("{number}@c.us")), "{text:?}");
}

fn why(text: &str) -> String {
    text.parse::<ParticipantId>().expect_err(text).to_string()
}

#[test]
fn a_zero_in_brackets_behind_a_country_code_is_not_dialled_from_abroad() {
    for (text, number) in [
        ("+49 (0)151 0000023", "491510000023"),
        ("+49(0)1510000023", "491510000023"),
        ("49 (0) 151 0000023", "491510000023"),
        ("(+49) (0) 151/0000023", "491510000023"),
        ("+44\u{a0}(\u{200e}0\u{200e})\u{a0}7400\u{2011}123456", "447400123456"),
        ("+353 ( 0 ) 85 0123456", "353850123456"),
        ("+7 (0) 912 3456789", "79123456789"),
        // The 0 in brackets with other digits belongs to them.
        ("+39 (06) 12345678", "390612345678"),
        ("390612345678", "390612345678"),
        ("+2250512345678", "2250512345678"),
        ("+24105123456", "24105123456"),
        ("+242061234567", "242061234567"),
        // Of Vietnam, and not of Russia.
        ("84951234567", "84951234567"),
        ("+54 9 11 1234 5678", "5491112345678"),
        ("+54 11 1234 5678", "541112345678"),
        ("+225 05 12345678", "2250512345678"),
        ("+1 (201) 555-0123", "12015550123"),
    ] {
        is(text, number);
    }
}

#[test]
fn zeros_that_another_number_would_come_of_are_refused_and_why_is_said() {
    for text in [
        "0151 23456789",
        "(0151) 23456789",
        "(0)151 23456789",
        "+0151 23456789",
        "\u{202a}0151 2345\u{202c}",
    ] {
        assert!(
            why(text).contains("country code, so it cannot start with 0"),
            "{text}: {}",
            why(text)
        );
    }
    assert!(why("0049 151 23456789").contains("write + instead of 00"));
    for text in [
        "+49 0151 0000023",
        "+49 (0151) 0000023",
        "+44-07400-123456",
        "+4901510000023",
        "4901510000023",
        "+4407400123456",
        "49 01510000023",
        "+380050 1234567",
        "+54 11 15 1234 5678",
        "+54 9 11 15 1234 5678",
        "+5411151234567 8",
    ] {
        assert!(why(text).contains("dialled within the country only"), "{text}: {}", why(text));
    }
    for text in ["8 (495) 123-45-67", "8-916-1234567", "+8 4951234567", "8(495)1234567"] {
        assert!(why(text).contains("+7 for Russia"), "{text}: {}", why(text));
    }
    for (text, start) in
        [("89161234567", "891"), ("+999 12345678", "999"), ("+210 12345678", "210")]
    {
        let expected = format!("none begins with {start}");
        assert!(why(text).contains(&expected), "{text}: {}", why(text));
    }
    assert!(why("+39 (0)6 12345678").contains("dialled from abroad"));
    assert!(why("+49 151 (0) 23456").contains("after a country code only"));
}

#[test]
fn what_is_in_the_way_is_named() {
    for (text, way) in [
        ("+49 151 000O001", "'O' is in the way"),
        ("+49 151 0000001; +49 151 0000002", "';' is in the way"),
        ("\u{ff14}9151 0000001", "U+FF14) is in the way"),
        ("+49 151 0000\u{7}001", "U+0007 is in the way"),
        ("49 1510000001@c.us", "a space is in the way"),
    ] {
        assert!(why(text).contains(way), "{text}: {}", why(text));
    }
    assert!(why("4915100000001.0").contains("must not end in .0"));
}
