//! `wagroups relay`: how far the log is on its way to NATS JetStream.

use clap::{Args, Subcommand};

use super::connect::{ClientOptions, Connection};
use super::effect::Effect;
use super::errors::Failure;
use super::output::Output;
use super::watch::{self, Start};
use super::{Done, text};
use crate::pb::watch_group_events_request::Start as Wire;
use crate::pb::{self, replay_relay_request};

#[derive(Debug, Args)]
pub struct RelayArgs {
    #[command(flatten)]
    pub client: ClientOptions,
    #[command(subcommand)]
    command: RelayCommand,
}

#[derive(Debug, Subcommand)]
enum RelayCommand {
    /// Show how far the relay is; its key must see all sessions
    Status,
    /// Send the relay to another place in the log, from where it publishes
    Replay {
        /// Where to go on: earliest, token:BASE64, a time such as 2026-11-23T12:00:00Z, "15m ago", or now,
        /// which leaves out what is not published yet
        #[arg(long, value_name = "START")]
        from: Start,
    },
}

pub async fn run(args: RelayArgs, output: Output) -> Result<Done, Failure> {
    let connection = Connection::open(&args.client).await?;
    match args.command {
        RelayCommand::Status => status(&connection, output).await,
        RelayCommand::Replay { from } => replay(&connection, &from, output).await,
    }
}

async fn status(connection: &Connection, output: Output) -> Result<Done, Failure> {
    let send = async |request| connection.relay().get_relay(request).await;
    let answer = connection.unary(&Effect::Read, pb::GetRelayRequest {}, send).await?;
    if !output.answer("GetRelayResponse", &answer)? {
        show(answer.relay.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

async fn replay(connection: &Connection, from: &Start, output: Output) -> Result<Done, Failure> {
    use replay_relay_request::Start as Of;
    let start = Some(match from.wire() {
        None => Of::Latest(pb::Latest {}),
        Some(Wire::ResumeToken(token)) => Of::ResumeToken(token),
        Some(Wire::StartTime(time)) => Of::StartTime(time),
        Some(Wire::Earliest(earliest)) => Of::Earliest(earliest),
    });
    let send = async |request| connection.relay().replay_relay(request).await;
    let request = pb::ReplayRelayRequest { start };
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.answer("ReplayRelayResponse", &answer)? {
        show(answer.relay.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

fn show(relay: Option<&pb::Relay>, output: Output) -> Result<(), Failure> {
    let Some(relay) = relay else { return Ok(()) };
    let time = |time: Option<&prost_types::Timestamp>, none: &str| {
        time.map_or_else(|| none.to_owned(), |time| text::time(Some(time)))
    };
    let mut rows = vec![
        ("state", text::enum_words(relay.state().as_str_name(), "RELAY_STATE_")),
        ("since", text::time(relay.state_time.as_ref())),
    ];
    if !relay.state_reason.is_empty() {
        rows.push(("reason", text::safe(&relay.state_reason)));
    }
    rows.extend([
        ("target", text::safe(&relay.target)),
        ("behind", relay.behind_count.to_string()),
        ("oldest waiting", time(relay.oldest_waiting_time.as_ref(), "none")),
        ("published", relay.published_count.to_string()),
        ("last", time(relay.last_publish_time.as_ref(), "never")),
        ("lost", relay.lost_count.to_string()),
        ("replays", relay.replay_count.to_string()),
        ("place", format!("token:{}", watch::token_to_text(&relay.resume_token))),
    ]);
    output.table(&mut text::properties(rows))
}
