//! The command line as it is offered: with examples, with names that a shell can complete, and with the flags of a
//! client before a command as well as behind it.

use std::ffi::OsString;

use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};
use clap_complete::engine::ArgValueCompleter;

use super::Cli;
use super::client_flags::ClientFlags;
use super::{candidates, examples};

impl Cli {
    /// Parses the process's own words, which are [`in_order`]; ends the process where they are wrong, or ask for help.
    pub fn of_process(words: Vec<OsString>) -> Self {
        let parsed = command().try_get_matches_from(words);
        parsed
            .and_then(|matches| Self::from_arg_matches(&matches))
            .unwrap_or_else(|error| error.exit())
    }
}

/// The whole command line.
pub fn command() -> Command {
    offered(Cli::command(), "")
}

fn offered(mut command: Command, path: &str) -> Command {
    if let Some(examples) = examples::of(path) {
        let examples = format!(
            "Examples:\n{}",
            examples.iter().map(|line| format!("  {line}\n")).collect::<String>()
        );
        let help = match command.get_after_help() {
            Some(help) => format!("{help}\n\n{examples}"),
            None => examples,
        };
        command = command.after_help(help);
    }
    // In their places: an argument that is taken out and put back (mut_arg) comes last, also among those without a flag.
    command = command.mut_args(|arg| match completer(&arg, path) {
        Some(completer) => arg.add(completer),
        None => arg,
    });
    let names: Vec<_> = command.get_subcommands().map(|each| each.get_name().to_owned()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(name, |subcommand| offered(subcommand, &path));
    }
    command
}

/// What the running service knows of an argument's values.
fn completer(arg: &Arg, path: &str) -> Option<ArgValueCompleter> {
    match arg.get_id().as_str() {
        "group" => Some(ArgValueCompleter::new(candidates::groups)),
        "session" => Some(ArgValueCompleter::new(candidates::sessions)),
        "name" if path.starts_with("sessions ") && path != "sessions create" => {
            Some(ArgValueCompleter::new(candidates::sessions))
        }
        "webhook" => Some(ArgValueCompleter::new(candidates::webhooks)),
        _ => None,
    }
}

/// The words with the client's flags behind the command: clap takes them there.
pub fn in_order(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let flags = ClientFlags::new();
    let mut first = 1;
    while let Some(flag) = words.get(first..).and_then(|rest| flags.leading(rest)) {
        first += flag.words;
    }
    // The program's name stays first; what leads is a command only where it is no flag.
    if words.get(first).is_some_and(|word| !word.as_encoded_bytes().starts_with(b"-")) {
        words[1..=first].rotate_right(1);
    }
    words
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn ordered(line: &str) -> String {
        let words = in_order(line.split(' ').map(OsString::from));
        words.join(OsStr::new(" ")).into_string().expect("text")
    }

    #[test]
    fn the_clients_flags_may_stand_before_the_command() {
        assert_eq!(
            ordered("wagroups --addr http://a:1 --json --session=shop groups list --all"),
            "wagroups groups --addr http://a:1 --json --session=shop list --all"
        );
        assert_eq!(ordered("wagroups -o yaml sessions list"), "wagroups sessions -o yaml list");
        for line in [
            "wagroups",
            "wagroups groups list --json",
            "wagroups --config x.toml serve",
            "wagroups --json",
            "wagroups --addr http://a:1",
        ] {
            assert_eq!(ordered(line), line);
        }
        let line = "wagroups --timeout 3s --session shop groups get 1@g.us";
        command()
            .try_get_matches_from(in_order(line.split(' ').map(OsString::from)))
            .expect("it parses");
    }

    /// The commands that do something, with the words that lead to them.
    fn leaves(command: &Command, path: &str, leaves: &mut Vec<String>) {
        for subcommand in command.get_subcommands() {
            let name = subcommand.get_name();
            let path = if path.is_empty() { name.to_owned() } else { format!("{path} {name}") };
            if subcommand.has_subcommands() {
                self::leaves(subcommand, &path, leaves);
            } else {
                leaves.push(path);
            }
        }
    }

    #[test]
    fn every_command_has_examples_that_parse() {
        let mut paths = Vec::new();
        leaves(&Cli::command(), "", &mut paths);
        assert!(paths.len() > 60, "{paths:?}");
        let mut wrong = Vec::new();
        for path in &paths {
            let examples = examples::of(path).unwrap_or_else(|| panic!("{path} has no example"));
            for example in examples {
                let lines = example.split(" | ").filter(|line| line.contains("wagroups"));
                let line = lines.last().expect("a command of ours").trim_start_matches("source <(");
                let words = shlex::split(line.trim_end_matches(')')).expect("words of a shell");
                assert!(words.join(" ").starts_with(&format!("wagroups {path}")), "{example}");
                let words = in_order(words.into_iter().map(OsString::from));
                if let Err(error) = command().try_get_matches_from(words) {
                    wrong.push(format!("{example}: {error}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        for path in examples::paths() {
            assert!(paths.iter().any(|known| known == path), "there is no {path}");
        }
    }
}
