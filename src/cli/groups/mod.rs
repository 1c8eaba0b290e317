//! `wagroups groups`: reading groups, changing them, their members and their history.

mod change;
pub mod history;
mod participants;
mod read;
mod results;

use clap::{Args, Subcommand};

use super::Done;
use super::connect::{ClientOptions, Connection};
use super::errors::Failure;
use super::output::Output;

#[derive(Debug, Args)]
pub struct GroupsArgs {
    #[command(flatten)]
    pub client: ClientOptions,
    /// The session to use
    #[arg(
        long,
        global = true,
        env = "WAGROUPS_SESSION",
        default_value = "default",
        value_name = "NAME"
    )]
    session: String,
    #[command(subcommand)]
    command: GroupsCommand,
}

#[derive(Debug, Subcommand)]
enum GroupsCommand {
    /// Show the session's groups
    List(read::ListArgs),
    /// Count the session's groups
    Count(read::CountArgs),
    /// Show one group with its members
    Get(read::GetArgs),
    /// Create a group
    Create(change::CreateArgs),
    /// Leave a group
    Leave(change::LeaveArgs),
    /// Change a group's subject
    #[command(subcommand)]
    Subject(change::SubjectCommand),
    /// Change a group's description
    #[command(subcommand)]
    Description(change::DescriptionCommand),
    /// A group's members
    #[command(subcommand)]
    Participants(participants::ParticipantsCommand),
    /// Show what happened, from the log
    Events(history::EventsArgs),
}

/// The session that a command is for, and the way to it.
pub(super) struct Target {
    connection: Connection,
    session: String,
    output: Output,
}

pub async fn run(args: GroupsArgs, output: Output) -> Result<Done, Failure> {
    let connection = Connection::open(&args.client).await?;
    let target = Target { connection, session: args.session, output };
    match args.command {
        GroupsCommand::List(args) => read::list(&target, args).await,
        GroupsCommand::Count(args) => read::count(&target, args).await,
        GroupsCommand::Get(args) => read::get(&target, args).await,
        GroupsCommand::Create(args) => change::create(&target, args).await,
        GroupsCommand::Leave(args) => change::leave(&target, args).await,
        GroupsCommand::Subject(command) => change::subject(&target, command).await,
        GroupsCommand::Description(command) => change::description(&target, command).await,
        GroupsCommand::Participants(command) => participants::run(&target, command).await,
        GroupsCommand::Events(args) => history::events(&target, args).await,
    }
}
