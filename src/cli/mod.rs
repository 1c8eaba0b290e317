//! The command line: what can be asked for, and the client's half of the answers.
//!
//! `serve`, `migrate` and `config` are parsed here and carried out by the server; everything in
//! [`ClientCommand`] talks to a running service and needs nothing of this process but a socket.

mod advice;
mod api_key;
mod call;
mod candidates;
mod client_flags;
mod cluster;
mod command;
mod completions;
mod confirm;
mod connect;
mod describe;
mod effect;
mod errors;
mod examples;
mod format;
mod groups;
mod healthcheck;
mod import;
mod input;
mod json;
mod moment;
mod output;
mod people;
mod progress;
mod reconnect;
mod relay;
mod report;
mod serve;
mod sessions;
mod settings;
mod simulator;
mod spans;
mod system;
#[cfg(test)]
mod tests;
mod text;
mod tls;
mod waha;
mod watch;
mod webhooks;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use cluster::ClusterCommand;
pub use command::{command, in_order};
pub use completions::COMPLETE;
pub use serve::{cluster, config, migrate, serve};
pub use settings::{ConfigArgs, MigrateArgs, ServeArgs, SettingsArgs};

use errors::Failure;
use format::{Format, FormatOptions};
use output::Output;

const EXIT_CODES: &str = "\
Exit codes of the client commands:
  0  done
  1  refused, or failed for good; the message says why
  2  the command line is wrong
  3  nothing was done: the service cannot be reached, is busy or starting; try again
  4  the outcome of a change is unknown
  5  a watch cannot resume: its token has expired or belongs to another log
  6  done in part: some of the people named, or of the webhooks imported, were refused
  7  a conflict: it was changed meanwhile; look, and decide anew";

/// WhatsApp groups as a gRPC service, and a client for it.
///
/// Without a command it serves: `wagroups` is `wagroups serve`.
#[derive(Debug, Parser)]
#[command(name = "wagroups", version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

impl Cli {
    /// The command given, or `serve`.
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

/// Whether a command line, with the program's name first, is for the service. Decided without parsing all of it, so that
/// the service can listen for signals before that.
pub fn asks_to_serve(words: &[OsString]) -> bool {
    // Flags before a command are those of the service: `args_conflicts_with_subcommands`.
    words.get(1).is_none_or(|first| first == "serve" || first.as_encoded_bytes().starts_with(b"-"))
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service (the default)
    Serve(ServeArgs),
    /// Bring the database's schema up to date, then exit
    Migrate(MigrateArgs),
    /// Print the settings in effect, secrets redacted
    Config(ConfigArgs),
    /// Look at the replicas that share a database
    #[command(subcommand)]
    Cluster(ClusterCommand),
    #[command(flatten)]
    Client(ClientCommand),
}

/// What a running service is asked for, and what needs no service at all.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Ask whether the service is serving; the exit code says it
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Make API keys
    ApiKey(api_key::ApiKeyArgs),
    /// The WhatsApp accounts that the service acts for
    Sessions(sessions::SessionsArgs),
    /// Groups, their members and their history
    Groups(groups::GroupsArgs),
    /// Follow every change as it happens
    Watch(watch::WatchArgs),
    /// URLs to which every change is posted, none missed
    Webhooks(webhooks::WebhooksArgs),
    /// The log on its way to NATS JetStream
    Relay(relay::RelayArgs),
    /// Replay what was recorded elsewhere: webhooks of WAHA
    Import(import::ImportArgs),
    /// Set up a WAHA server for this service
    Waha(waha::WahaArgs),
    /// The other side of the simulated WhatsApp: people, faults, and what really is
    Simulator(simulator::SimulatorArgs),
    /// Print what a shell needs to complete this program's commands
    Completions(completions::CompletionsArgs),
    /// Print the program's version
    Version(VersionArgs),
}

#[derive(Debug, Args)]
pub struct VersionArgs {
    #[command(flatten)]
    format: FormatOptions,
}

fn version(output: Output) -> Result<Done, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if output.is_structured() {
        output.one_of_many(&serde_json::json!({ "name": "wagroups", "version": version }))?;
    } else {
        output.line(&format!("wagroups {version}"))?;
    }
    Ok(Done::Fully)
}

impl ClientCommand {
    fn format(&self) -> Format {
        match self {
            Self::ApiKey(args) => args.format.format(),
            Self::Sessions(args) => args.client.format.format(),
            Self::Groups(args) => args.client.format.format(),
            Self::Watch(args) => args.client.format.format(),
            Self::Webhooks(args) => args.client.format.format(),
            Self::Relay(args) => args.client.format.format(),
            Self::Import(args) => args.format.format(),
            Self::Simulator(args) => args.client.format.format(),
            Self::Version(args) => args.format.format(),
            Self::Healthcheck(_) | Self::Waha(_) | Self::Completions(_) => Format::Text,
        }
    }
}

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Fully,
    /// Some of the people named, or of the webhooks imported, were refused.
    InPart,
}

/// Carries the command out and prints what came of it: answers to stdout, everything else to stderr.
pub async fn run(command: ClientCommand) -> ExitCode {
    let output = Output::new(command.format());
    let result = match command {
        ClientCommand::Healthcheck(args) => healthcheck::run(args, output).await,
        ClientCommand::ApiKey(args) => api_key::run(&args, output),
        ClientCommand::Sessions(args) => sessions::run(args, output).await,
        ClientCommand::Groups(args) => groups::run(args, output).await,
        ClientCommand::Watch(args) => watch::run(args, output).await,
        ClientCommand::Webhooks(args) => webhooks::run(args, output).await,
        ClientCommand::Relay(args) => relay::run(args, output).await,
        ClientCommand::Import(args) => import::run(args, output).await,
        ClientCommand::Simulator(args) => simulator::run(args, output).await,
        ClientCommand::Waha(args) => waha::run(args, output).await,
        ClientCommand::Completions(args) => completions::run(&args, output),
        ClientCommand::Version(_) => version(output),
    };
    match result {
        Ok(Done::Fully) => ExitCode::SUCCESS,
        Ok(Done::InPart) => ExitCode::from(errors::IN_PART),
        Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(failure) => {
            report::report(&failure, output.format());
            ExitCode::from(failure.exit_code())
        }
    }
}
