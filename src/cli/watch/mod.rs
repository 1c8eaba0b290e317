//! `wagroups watch`: follows the log, and goes on where it was after whatever broke.

mod follow;
mod print;
mod start;
#[cfg(test)]
mod tests;
mod token_file;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::connect::ClientOptions;
use super::errors::Failure;
use super::groups::history::{TypeName, event_types};
use super::output::Output;
use super::{Done, spans, text};
use crate::pb;

pub use start::{Start, token_to_text};

use print::Printer;
use start::Place;
use token_file::TokenFile;

const HELP: &str = "\
With --json each line is one of
  {\"event\":{…}}            an event; \"resumeToken\" stands on the last one of each response
  {\"initialGroup\":{…}}     a group as it is, with --initial-state
  {\"initialStateEnd\":{…}}  all of them were sent
  {\"progress\":{…}}         nothing happened, with --progress
A change may be printed twice after a crash; (session, sequence) tells.

Exit code 5: the token can no longer be used. Remove the file of --follow-file, then go on with
--from earliest (what is kept) or --initial-state (the groups as they are).";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct WatchArgs {
    #[command(flatten)]
    pub client: ClientOptions,
    /// Only this session; may be repeated. All that the key may see unless given
    #[arg(long, value_name = "NAME", env = "WAGROUPS_SESSION")]
    session: Vec<String>,
    /// Only this group; may be repeated
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// Only events of this type; may be repeated
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    types: Vec<TypeName>,
    /// Where to begin: now, earliest, token:BASE64, a time such as 2026-11-23T12:00:00Z, or "15m ago"
    #[arg(long, value_name = "START", default_value = "now")]
    from: Start,
    /// Show every matching group as it is first
    #[arg(long, conflicts_with = "from")]
    initial_state: bool,
    /// Keep the place in this file and resume from it; once it exists, it wins over --from and
    /// --initial-state
    #[arg(long, value_name = "FILE")]
    follow_file: Option<PathBuf>,
    /// Show that the watch is alive when nothing happens
    #[arg(long)]
    progress: bool,
    /// After how long a silence the service says that it is alive; after two the connection counts
    /// as dead
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    progress_interval: Duration,
    /// End with the first connection that breaks
    #[arg(long)]
    no_reconnect: bool,
}

pub async fn run(args: WatchArgs, output: Output) -> Result<Done, Failure> {
    let file = args.follow_file.clone().map(TokenFile::open).transpose()?;
    let mut place = Place::new(&args.from, args.initial_state);
    if let Some(token) = file.as_ref().and_then(TokenFile::token) {
        place = Place::after(token);
        output.note("resuming where the last watch ended")?;
    }
    let request = pb::WatchGroupEventsRequest {
        sessions: args.session,
        group_ids: args.group,
        types: event_types(&args.types),
        progress_interval: spans::wire(args.progress_interval),
        ..Default::default()
    };
    let mut follower = follow::Follower {
        options: args.client,
        request,
        silence: args.progress_interval,
        reconnect: !args.no_reconnect,
        output,
        place,
        printer: Printer::new(output.format(), args.progress),
        file,
    };
    let stop = stop_signal()?;
    let result = follower.run(&stop).await;
    if let Err(failure) = &result {
        explain_loss(failure, args.follow_file.as_deref(), output);
    }
    result.map(|()| Done::Fully)
}

/// What an expired token means for whoever watched, beyond the error itself.
fn explain_loss(failure: &Failure, file: Option<&std::path::Path>, output: Output) {
    use tonic_types::StatusExt as _;

    if failure.exit_code() != super::errors::TOKEN_UNUSABLE || output.is_structured() {
        return;
    }
    let Failure::Refused { status, .. } = failure else { return };
    let metadata = status.get_details_error_info().map(|info| info.metadata).unwrap_or_default();
    if let Some(oldest) = metadata.get("oldest_time") {
        let oldest = text::safe(oldest);
        output.warn(&format!("lost: what happened between the last event you saw and {oldest}"));
    }
    if let Some(token) = metadata.get("oldest_token") {
        output.warn(&format!("to accept that: --from token:{}", text::safe(token)));
    }
    if let Some(file) = file {
        output.warn(&format!(
            "{} still holds the old token; remove it before you go on",
            file.display()
        ));
    }
}

/// Cancelled by the first SIGINT or SIGTERM. A second one ends the process at once, for the case
/// that nobody reads what we print.
fn stop_signal() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let mut terminate = terminate_signal()?;
    tokio::spawn(async move {
        terminate.recv().await;
        stopped.cancel();
        terminate.recv().await;
        std::process::exit(130);
    });
    Ok(stop)
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    async fn recv(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(unix)]
fn terminate_signal() -> Result<Signals, Failure> {
    use tokio::signal::unix::{SignalKind, signal};

    let failed = |error| Failure::Local(format!("cannot listen for signals: {error}"));
    let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(Signals(interrupt, terminate))
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    async fn recv(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
fn terminate_signal() -> Result<Signals, Failure> {
    Ok(Signals)
}
