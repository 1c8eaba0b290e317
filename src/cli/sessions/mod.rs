//! `wagroups sessions`: the accounts that the service acts for.

mod change;
mod engine;
mod link;
mod qr;
mod show;
mod watch;

use clap::{Args, Subcommand, ValueEnum};

use super::call::PageOptions;
use super::confirm::Confirmation;
use super::connect::{ClientOptions, Connection};
use super::effect::Effect;
use super::errors::Failure;
use super::output::Output;
use super::{Done, json};
use crate::pb::{self, SessionStatus};

use engine::EngineName;
use show::{add_session, session_table, show};

#[derive(Debug, Args)]
pub struct SessionsArgs {
    #[command(flatten)]
    pub client: ClientOptions,
    #[command(subcommand)]
    command: SessionsCommand,
}

#[derive(Debug, Subcommand)]
enum SessionsCommand {
    /// Show the sessions that the key may see
    List(ListArgs),
    /// Show one session
    Get {
        /// The session
        name: String,
    },
    /// Create a session and start it
    Create(change::CreateArgs),
    /// Change a session's labels or its engine's settings
    Update(change::UpdateArgs),
    /// Delete a session with all its groups; its history stays readable for a while
    Delete {
        /// The session
        name: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Want a session running
    Start {
        /// The session
        name: String,
    },
    /// Want a session stopped; its groups stay readable
    Stop {
        /// The session
        name: String,
    },
    /// Unlink the device at WhatsApp; the session stays
    Logout {
        /// The session
        name: String,
    },
    /// Ask for a code to type into the phone, instead of scanning a QR code
    PairingCode(link::PairingCodeArgs),
    /// Follow a session's status; shows the QR code to scan
    Watch(watch::WatchArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only sessions in this status; may be repeated
    #[arg(long, value_enum)]
    status: Vec<StatusName>,
    /// Only sessions on this engine; may be repeated
    #[arg(long, value_enum)]
    engine: Vec<EngineName>,
    #[command(flatten)]
    pages: PageOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatusName {
    Stopped,
    Starting,
    ScanQrCode,
    Working,
    Failed,
    LoggedOut,
}

impl From<StatusName> for SessionStatus {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Stopped => Self::Stopped,
            StatusName::Starting => Self::Starting,
            StatusName::ScanQrCode => Self::ScanQrCode,
            StatusName::Working => Self::Working,
            StatusName::Failed => Self::Failed,
            StatusName::LoggedOut => Self::LoggedOut,
        }
    }
}

pub async fn run(args: SessionsArgs, output: Output) -> Result<Done, Failure> {
    let connection = Connection::open(&args.client).await?;
    match args.command {
        SessionsCommand::List(args) => list(&connection, args, output).await,
        SessionsCommand::Get { name } => get(&connection, name, output).await,
        SessionsCommand::Create(args) => change::create(&connection, args, output).await,
        SessionsCommand::Update(args) => change::update(&connection, args, output).await,
        SessionsCommand::Delete { name, confirmation } => {
            confirmation.ask(&format!("Delete session {name} with all its groups"))?;
            change::delete(&connection, name, output).await
        }
        SessionsCommand::Start { name } => change::start(&connection, name, output).await,
        SessionsCommand::Stop { name } => change::stop(&connection, name, output).await,
        SessionsCommand::Logout { name } => link::logout(&connection, name, output).await,
        SessionsCommand::PairingCode(args) => link::pairing_code(&connection, args, output).await,
        SessionsCommand::Watch(args) => watch::run(&connection, args, output).await,
    }
}

async fn list(connection: &Connection, args: ListArgs, output: Output) -> Result<Done, Failure> {
    let pages = args.pages;
    let mut request = pb::ListSessionsRequest {
        page_size: pages.page_size,
        page_token: pages.page_token.clone(),
        statuses: args.status.into_iter().map(|name| SessionStatus::from(name).into()).collect(),
        engines: args.engine.into_iter().map(|name| pb::Engine::from(name).into()).collect(),
    };
    let mut table = session_table();
    loop {
        let send = async |request| connection.sessions().list_sessions(request).await;
        let page = connection.unary(&Effect::Read, request.clone(), send).await?;
        if !pages.wants_all(output) && output.answer("ListSessionsResponse", &page)? {
            return Ok(Done::Fully);
        }
        for session in &page.sessions {
            if output.is_structured() {
                output.one_of_many(&json::of_message("Session", session)?)?;
            } else {
                add_session(&mut table, session);
            }
        }
        if !pages.wants_all(output) || page.next_page_token.is_empty() {
            if !output.is_structured() {
                output.table(&mut table)?;
                pages.note_rest(output, &page.next_page_token)?;
            }
            return Ok(Done::Fully);
        }
        request.page_token = page.next_page_token;
    }
}

async fn get(connection: &Connection, session: String, output: Output) -> Result<Done, Failure> {
    let send = async |request| connection.sessions().get_session(request).await;
    let answer = connection.unary(&Effect::Read, pb::GetSessionRequest { session }, send).await?;
    if !output.answer("GetSessionResponse", &answer)? {
        show(answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}
