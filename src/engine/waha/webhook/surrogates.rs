//! Halves of emojis. JavaScript cuts texts between them and writes the half as an escape, which is not valid
//! Unicode; a whole body must not be lost for one.

/// The body with U+FFFD in place of each escape that stands for half a character; `None` where there is
/// none.
pub(super) fn mended(body: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < body.len() {
        if body[at] != b'\\' {
            at += 1;
            continue;
        }
        let Some(unit) = escaped(body, at) else {
            // An escape of another kind, of which the second byte is no backslash of its own.
            at += 2;
            continue;
        };
        let is_pair = (0xd800..0xdc00).contains(&unit)
            && escaped(body, at + 6).is_some_and(|next| (0xdc00..0xe000).contains(&next));
        if is_pair {
            at += 12;
            continue;
        }
        if (0xd800..0xe000).contains(&unit) {
            mended.get_or_insert_with(|| body.to_vec())[at + 2..at + 6].copy_from_slice(b"fffd");
        }
        at += 6;
    }
    mended
}

/// The UTF-16 unit that `\uXXXX` at this place stands for.
fn escaped(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::mended;

    #[test]
    fn halves_are_replaced_and_all_else_stays() {
        let mend = |text: &str| mended(text.as_bytes()).map(|b| String::from_utf8(b).unwrap());
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(mend(r#"{"a":"x\ud83d"}"#), said(r#"{"a":"x\ufffd"}"#));
        assert_eq!(mend(r#""\udc00\ud83d\ude00\uD83D""#), said(r#""\ufffd\ud83d\ude00\ufffd""#));
        assert_eq!(mend(r#""\ud83d\ud83d\ude00""#), said(r#""\ufffd\ud83d\ude00""#));
        for whole in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u00e4\n""#, r#""\ud8"#, "", "\\"] {
            assert_eq!(mend(whole), None, "{whole}");
        }
    }
}
