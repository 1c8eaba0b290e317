//! The client's flags on a command line, by clap's own definition of them. The rest of the line is not parsed: it may be
//! half-typed, and the flags may stand before the command that they belong to.

use std::ffi::OsString;

use clap::{Arg, Args as _, Command};

use super::connect::ClientOptions;

/// A flag of the client as it stands on a line.
#[derive(Debug)]
pub struct ClientFlag<'a> {
    /// Its long name, without dashes.
    pub name: &'a str,
    /// `None` where it takes none, or has none yet.
    pub value: Option<&'a str>,
    /// How many words it takes, its value included.
    pub words: usize,
}

/// What flags the client has: those of all its commands, and the session.
#[derive(Debug)]
pub struct ClientFlags(Command);

impl ClientFlags {
    pub fn new() -> Self {
        let flags = ClientOptions::augment_args(Command::new(""));
        Self(flags.arg(Arg::new("session").long("session")))
    }

    /// The flag that the line begins with.
    pub fn leading<'a>(&'a self, line: &'a [OsString]) -> Option<ClientFlag<'a>> {
        let (word, rest) = line.split_first()?;
        let word = word.to_str()?;
        let (written, value) =
            word.split_once('=').map_or((word, None), |(written, value)| (written, Some(value)));
        let flag = self.0.get_arguments().find(|flag| {
            let is_long =
                flag.get_long().is_some_and(|long| written.strip_prefix("--") == Some(long));
            let is_short = flag.get_short().is_some_and(|short| {
                written.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4]))
            });
            is_long || is_short
        })?;
        let name = flag.get_long()?;
        if value.is_some() || !flag.get_action().takes_values() {
            return Some(ClientFlag { name, value, words: 1 });
        }
        let next = rest.first().filter(|next| !next.as_encoded_bytes().starts_with(b"-"));
        let value = next.and_then(|next| next.to_str());
        Some(ClientFlag { name, value, words: 1 + usize::from(next.is_some()) })
    }

    /// The flags of a line, wherever they stand.
    pub fn all<'a>(&'a self, line: &'a [OsString]) -> Vec<ClientFlag<'a>> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < line.len() {
            let flag = self.leading(&line[at..]);
            at += flag.as_ref().map_or(1, |flag| flag.words);
            found.extend(flag);
        }
        found
    }
}
