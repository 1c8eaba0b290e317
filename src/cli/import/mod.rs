//! `wagroups import`: what was recorded elsewhere, replayed as if it came now.

mod bodies;
mod post;
mod summary;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use futures::StreamExt as _;

use self::bodies::{Bodies, Body};
use self::post::{Answered, Poster};
use self::summary::Summary;
use super::Done;
use super::errors::Failure;
use super::format::FormatOptions;
use super::input::{read_secret, trusting};
use super::output::Output;
use super::progress::Progress;
use crate::domain::id::SessionName;

#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(subcommand)]
    command: ImportCommand,
    #[command(flatten)]
    pub format: FormatOptions,
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Post recorded webhook bodies of WAHA to the service's webhook listener
    ///
    /// Each line of a .jsonl or .ndjson file is one body; a .json file is one body as a whole; of a folder,
    /// all such files by name. A body that came before counts as a duplicate, so that an import that was
    /// cut can be repeated. What is older than the log is kept is refused: raise events.retention first.
    Waha(WahaArgs),
}

#[derive(Debug, Args)]
struct WahaArgs {
    /// Files and folders; - for lines from standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<String>,
    /// The service's webhook listener (waha_ingress.listen)
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8090")]
    url: String,
    /// The session to post to; unless given, the one that each body names
    #[arg(long, value_name = "NAME")]
    session: Option<SessionName>,
    /// The session's webhook secret, in a file
    #[arg(long, value_name = "FILE")]
    secret_file: String,
    /// Certificates to trust beside Mozilla's list, where the URL is https: a PEM file
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How many to post at the same time. One keeps the order of the recording; more is faster, and ends
    /// in the same state with perhaps other events on the way
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,
}

pub async fn run(args: ImportArgs, output: Output) -> Result<Done, Failure> {
    match args.command {
        ImportCommand::Waha(args) => waha(args, output).await,
    }
}

async fn waha(args: WahaArgs, output: Output) -> Result<Done, Failure> {
    let secret = read_secret(&args.secret_file)?.parse().map_err(|error| {
        Failure::Usage(format!("the webhook secret in {} {error}", args.secret_file))
    })?;
    let poster = Poster::new(&args.url, args.session, secret, &trusting(args.ca_file.as_deref())?)?;
    let bodies = Bodies::of(&args.paths)?;
    let size = bodies.total_bytes();
    let progress = Progress::begin(output, "posting webhooks");
    let mut summary = Summary::default();
    let posts = futures::stream::iter(bodies).map(|body| post_one(&poster, body));
    let mut posts = posts.buffered(usize::from(args.parallel));
    let mut read = 0;
    while let Some(posted) = posts.next().await {
        let (body, answered) = posted?;
        read += body.size();
        if let Some(size) = size {
            progress.advance(read, size);
        }
        // Every other body would be refused for the same cause.
        if let Answered::Refused { ends: true, .. } = &answered
            && summary.taken() == 0
        {
            return Err(Failure::Local(format!("{}: {answered}", body.place())));
        }
        summary.note(&body, answered);
    }
    drop(progress);
    summary.print(output)?;
    Ok(if summary.refused() == 0 { Done::Fully } else { Done::InPart })
}

async fn post_one(
    poster: &Poster,
    body: Result<Body, Failure>,
) -> Result<(Body, Answered), Failure> {
    let body = body?;
    let answered = poster.post(&body).await?;
    Ok((body, answered))
}
