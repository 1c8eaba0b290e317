//! Words for values: people, times, spans, and texts that strangers wrote.

use comfy_table::{Table, presets};

use crate::domain::Timestamp;
use crate::pb::{self, wire};

/// A stranger's text on one line, without what would steer a terminal: control characters, and the
/// marks that reverse the direction of writing.
pub fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => safe.push('⏎'),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            control if control.is_control() => safe.extend(control.escape_default()),
            other => safe.push(other),
        }
    }
    safe
}

/// The same, in quotes.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", safe(text))
}

/// At most so many characters.
pub fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// RFC 3339 to the second, in UTC.
pub fn time(time: Option<&prost_types::Timestamp>) -> String {
    match time {
        Some(time) => {
            let micros = wire::to_timestamp(time).as_micros();
            Timestamp::from_seconds(micros.div_euclid(1_000_000)).to_string()
        }
        None => "unknown".to_owned(),
    }
}

/// `…@c.us` as the phone number that it is, everything else as it stands.
pub fn person_id(id: &str) -> String {
    match id.strip_suffix("@c.us") {
        Some(number) => format!("+{}", safe(number)),
        None => safe(id),
    }
}

/// A person by phone number where it is known, with the hidden id behind it.
pub fn person(participant: &pb::Participant) -> String {
    if participant.phone_number_id.is_empty() {
        person_id(&participant.id)
    } else {
        format!("{} ({})", person_id(&participant.phone_number_id), safe(&participant.id))
    }
}

/// `GROUP_NOT_FOUND` of `REASON_GROUP_NOT_FOUND`, in lower case and with spaces.
pub fn enum_words(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', " ")
}

pub fn role(role: i32) -> String {
    match pb::Role::try_from(role) {
        Ok(pb::Role::Unspecified) => "unknown".to_owned(),
        Ok(pb::Role::Participant) => "member".to_owned(),
        Ok(role) => enum_words(role.as_str_name(), "ROLE_"),
        Err(_) => format!("role {role}"),
    }
}

pub fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Columns without lines, which a terminal shows well and `awk` reads well.
pub fn table(header: &[&str]) -> Table {
    let mut table = plain();
    table.set_header(header.to_vec());
    table
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table
}

/// One thing, its properties below each other.
pub fn properties(rows: Vec<(&'static str, String)>) -> Table {
    let mut table = plain();
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    table
}

/// The table's lines without the padding at either end.
pub fn render(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_steer_the_terminal() {
        assert_eq!(safe("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(safe("one\ntwo\r"), "one⏎two\\r");
        assert_eq!(safe("abc\u{202e}def"), "abcdef");
        assert_eq!(safe("Familie 👨‍👩‍👧"), "Familie 👨‍👩‍👧");
    }

    #[test]
    fn people_are_shown_by_phone_number_where_it_is_known() {
        let by_phone = pb::Participant { id: "4915100000001@c.us".into(), ..Default::default() };
        assert_eq!(person(&by_phone), "+4915100000001");
        let by_lid = pb::Participant {
            id: "77@lid".into(),
            phone_number_id: "4915100000001@c.us".into(),
            ..Default::default()
        };
        assert_eq!(person(&by_lid), "+4915100000001 (77@lid)");
        assert_eq!(person_id("77@lid"), "77@lid");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
    }

    #[test]
    fn times_are_shown_to_the_second_even_before_1970() {
        let time_of = |seconds, nanos| time(Some(&prost_types::Timestamp { seconds, nanos }));
        assert_eq!(time_of(1, 999_999_999), "1970-01-01T00:00:01Z");
        assert_eq!(time_of(-1, 500_000_000), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn tables_have_no_trailing_blanks() {
        let mut table = table(&["ID", "SUBJECT"]);
        table.add_row(["1", "a"]).add_row(["22", ""]);
        assert_eq!(render(&mut table), "ID  SUBJECT\n1   a\n22");
    }
}
