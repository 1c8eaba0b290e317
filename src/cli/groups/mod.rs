//! `wagroups groups`: reading groups, changing them, their members and their history.

mod change;
mod delete;
pub mod history;
pub mod invitation;
mod invite;
mod join;
mod participants;
mod picture;
pub mod read;
mod refresh;
pub mod requests;
pub mod results;
pub mod settings;

use clap::{Args, Subcommand};
use prost::Message;
use tonic::{Request, Response, Status};

use super::connect::{ClientOptions, Connection};
use super::effect::Effect;
use super::errors::Failure;
use super::format::HEADING;
use super::output::Output;
use super::{Done, text};

#[derive(Debug, Args)]
pub struct GroupsArgs {
    #[command(flatten)]
    pub client: ClientOptions,
    /// The session to use
    #[arg(
        long,
        global = true,
        help_heading = HEADING,
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
    /// Compare groups with WhatsApp's, and log what differs
    Refresh(refresh::RefreshArgs),
    /// Take a group apart: remove all members, then leave
    Delete(delete::DeleteArgs),
    /// Leave a group
    Leave(change::LeaveArgs),
    /// Join a group by an invite
    Join(join::JoinArgs),
    /// Show the group behind an invite, without joining
    JoinInfo(join::JoinInfoArgs),
    /// Change a group's subject
    #[command(subcommand)]
    Subject(change::SubjectCommand),
    /// Change a group's description
    #[command(subcommand)]
    Description(change::DescriptionCommand),
    /// A group's picture
    #[command(subcommand)]
    Picture(picture::PictureCommand),
    /// What admins and members may do, and how long messages stay
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
    /// A group's members
    #[command(subcommand)]
    Participants(participants::ParticipantsCommand),
    /// Open requests to join a group
    #[command(subcommand)]
    Requests(requests::RequestsCommand),
    /// A group's invite link
    #[command(subcommand)]
    Invite(invite::InviteCommand),
    /// Show what happened, from the log
    Events(history::EventsArgs),
}

/// The session that a command is for, and the way to it.
pub(super) struct Target {
    connection: Connection,
    session: String,
    output: Output,
}

impl Target {
    /// Sends the request; the answer where it is wanted as text, none where it was printed as JSON.
    async fn ask<Q: Clone, A: Message>(
        &self,
        call: &Effect,
        answer_name: &str,
        request: Q,
        send: impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<Option<A>, Failure> {
        let answer = self.connection.unary(call, request, send).await?;
        Ok((!self.output.answer(answer_name, &answer)?).then_some(answer))
    }

    /// How fresh an answer is.
    fn note_synced(
        &self,
        as_of_sequence: i64,
        synced_time: Option<&prost_types::Timestamp>,
    ) -> Result<(), Failure> {
        let synced = text::time(synced_time);
        self.output.note(&format!("as of sequence {as_of_sequence}, synced {synced}"))
    }
}

pub async fn run(args: GroupsArgs, output: Output) -> Result<Done, Failure> {
    let connection = Connection::open(&args.client).await?;
    let target = Target { connection, session: args.session, output };
    match args.command {
        GroupsCommand::List(args) => read::list(&target, args).await,
        GroupsCommand::Count(args) => read::count(&target, args).await,
        GroupsCommand::Get(args) => read::get(&target, args).await,
        GroupsCommand::Create(args) => change::create(&target, args).await,
        GroupsCommand::Refresh(args) => refresh::refresh(&target, args).await,
        GroupsCommand::Delete(args) => delete::delete(&target, args).await,
        GroupsCommand::Leave(args) => change::leave(&target, args).await,
        GroupsCommand::Join(args) => join::join(&target, args).await,
        GroupsCommand::JoinInfo(args) => join::join_info(&target, args).await,
        GroupsCommand::Subject(command) => change::subject(&target, command).await,
        GroupsCommand::Description(command) => change::description(&target, command).await,
        GroupsCommand::Picture(command) => picture::run(&target, command).await,
        GroupsCommand::Settings(command) => settings::run(&target, command).await,
        GroupsCommand::Participants(command) => participants::run(&target, command).await,
        GroupsCommand::Requests(command) => requests::run(&target, command).await,
        GroupsCommand::Invite(command) => invite::run(&target, command).await,
        GroupsCommand::Events(args) => history::events(&target, args).await,
    }
}
