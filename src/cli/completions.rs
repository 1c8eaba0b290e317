//! Completions for shells: of commands, flags, and the names that a running service knows.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use super::Done;
use super::errors::Failure;
use super::output::Output;

/// By which variable a shell asks this program for completions. `COMPLETE`, as others have it, may be set for them.
pub const COMPLETE: &str = "_WAGROUPS_COMPLETE";

const HELP: &str = "\
Where they belong:
  bash        source <(wagroups completions bash), in ~/.bashrc
  zsh         source <(wagroups completions zsh), in ~/.zshrc
  fish        wagroups completions fish | source, in ~/.config/fish/config.fish
  elvish      eval (wagroups completions elvish | slurp), in ~/.config/elvish/rc.elv
  powershell  wagroups completions powershell | Out-String | Invoke-Expression, in $PROFILE

The script asks this program; so it is made anew with each shell. Sessions, groups and webhooks are completed from the
service at --addr or WAGROUPS_ADDR, where it answers within 1.5 seconds.";

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

impl ShellName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Elvish => "elvish",
            Self::Powershell => "powershell",
        }
    }
}

pub fn run(args: &CompletionsArgs, output: Output) -> Result<Done, Failure> {
    let script = script(args.shell)
        .map_err(|error| Failure::Local(format!("cannot make the script: {error}")))?;
    output.bytes(&script)?;
    Ok(Done::Fully)
}

fn script(shell: ShellName) -> std::io::Result<Vec<u8>> {
    let shells = Shells::builtins();
    let completer = shells.completer(shell.as_str()).ok_or(std::io::ErrorKind::Unsupported)?;
    let mut script = Vec::new();
    completer.write_registration(COMPLETE, "wagroups", "wagroups", "wagroups", &mut script)?;
    Ok(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_has_a_script_that_asks_this_program() {
        for shell in ShellName::value_variants() {
            let script = String::from_utf8(script(*shell).expect("a script")).expect("text");
            assert!(script.contains(COMPLETE) && script.contains("wagroups"), "{shell:?}");
        }
    }
}
