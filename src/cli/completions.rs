//! Completions of commands and flags, for shells.

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::aot::{Shell, generate};

use super::errors::Failure;
use super::output::Output;
use super::{Cli, Done};

const HELP: &str = "\
Where they belong:
  bash        wagroups completions bash > ~/.local/share/bash-completion/completions/wagroups
  zsh         wagroups completions zsh > a file _wagroups in a directory of $fpath
  fish        wagroups completions fish > ~/.config/fish/completions/wagroups.fish
  elvish      wagroups completions elvish > ~/.config/elvish/lib/wagroups.elv, then `use wagroups`
  powershell  wagroups completions powershell | Out-String | Invoke-Expression

For fish three words deep: not the flags of commands such as `groups participants add`.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    shell: ShellName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

impl From<ShellName> for Shell {
    fn from(name: ShellName) -> Self {
        match name {
            ShellName::Bash => Self::Bash,
            ShellName::Zsh => Self::Zsh,
            ShellName::Fish => Self::Fish,
            ShellName::Elvish => Self::Elvish,
            ShellName::Powershell => Self::PowerShell,
        }
    }
}

pub fn run(args: &CompletionsArgs, output: Output) -> Result<Done, Failure> {
    output.bytes(&script(args.shell))?;
    Ok(Done::Fully)
}

/// In memory first: the generator would panic at a closed pipe.
fn script(shell: ShellName) -> Vec<u8> {
    let mut script = Vec::new();
    generate(Shell::from(shell), &mut Cli::command(), "wagroups", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    /// The commands of so many words at most.
    fn names(command: &Command, words: usize, names: &mut Vec<String>) {
        if words == 0 {
            return;
        }
        for subcommand in command.get_subcommands() {
            names.push(subcommand.get_name().to_owned());
            self::names(subcommand, words - 1, names);
        }
    }

    #[test]
    fn each_shell_learns_all_commands() {
        for shell in ShellName::value_variants() {
            // clap_complete's fish goes three words deep: not as far as the kinds of faults.
            let words = if *shell == ShellName::Fish { 3 } else { usize::MAX };
            let mut commands = Vec::new();
            names(&Cli::command(), words, &mut commands);
            assert!(commands.len() > 60, "{commands:?}");
            let script = String::from_utf8(script(*shell)).expect("text");
            for command in &commands {
                assert!(script.contains(command.as_str()), "{shell:?} misses {command}");
            }
        }
    }

    #[test]
    fn values_are_completed_where_the_shell_can() {
        for shell in [ShellName::Bash, ShellName::Zsh] {
            let script = String::from_utf8(script(shell)).expect("text");
            assert!(script.contains("disappearing-timer"), "{shell:?}");
        }
    }
}
