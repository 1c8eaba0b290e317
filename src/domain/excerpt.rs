//! Texts that others made, as far as an answer or a line of the log has room for them.

use std::fmt::{self, Display, Write};

/// Stands where something was left out.
const ELLIPSIS: char = '…';
/// As much of a caller's text as an answer repeats.
const MAX_QUOTED_BYTES: usize = 60;

/// The text, at most `max_bytes` of it. However long it is, no more is made.
pub fn excerpt(text: impl Display, max_bytes: usize) -> String {
    let mut page = Page { text: String::new(), max_bytes };
    // It fails where the page is full, which is no failure.
    let _ = write!(page, "{text}");
    page.text
}

/// The text, cut between two characters where it is longer.
pub fn shortened(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        let end = text.floor_char_boundary(max_bytes.saturating_sub(ELLIPSIS.len_utf8()));
        text.truncate(end);
        text.push(ELLIPSIS);
        text.shrink_to_fit();
    }
    text
}

/// A caller's text in quotation marks, as far as an answer repeats it.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.floor_char_boundary(MAX_QUOTED_BYTES);
        let dots = if end < self.0.len() { "…" } else { "" };
        write!(f, "{:?}{dots}", &self.0[..end])
    }
}

/// A text that takes no more than it has room for.
struct Page {
    text: String,
    max_bytes: usize,
}

impl Write for Page {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.text.len() + part.len() <= self.max_bytes {
            self.text.push_str(part);
            return Ok(());
        }
        let room = self.max_bytes - self.text.len();
        self.text.push_str(&part[..part.floor_char_boundary(room)]);
        let end = self.max_bytes.saturating_sub(ELLIPSIS.len_utf8());
        self.text.truncate(self.text.floor_char_boundary(end));
        self.text.push(ELLIPSIS);
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for max in [3, 4, 5, 6, 7, 8, 9] {
            for text in ["ÄÖÜÄÖÜ", "a€a€a€", "abcdefghij"] {
                let cut = excerpt(text, max);
                assert!(cut.len() <= max && cut.ends_with('…'), "{cut}");
                assert_eq!(cut, shortened(text.to_owned(), max));
            }
        }
        assert_eq!(excerpt(format_args!("{}{}", "ab", "c"), 3), "abc");
        assert_eq!(excerpt(format_args!("{}{}", "abc", "d"), 3), "…");
        assert_eq!(shortened("abc".to_owned(), 3), "abc");
    }

    #[test]
    fn a_long_text_is_not_made_in_full() {
        struct Endless;
        impl Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("again and ")?;
                }
            }
        }
        assert_eq!(excerpt(Endless, 20), "again and again a…");
    }

    #[test]
    fn a_quotation_is_short() {
        assert_eq!(Quoted("a\"b").to_string(), "\"a\\\"b\"");
        let long = "ä".repeat(1000);
        assert_eq!(Quoted(&long).to_string(), format!("\"{}\"…", "ä".repeat(30)));
    }
}
