//! Asking before something is gone, where somebody is there to answer.

use std::io::{self, Write as _};

use clap::Args;

use super::errors::Failure;
use super::output::streams;
use super::system;

#[derive(Debug, Clone, Copy, Args)]
pub struct Confirmation {
    /// Do not ask; nobody is asked either where standard input is no terminal
    #[arg(long, short)]
    yes: bool,
}

impl Confirmation {
    /// `what` is the question but for its mark.
    pub fn ask(self, what: &str) -> Result<(), Failure> {
        if self.yes || !system::has_terminal_input() {
            return Ok(());
        }
        if !system::has_terminal_errors() {
            let why = "cannot ask whether it is meant: standard error is no terminal; say --yes";
            return Err(Failure::Usage(why.to_owned()));
        }
        let asked = write!(streams::errors(), "{what}? [y/N] ");
        asked.and_then(|()| streams::errors().flush()).map_err(Failure::from_output)?;
        let mut answer = String::new();
        io::stdin()
            .read_line(&mut answer)
            .map_err(|error| Failure::Local(format!("cannot read the answer: {error}")))?;
        if says_yes(&answer) {
            return Ok(());
        }
        Err(Failure::Local("nothing was done; --yes does it without asking".to_owned()))
    }
}

fn says_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for answer in ["y\n", "YES\r\n", " yes "] {
            assert!(says_yes(answer), "{answer:?}");
        }
        for answer in ["", "\n", "no\n", "yep\n", "n"] {
            assert!(!says_yes(answer), "{answer:?}");
        }
    }
}
