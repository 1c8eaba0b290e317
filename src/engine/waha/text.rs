//! Texts from outside, as far as they can be kept.

use crate::domain::text::plain_space;

/// WhatsApp's own limits are 100 and 2,048 characters; what is far beyond them is no text of its.
pub(super) const MAX_SUBJECT_BYTES: usize = 4 * 1024;
pub(super) const MAX_DESCRIPTION_BYTES: usize = 64 * 1024;
/// The contract's limit.
pub(super) const MAX_PUSH_NAME_BYTES: usize = 100;
/// Ids of descriptions, names of states.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// The text with its white space as callers give it, without what no database takes (NUL) and no terminal
/// should (control characters other than line breaks), cut where it is too long.
pub(super) fn kept(text: &str, max_bytes: usize) -> String {
    let mut kept = String::with_capacity(text.len().min(max_bytes));
    for c in plain_space(text).chars().filter(|c| !c.is_control() || *c == '\n') {
        if kept.len() + c.len_utf8() > max_bytes {
            break;
        }
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn a_text_is_cut_between_characters_and_keeps_its_lines() {
        assert_eq!(kept("a\nb", 9), "a\nb");
        assert_eq!(kept("a\0b\u{1b}[2J\r\n", 9), "ab[2J\n");
        assert_eq!(kept("When:\tMonday\rat 8\r\n", 99), "When: Monday\nat 8\n");
        assert_eq!(kept("ÄÖÜ", 5), "ÄÖ");
        assert_eq!(kept("", 5), "");
    }
}
