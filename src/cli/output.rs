//! Where answers go: stdout for what was asked, stderr for what is said about it.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::Table;
use prost::Message;
use serde_json::Value;

use super::errors::Failure;
use super::format::Format;
use super::{json, text};

pub const DIM: Style = Style::new().dimmed();
pub const GOOD: Style = AnsiColor::Green.on_default();
pub const BAD: Style = AnsiColor::Red.on_default();
pub const ODD: Style = AnsiColor::Yellow.on_default();

/// Where the process writes; tests read what went to standard output.
#[cfg(not(test))]
pub mod streams {
    use std::io::{self, StdoutLock};

    /// For text with colours.
    pub fn styled() -> anstream::Stdout {
        anstream::stdout()
    }

    pub fn plain() -> StdoutLock<'static> {
        io::stdout().lock()
    }

    pub fn errors() -> anstream::Stderr {
        anstream::stderr()
    }
}

#[cfg(test)]
pub mod streams {
    use std::cell::RefCell;
    use std::io::{self, Write};

    thread_local!(static PRINTED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

    pub struct Page;

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            PRINTED.with_borrow_mut(|printed| printed.write(bytes))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub fn styled() -> Page {
        Page
    }

    pub fn plain() -> Page {
        Page
    }

    pub fn errors() -> io::Sink {
        io::sink()
    }

    /// What this thread printed since it was asked last, without colours.
    pub fn printed() -> String {
        let printed = String::from_utf8_lossy(&PRINTED.take()).into_owned();
        anstream::adapter::strip_str(&printed).to_string()
    }
}

/// Prints as text, or for programs. Colours go to terminals only, and not where `NO_COLOR` is set.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
}

impl Output {
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    pub fn format(self) -> Format {
        self.format
    }

    /// Whether the answer is for programs.
    pub fn is_structured(self) -> bool {
        self.format != Format::Text
    }

    /// A line of an answer.
    pub fn line(self, line: &str) -> Result<(), Failure> {
        writeln!(streams::styled(), "{line}").map_err(Failure::from_output)
    }

    pub fn table(self, table: &mut Table) -> Result<(), Failure> {
        self.line(&text::render(table))
    }

    /// An answer that is no text.
    pub fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = streams::plain();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failure::from_output)
    }

    /// The whole answer as one document, over several lines.
    pub fn document(self, document: &Value) -> Result<(), Failure> {
        let text = match self.format {
            Format::Text | Format::Json => format!("{document:#}\n"),
            Format::Yaml | Format::Name => self.format.one_of_many(document)?,
        };
        streams::plain().write_all(text.as_bytes()).map_err(Failure::from_output)
    }

    /// One of many documents, in JSON on a line of its own.
    pub fn one_of_many(self, document: &Value) -> Result<(), Failure> {
        let text = self.format.one_of_many(document)?;
        streams::plain().write_all(text.as_bytes()).map_err(Failure::from_output)
    }

    /// The answer as a document where that was asked for; else says that text is wanted.
    pub fn answer(self, name: &str, message: &impl Message) -> Result<bool, Failure> {
        if self.is_structured() {
            self.document(&json::of_message(name, message)?)?;
        }
        Ok(self.is_structured())
    }

    /// Something about the answer that is no part of it.
    pub fn note(self, note: &str) -> Result<(), Failure> {
        if self.is_structured() {
            return Ok(());
        }
        // Nobody who closed stderr waits for a note.
        let _ = writeln!(streams::errors(), "{DIM}{note}{DIM:#}");
        Ok(())
    }

    /// Something the user should know whatever the format.
    pub fn warn(self, warning: &str) {
        let _ = writeln!(streams::errors(), "{ODD}{warning}{ODD:#}");
    }
}
