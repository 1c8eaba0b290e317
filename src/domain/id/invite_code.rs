use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{ParseError, serde_as_text, spelling};

/// The code of a group's invite link: 22 letters and digits.
///
/// Parsed from the bare code or from any `chat.whatsapp.com` link, with scheme, `/invite/`, query
/// string, fragment or trailing slash. A browser that is no admin answers `undefined` for the code, and
/// WhatsApp may answer `Maintenance`: words of another length, which are none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteCode(Arc<str>);

impl InviteCode {
    const LENGTH: usize = 22;
    const HOST: &'static str = "chat.whatsapp.com/";

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link that people share.
    pub fn link(&self) -> String {
        format!("https://{}{}", Self::HOST, self.0)
    }
}

impl FromStr for InviteCode {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = || {
            ParseError::new(
                "must be an invite code of 22 letters and digits, or a link such as \
                 https://chat.whatsapp.com/CODE",
            )
        };
        let text = spelling::visible(text);
        let text = text.trim_matches(spelling::is_gap);
        let after_scheme = ["https://", "http://"].iter().find_map(|s| without_prefix(text, s));
        let code = match without_prefix(after_scheme.unwrap_or(text), Self::HOST) {
            Some(path) => code_of_path(path),
            None if after_scheme.is_some() => return Err(error()),
            // Words with a space between them are no code, however many letters they have.
            None => Cow::Borrowed(text),
        };
        let well_formed =
            code.len() == Self::LENGTH && code.bytes().all(|b| b.is_ascii_alphanumeric());
        if well_formed { Ok(Self(code.as_ref().into())) } else { Err(error()) }
    }
}

/// A link may carry ?mode=…, #… or a slash at its end, and be broken where a line ends; the code never is.
fn code_of_path(path: &str) -> Cow<'_, str> {
    let code = path.split(['?', '#']).next().unwrap_or_default();
    let code = code.trim_end_matches(|c| c == '/' || spelling::is_gap(c));
    let code = code.strip_prefix("invite/").unwrap_or(code);
    match code.contains(spelling::is_gap) {
        true => Cow::Owned(code.replace(spelling::is_gap, "")),
        false => Cow::Borrowed(code),
    }
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

impl fmt::Display for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An invite code lets anybody in, so it is kept out of debug output and logs.
impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(…)")
    }
}

serde_as_text!(InviteCode);
