//! What screens, keyboards and the clipboard add to what a person copies.
//!
//! WhatsApp itself wraps the numbers that it shows in marks of direction (U+202A … U+202C), word processors
//! write dashes and spaces of their own, and web pages break long links with characters of no width. None
//! of that is part of what was meant.

use std::borrow::Cow;

/// The text without the characters that nobody sees.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !is_invisible(*c)).collect())
}

/// Marks of direction, joiners, and what has no width.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// Unicode's dashes (general category Pd), the sign for minus and the bullet that looks like one.
pub(super) fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2043}'
                | '\u{2212}'
                | '\u{2e17}'
                | '\u{2e1a}'
                | '\u{2e3a}'
                | '\u{2e3b}'
                | '\u{2e40}'
                | '\u{2e5d}'
                | '\u{301c}'
                | '\u{3030}'
                | '\u{30a0}'
                | '\u{fe31}'
                | '\u{fe32}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
                | '\u{10ead}'
    )
}

/// What a person puts around or within what they copy: any space, any dash.
pub(super) fn is_gap(c: char) -> bool {
    c.is_whitespace() || is_dash(c)
}
