//! White space in the texts of people.

use std::borrow::Cow;

/// The text with one kind of line break and no tabs.
///
/// Texts come from forms, sheets and word processors as well as from phones: `\r\n` and `\r` are line breaks
/// as `\n` is, and so are those that a word processor puts within a paragraph (U+000B), between pages
/// (U+000C), and in old texts (U+0085). A tab stands between two words, where WhatsApp's own keyboards have a
/// space.
pub fn plain_space(text: &str) -> Cow<'_, str> {
    if !text.contains(['\t', '\r', '\u{b}', '\u{c}', '\u{85}']) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\t' => plain.push(' '),
            // Its line break follows.
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{b}' | '\u{c}' | '\u{85}' => plain.push('\n'),
            c => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::plain_space;

    #[test]
    fn every_line_break_is_one_and_a_tab_is_a_space() {
        for (text, plain) in [
            ("a\r\nb", "a\nb"),
            ("a\rb", "a\nb"),
            ("a\n\rb", "a\n\nb"),
            ("a\r\r\nb\r", "a\n\nb\n"),
            ("a\u{b}b\u{c}c\u{85}d", "a\nb\nc\nd"),
            ("When:\tMonday", "When: Monday"),
            ("a b\nc", "a b\nc"),
        ] {
            assert_eq!(plain_space(text), plain, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn lines_and_words_stay_what_they_are(
            lines in prop::collection::vec("[a-zäß ]{0,6}(\t[a-z]{1,3})?", 1..6),
            breaks in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 6),
        ) {
            let mut text = String::new();
            for (index, line) in lines.iter().enumerate() {
                if index > 0 {
                    // A break that begins with the end of the one before would be one with it.
                    let is_one = text.ends_with('\r') && breaks[index].starts_with('\n');
                    text.push_str(if is_one { "\r" } else { breaks[index] });
                }
                text.push_str(line);
            }
            let expected: Vec<String> = lines.iter().map(|line| line.replace('\t', " ")).collect();
            prop_assert_eq!(plain_space(&text), expected.join("\n"));
            let plain = plain_space(&text).into_owned();
            prop_assert_eq!(plain_space(&plain), plain.as_str());
        }
    }
}
