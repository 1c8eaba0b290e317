//! `wagroups webhooks`: URLs to which every change is posted; none is left out.

mod change;
mod flags;
mod show;

use clap::{Args, Subcommand, ValueEnum};

use super::call::PageOptions;
use super::confirm::Confirmation;
use super::connect::{ClientOptions, Connection};
use super::effect::Effect;
use super::errors::Failure;
use super::output::Output;
use super::watch::Start;
use super::{Done, json};
use crate::pb::{self, WebhookState};

#[derive(Debug, Args)]
pub struct WebhooksArgs {
    #[command(flatten)]
    pub client: ClientOptions,
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// Show the webhooks that the key may see
    List(ListArgs),
    /// Show one webhook and how far it is
    Get {
        /// The webhook, whk_…
        webhook: String,
    },
    /// Make a webhook, which delivers at once
    Create(change::CreateArgs),
    /// Change how a webhook is set
    Update(change::UpdateArgs),
    /// Delete a webhook
    Delete {
        /// The webhook, whk_…
        webhook: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Let a webhook deliver nothing; it keeps its place
    Pause {
        /// The webhook, whk_…
        webhook: String,
    },
    /// Let a webhook go on where it stopped; an expired one at the oldest event that is kept
    Resume {
        /// The webhook, whk_…
        webhook: String,
    },
    /// Send a webhook to another place in the log, from where it delivers
    Replay(ReplayArgs),
    /// Post one body to a webhook's URL, and show what came of it
    Test {
        /// The webhook, whk_…
        webhook: String,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only webhooks in this state; may be repeated
    #[arg(long, value_enum)]
    state: Vec<StateName>,
    #[command(flatten)]
    pages: PageOptions,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// The webhook, whk_…
    webhook: String,
    /// Where to go on: earliest, token:BASE64, a time such as 2026-11-23T12:00:00Z, "15m ago", or now,
    /// which leaves out what is not delivered
    #[arg(long, value_name = "START")]
    from: Start,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateName {
    Active,
    Failing,
    Paused,
    PausedByFailure,
    Expired,
}

impl From<StateName> for WebhookState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Active => Self::Active,
            StateName::Failing => Self::Failing,
            StateName::Paused => Self::Paused,
            StateName::PausedByFailure => Self::PausedByFailure,
            StateName::Expired => Self::Expired,
        }
    }
}

pub async fn run(args: WebhooksArgs, output: Output) -> Result<Done, Failure> {
    let connection = Connection::open(&args.client).await?;
    match args.command {
        WebhooksCommand::List(args) => list(&connection, args, output).await,
        WebhooksCommand::Get { webhook } => get(&connection, webhook, output).await,
        WebhooksCommand::Create(args) => change::create(&connection, args, output).await,
        WebhooksCommand::Update(args) => change::update(&connection, args, output).await,
        WebhooksCommand::Delete { webhook, confirmation } => {
            confirmation
                .ask(&format!("Delete webhook {webhook}; what it did not deliver is lost to it"))?;
            change::delete(&connection, webhook, output).await
        }
        WebhooksCommand::Pause { webhook } => change::pause(&connection, webhook, output).await,
        WebhooksCommand::Resume { webhook } => change::resume(&connection, webhook, output).await,
        WebhooksCommand::Replay(args) => {
            change::replay(&connection, args.webhook, &args.from, output).await
        }
        WebhooksCommand::Test { webhook } => test(&connection, webhook, output).await,
    }
}

async fn list(connection: &Connection, args: ListArgs, output: Output) -> Result<Done, Failure> {
    let pages = args.pages;
    let mut request = pb::ListWebhooksRequest {
        page_size: pages.page_size,
        page_token: pages.page_token.clone(),
        states: args.state.into_iter().map(|name| WebhookState::from(name).into()).collect(),
    };
    let mut table = show::table();
    loop {
        let send = async |request| connection.webhooks().list_webhooks(request).await;
        let page = connection.unary(&Effect::Read, request.clone(), send).await?;
        if !pages.wants_all(output) && output.answer("ListWebhooksResponse", &page)? {
            return Ok(Done::Fully);
        }
        for webhook in &page.webhooks {
            if output.is_structured() {
                output.one_of_many(&json::of_message("Webhook", webhook)?)?;
            } else {
                show::add(&mut table, webhook);
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

async fn get(connection: &Connection, webhook_id: String, output: Output) -> Result<Done, Failure> {
    let send = async |request| connection.webhooks().get_webhook(request).await;
    let answer =
        connection.unary(&Effect::Read, pb::GetWebhookRequest { webhook_id }, send).await?;
    if !output.answer("GetWebhookResponse", &answer)? {
        show::whole(answer.webhook.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

async fn test(
    connection: &Connection,
    webhook_id: String,
    output: Output,
) -> Result<Done, Failure> {
    let send = async |request| connection.webhooks().test_webhook(request).await;
    let answer =
        connection.unary(&Effect::Once, pb::TestWebhookRequest { webhook_id }, send).await?;
    if !output.answer("TestWebhookResponse", &answer)? {
        output.line(&show::tested(&answer))?;
    }
    Ok(Done::Fully)
}
