//! `wagroups sessions`: the accounts that the service acts for.

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Table;

use super::call::{Call, PageOptions};
use super::connect::{ClientOptions, Connection};
use super::errors::Failure;
use super::output::Output;
use super::{Done, json, settings, text};
use crate::pb::{self, create_session_request::Config};

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
    List(PageOptions),
    /// Show one session
    Get { name: String },
    /// Create a session and start it
    Create(CreateArgs),
    /// Delete a session with all its groups; its history stays readable for a while
    Delete { name: String },
    /// Want a session running
    Start { name: String },
    /// Want a session stopped; its groups stay readable
    Stop { name: String },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// 1 to 64 characters of A-Z a-z 0-9 . _ -
    name: String,
    /// What carries its calls to WhatsApp; the service's default unless given
    #[arg(long, value_enum)]
    engine: Option<EngineName>,
    /// The account's number, for the simulator; one that follows from the name unless given
    #[arg(long, value_name = "NUMBER")]
    phone_number: Option<String>,
    /// Do not start it yet
    #[arg(long)]
    stopped: bool,
    /// A label of your own; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = settings::path_and_value)]
    metadata: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineName {
    Simulator,
    Waha,
    Native,
}

impl From<EngineName> for pb::Engine {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Simulator => Self::Simulator,
            EngineName::Waha => Self::Waha,
            EngineName::Native => Self::Native,
        }
    }
}

pub async fn run(args: SessionsArgs, output: Output) -> Result<Done, Failure> {
    let connection = Connection::open(&args.client).await?;
    match args.command {
        SessionsCommand::List(pages) => list(&connection, pages, output).await,
        SessionsCommand::Get { name } => get(&connection, name, output).await,
        SessionsCommand::Create(create_args) => create(&connection, create_args, output).await,
        SessionsCommand::Delete { name } => delete(&connection, name, output).await,
        SessionsCommand::Start { name } => start(&connection, name, output).await,
        SessionsCommand::Stop { name } => stop(&connection, name, output).await,
    }
}

async fn list(
    connection: &Connection,
    pages: PageOptions,
    output: Output,
) -> Result<Done, Failure> {
    let mut request = pb::ListSessionsRequest {
        page_size: pages.page_size,
        page_token: pages.page_token.clone(),
        ..Default::default()
    };
    let mut table = session_table();
    loop {
        let send = async |request| connection.sessions().list_sessions(request).await;
        let page = connection.unary(&Call::Read, request.clone(), send).await?;
        if !pages.all && output.json_answer("ListSessionsResponse", &page)? {
            return Ok(Done::Fully);
        }
        for session in &page.sessions {
            if output.is_json() {
                output.json_line(&json::of_message("Session", session)?)?;
            } else {
                add_session(&mut table, session);
            }
        }
        if !pages.all || page.next_page_token.is_empty() {
            if !output.is_json() {
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
    let answer = connection.unary(&Call::Read, pb::GetSessionRequest { session }, send).await?;
    if !output.json_answer("GetSessionResponse", &answer)? {
        show(answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

async fn create(
    connection: &Connection,
    args: CreateArgs,
    output: Output,
) -> Result<Done, Failure> {
    if args.phone_number.is_some()
        && args.engine.is_some_and(|engine| engine != EngineName::Simulator)
    {
        let message = "--phone-number is for the simulator; other engines learn it when the account is linked";
        return Err(Failure::Usage(message.to_owned()));
    }
    let request = pb::CreateSessionRequest {
        session: args.name,
        engine: args.engine.map_or(pb::Engine::Unspecified, Into::into).into(),
        stopped: args.stopped,
        metadata: args.metadata.into_iter().collect(),
        config: args
            .phone_number
            .map(|phone_number| Config::Simulator(pb::SimulatorConfig { phone_number })),
    };
    let send = async |request| connection.sessions().create_session(request).await;
    let answer = connection.unary(&Call::Wish, request, send).await?;
    if !output.json_answer("CreateSessionResponse", &answer)? {
        show(answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

async fn delete(connection: &Connection, session: String, output: Output) -> Result<Done, Failure> {
    let request = pb::DeleteSessionRequest { session: session.clone() };
    let send = async |request| connection.sessions().delete_session(request).await;
    let answer = connection.unary(&Call::Wish, request, send).await?;
    if !output.json_answer("DeleteSessionResponse", &answer)? {
        output.line(&format!(
            "deleted {session}; its history ends at sequence {}",
            answer.sequence
        ))?;
    }
    Ok(Done::Fully)
}

async fn start(connection: &Connection, session: String, output: Output) -> Result<Done, Failure> {
    let send = async |request| connection.sessions().start_session(request).await;
    let answer = connection.unary(&Call::Wish, pb::StartSessionRequest { session }, send).await?;
    if !output.json_answer("StartSessionResponse", &answer)? {
        show_changed(answer.changed, answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

async fn stop(connection: &Connection, session: String, output: Output) -> Result<Done, Failure> {
    let send = async |request| connection.sessions().stop_session(request).await;
    let answer = connection.unary(&Call::Wish, pb::StopSessionRequest { session }, send).await?;
    if !output.json_answer("StopSessionResponse", &answer)? {
        show_changed(answer.changed, answer.session.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

fn show_changed(
    changed: bool,
    session: Option<&pb::Session>,
    output: Output,
) -> Result<(), Failure> {
    if !changed {
        output.note("it was so already")?;
    }
    show(session, output)
}

fn show(session: Option<&pb::Session>, output: Output) -> Result<(), Failure> {
    let mut table = session_table();
    if let Some(session) = session {
        add_session(&mut table, session);
    }
    output.table(&mut table)?;
    let reason = session.map_or("", |session| &session.status_reason);
    if !reason.is_empty() {
        output.note(&text::safe(reason))?;
    }
    Ok(())
}

fn session_table() -> Table {
    text::table(&["NAME", "STATUS", "ENGINE", "ACCOUNT", "SEQUENCE", "SYNCED", "METADATA"])
}

fn add_session(table: &mut Table, session: &pb::Session) {
    let account = session.account.as_ref().map(|account| {
        let id =
            if account.phone_number_id.is_empty() { &account.id } else { &account.phone_number_id };
        text::person_id(id)
    });
    let mut metadata: Vec<String> =
        session.metadata.iter().map(|(key, value)| text::safe(&format!("{key}={value}"))).collect();
    metadata.sort();
    table.add_row([
        text::safe(&session.name),
        text::enum_words(session.status().as_str_name(), "SESSION_STATUS_"),
        text::enum_words(session.engine().as_str_name(), "ENGINE_"),
        account.unwrap_or_default(),
        session.sequence.to_string(),
        session
            .synced_time
            .as_ref()
            .map_or_else(|| "never".to_owned(), |time| text::time(Some(time))),
        metadata.join(" "),
    ]);
}
