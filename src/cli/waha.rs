//! `wagroups waha`: setting up a WAHA server for this service. It talks to the server itself, so that it
//! works also for sessions of which the service knows no server.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use url::Url;

use super::Done;
use super::errors::Failure;
use super::input::{read_secret, trusting};
use super::output::Output;
use crate::domain::id::SessionName;
use crate::domain::session::WebhookSecret;
use crate::engine::waha::{Limits, Registered, Registration, ServerOptions, register_webhook};

const LIMITS: Limits = Limits {
    connect_timeout: Duration::from_secs(10),
    max_list_bytes: 1024 * 1024,
    spelling_questions_per_hour: 0,
};

#[derive(Debug, Args)]
pub struct WahaArgs {
    #[command(subcommand)]
    command: WahaCommand,
}

#[derive(Debug, Subcommand)]
enum WahaCommand {
    /// Make a WAHA server post a session's events to this service, signed
    ///
    /// Sets one webhook in the session's settings at the server and leaves the others as they are; of the
    /// same URL it replaces it. WAHA restarts a running session whose settings change, so nothing is sent
    /// where it is set already.
    RegisterWebhook(RegisterArgs),
}

#[derive(Debug, Args)]
struct RegisterArgs {
    /// The session's name at the WAHA server
    session: String,
    /// The WAHA server
    #[arg(long, value_name = "URL")]
    server: Url,
    /// Its API key, in a file; - for standard input
    #[arg(long, value_name = "FILE")]
    server_key_file: Option<String>,
    /// Certificates to trust beside Mozilla's list, where the server is reached by https: a PEM file
    #[arg(long, value_name = "FILE")]
    server_ca_file: Option<PathBuf>,
    /// Where it is to post, as it reaches this service: https://wagroups.example.com/webhook/NAME
    #[arg(long, value_name = "URL")]
    url: Url,
    /// The session's webhook secret, in a file: the same that the session has here
    #[arg(long, value_name = "FILE")]
    secret_file: String,
}

pub async fn run(args: WahaArgs, output: Output) -> Result<Done, Failure> {
    match args.command {
        WahaCommand::RegisterWebhook(args) => register(args, output).await,
    }
}

async fn register(args: RegisterArgs, output: Output) -> Result<Done, Failure> {
    let secret = read_secret(&args.secret_file)?;
    // What this service would not take as a secret is none.
    secret.parse::<WebhookSecret>().map_err(|error| {
        Failure::Usage(format!("the webhook secret in {} {error}", args.secret_file))
    })?;
    let path = args.url.path().rsplit_once("/webhook/").map(|(_, name)| name);
    if path.is_none_or(|name| name.parse::<SessionName>().is_err()) {
        return Err(Failure::Usage(format!(
            "--url must lead to a session's webhook here, https://HOST/webhook/NAME; it is {}",
            args.url
        )));
    }
    let api_key = match &args.server_key_file {
        Some(path) => Some(SecretString::from(read_secret(path)?)),
        None => None,
    };
    let server = ServerOptions {
        name: args.server.authority().to_owned(),
        url: args.server,
        api_key,
        capacity: 1,
    };
    let secret = SecretString::from(secret);
    let registration = Registration { session: &args.session, url: &args.url, secret: &secret };
    let trust = trusting(args.server_ca_file.as_deref())?;
    let registered =
        register_webhook(server, LIMITS, trust, registration).await.map_err(|error| {
            Failure::Local(match error.cause() {
                Some(cause) => format!("{} ({cause})", error.message()),
                None => error.message().to_owned(),
            })
        })?;
    let (session, url) = (&args.session, &args.url);
    output.line(&match registered {
        Registered::Added => {
            format!("session {session} posts to {url} now; WAHA restarts it with its new settings")
        }
        Registered::Replaced => {
            format!("the webhook {url} of session {session} is replaced; WAHA restarts the session")
        }
        Registered::Unchanged => format!("session {session} posts to {url} already"),
    })?;
    Ok(Done::Fully)
}
