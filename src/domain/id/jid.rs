//! The form of every id of WhatsApp's: `user.agent:device@server`.
//!
//! Agent and device say by which of an account's devices something came. They are no part of who it is, and
//! nothing else of an id may be left out: one digit more or less is another person.

use super::spelling;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Jid<'a> {
    pub user: &'a str,
    pub server: &'a str,
    /// Whether it names a device of the account rather than the account.
    pub names_device: bool,
}

impl<'a> Jid<'a> {
    /// `text` without its invisible characters. `None` where it is no id, or its agent or device is no number.
    pub fn read(text: &'a str) -> Option<Self> {
        let (user, server) = text.trim().split_once('@')?;
        let (user, device) = split(user, &[':']);
        // WhatsApp Web writes the agent after a dot, Baileys after an underscore.
        let (user, agent) = split(user, &['.', '_']);
        let is_number = |part: Option<&str>, max: u32| part.is_none_or(|part| is_up_to(part, max));
        if !is_number(device, u16::MAX.into()) || !is_number(agent, u8::MAX.into()) {
            return None;
        }
        Some(Self { user, server, names_device: device.is_some() || agent.is_some() })
    }
}

fn split<'a>(text: &'a str, separators: &[char]) -> (&'a str, Option<&'a str>) {
    match text.split_once(separators) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn is_up_to(text: &str, max: u32) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u32>().is_ok_and(|number| number <= max)
}

/// The number that digits without a leading zero are.
pub(super) fn number(digits: &str) -> Option<u64> {
    let canonical = !digits.is_empty()
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit());
    if canonical { digits.parse().ok() } else { None }
}

/// The first character that digits alone would not have, as a person can find it.
pub(super) fn in_the_way(user: &str) -> Option<String> {
    let c = user.chars().find(|c| !c.is_ascii_digit())?;
    Some(shown(c))
}

/// A character as a message names it: itself where one sees it, its number where not.
pub(super) fn shown(c: char) -> String {
    if c.is_ascii_graphic() {
        format!("{c:?}")
    } else if c == ' ' {
        "a space".to_owned()
    } else if c.is_alphanumeric() || spelling::is_dash(c) {
        format!("{c:?} (U+{:04X})", u32::from(c))
    } else {
        format!("the character U+{:04X}", u32::from(c))
    }
}
