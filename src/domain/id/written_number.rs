//! A phone number as people write it: `+49 (0)151 000-00001`.
//!
//! What only groups the digits is passed over. What means something is not: a `0` that is dialled within a
//! country alone is dropped where it is marked as such, `(0)`, and refused where it is not, because the
//! number with it belongs to somebody else or to nobody.

use super::calling_code::{calling_code, calling_codes};
use super::{ParseError, jid, spelling};

pub(super) const EXPECTED: &str = "must be a phone number in international form (+49 151 0000001 or 491510000001), \
                                   or an id ending in @c.us, @s.whatsapp.net or @lid";

/// Where no national number begins with a 0, so that one behind the country code is dialled within the country alone.
/// Elsewhere it may belong to the number, and is left there unless it is written apart.
const NO_NATIONAL_ZERO: &[&str] = &[
    "1", "20", "212", "213", "218", "233", "234", "243", "249", "250", "251", "254", "255", "256",
    "260", "261", "263", "264", "27", "30", "31", "32", "33", "34", "351", "353", "355", "358",
    "359", "36", "370", "373", "374", "375", "380", "381", "382", "385", "386", "387", "389", "40",
    "41", "420", "421", "43", "44", "46", "48", "49", "51", "52", "53", "54", "55", "56", "57",
    "58", "591", "593", "595", "598", "60", "61", "62", "63", "64", "66", "7", "81", "82", "84",
    "855", "86", "880", "886", "90", "91", "92", "93", "94", "95", "961", "962", "963", "964",
    "966", "967", "970", "971", "972", "977", "98", "994", "995", "996",
];

/// Italy, Côte d'Ivoire, Benin, Gabon, Congo, San Marino and the Vatican: there the 0 belongs to the number,
/// also when one calls from abroad.
const KEEP_ZERO: [&str; 7] = ["39", "225", "229", "241", "242", "378", "379"];

/// The digits that are taken as a number, as a regular expression for those who describe it; it has no anchors.
pub fn number_pattern() -> String {
    let (without_zero, others): (Vec<&str>, Vec<&str>) = calling_codes()
        .filter(|code| *code != "54")
        .partition(|code| NO_NATIONAL_ZERO.contains(code));
    let (without_zero, others) = (without_zero.join("|"), others.join("|"));
    format!("(({without_zero})[1-9][0-9]{{3,11}}|54[1-9][0-9]{{3,10}}|({others})[0-9]{{4,12}})")
}

/// Digits, and what stands before them.
struct Group<'a> {
    before: &'a str,
    digits: &'a str,
}

/// The digits of a number that was written without a server. `text` has no invisible characters.
pub(super) fn digits(text: &str) -> Result<String, ParseError> {
    let (groups, after) = groups(text);
    check_marks(&groups, after)?;
    let mut digits = String::with_capacity(text.len());
    for (index, group) in groups.iter().enumerate() {
        let next = groups.get(index + 1).map_or(after, |next| next.before);
        if digits.is_empty() && group.digits.starts_with('0') {
            return Err(local(group.digits));
        }
        if is_bracketed_zero(group, next) {
            match is_country_code(&digits) {
                true if KEEP_ZERO.contains(&digits.as_str()) => {
                    return Err(ParseError::new(format!(
                        "must not have (0): in numbers of +{digits} a 0 belongs to some and not to others; \
                         write the number as it is dialled from abroad"
                    )));
                }
                true => continue,
                false => {
                    return Err(ParseError::new(
                        "must have (0) after a country code only, where it is left out; \
                         write the number as it is dialled from abroad",
                    ));
                }
            }
        }
        let is_national = group.digits.starts_with('0') && is_country_code(&digits);
        if is_national && !KEEP_ZERO.contains(&digits.as_str()) {
            return Err(dialled_within(&digits));
        }
        digits.push_str(group.digits);
    }
    if let [first, _, ..] = groups.as_slice()
        && first.digits == "8"
    {
        return Err(ParseError::new(
            "must not begin with an 8 by itself: it is dialled within Russia and its neighbours only; \
             write the country code instead, +7 for Russia",
        ));
    }
    check_national(&digits)?;
    Ok(digits)
}

/// Refuses digits that are a number within a country and none from abroad.
fn check_national(digits: &str) -> Result<(), ParseError> {
    let Some(code) = calling_code(digits) else {
        let start = digits.get(..3).unwrap_or(digits);
        return Err(ParseError::new(format!(
            "must begin with its country code, and none begins with {start}; \
             write the number as it is dialled from abroad"
        )));
    };
    let national = &digits[code.len()..];
    if national.starts_with('0') && NO_NATIONAL_ZERO.contains(&code) {
        return Err(dialled_within(code));
    }
    // Of Argentina: an area code of two to four digits, a 15, and the rest of ten digits; or a 9 before all.
    if code == "54" && national.len() > 11 {
        return Err(ParseError::new(
            "has too many digits for +54: the 15 of a mobile number is dialled within the country only; \
             write +54 9, the area code, and the number without 15",
        ));
    }
    Ok(())
}

fn dialled_within(code: &str) -> ParseError {
    ParseError::new(format!(
        "must not have a 0 after the country code +{code}: it is dialled within the country only; \
         leave it out"
    ))
}

fn groups(text: &str) -> (Vec<Group<'_>>, &str) {
    let mut groups = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        groups.push(Group { before, digits });
        rest = after;
    }
    (groups, rest)
}

/// Between digits stand marks that group them and nothing else; one `+` may come first.
fn check_marks(groups: &[Group<'_>], after: &str) -> Result<(), ParseError> {
    let is_mark = |c: char| spelling::is_gap(c) || matches!(c, '(' | ')' | '.' | '/');
    let betweens = groups.iter().map(|group| group.before).chain([after]);
    for (index, between) in betweens.enumerate() {
        let mut plus_allowed = index == 0;
        for c in between.chars() {
            if c == '+' && plus_allowed {
                plus_allowed = false;
            } else if !is_mark(c) {
                let way = jid::shown(c);
                return Err(ParseError::new(format!("{EXPECTED}; {way} is in the way")));
            }
        }
    }
    match groups {
        // `4915100000001.0` is an id without its server, or a number that went through a spreadsheet.
        [_, .., last] if last.before == "." && last.digits.len() == 1 => Err(ParseError::new(
            format!("must not end in .{}, which is no part of a phone number", last.digits),
        )),
        [] => Err(ParseError::new(EXPECTED)),
        _ => Ok(()),
    }
}

fn local(first: &str) -> ParseError {
    let text = if first.starts_with("00") {
        "must be a phone number with its country code: write + instead of 00"
    } else {
        "must be a phone number with its country code, so it cannot start with 0: without the code it is \
         another number in each country"
    };
    ParseError::new(text)
}

fn is_bracketed_zero(group: &Group<'_>, next: &str) -> bool {
    let bracket = |c: char| matches!(c, '(' | ')');
    let opened = group.before.chars().rfind(|c| bracket(*c)) == Some('(');
    let closed = next.chars().find(|c| bracket(*c)) == Some(')');
    group.digits == "0" && opened && closed
}

/// Whether the digits are a country code, whole and nothing more.
fn is_country_code(digits: &str) -> bool {
    calling_code(digits) == Some(digits)
}
