//! Making webhooks, changing and deleting them, and sending them elsewhere.

use clap::Args;

use super::flags::{RetryArgs, SecretArgs, TopicArgs};
use super::show;
use crate::cli::Done;
use crate::cli::call::ChangeOptions;
use crate::cli::connect::Connection;
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::watch::Start;
use crate::pb::watch_group_events_request::Start as Wire;
use crate::pb::{self, create_webhook_request, replay_webhook_request};

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Where to post: http or https
    url: String,
    #[command(flatten)]
    topic: TopicArgs,
    #[command(flatten)]
    secrets: SecretArgs,
    #[command(flatten)]
    retries: RetryArgs,
    /// Where to begin: now, earliest, token:BASE64, a time such as 2026-11-23T12:00:00Z, or "15m ago"
    #[arg(long, value_name = "START", default_value = "now")]
    from: Start,
    /// Make it paused
    #[arg(long)]
    paused: bool,
    #[command(flatten)]
    change: ChangeOptions,
}

#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// The webhook, whk_…
    webhook: String,
    /// Post elsewhere
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    topic: TopicArgs,
    /// Tell of all sessions that its key may see
    #[arg(long, conflicts_with = "session")]
    all_sessions: bool,
    /// Tell of all events
    #[arg(long, conflicts_with = "event")]
    all_events: bool,
    /// Pass on nothing that WAHA servers tell beside groups
    #[arg(long, conflicts_with = "passed_on_event")]
    no_passed_on_events: bool,
    /// The headers given replace all that there were
    #[command(flatten)]
    secrets: SecretArgs,
    /// Do not sign posts any more
    #[arg(long, conflicts_with = "hmac_key_file")]
    no_hmac_key: bool,
    /// Send no headers besides
    #[arg(long, conflicts_with_all = ["header", "headers_file"])]
    no_headers: bool,
    /// What is not given of the retries is as for a new webhook
    #[command(flatten)]
    retries: RetryArgs,
}

impl UpdateArgs {
    fn request(self) -> Result<pb::UpdateWebhookRequest, Failure> {
        let (topic, secrets, retries) = (self.topic, self.secrets, self.retries.retries());
        let named = [
            ("url", self.url.is_some()),
            ("sessions", self.all_sessions || !topic.session.is_empty()),
            ("events", self.all_events || !topic.event.is_empty()),
            ("passed_on_events", self.no_passed_on_events || !topic.passed_on_event.is_empty()),
            ("hmac_key", self.no_hmac_key || secrets.hmac_key_file.is_some()),
            ("headers", self.no_headers || secrets.names_headers()),
            ("retries", retries.is_some()),
        ];
        let named = named.into_iter().filter(|(_, is_named)| *is_named);
        let paths: Vec<String> = named.map(|(path, _)| path.to_owned()).collect();
        if paths.is_empty() {
            let usage = "say what to change: --url, --session, --all-sessions, --event, --all-events, \
                         --passed-on-event, --no-passed-on-events, --hmac-key-file, --no-hmac-key, --header, --headers-file, --no-headers or --retry-…";
            return Err(Failure::Usage(usage.to_owned()));
        }
        Ok(pb::UpdateWebhookRequest {
            webhook_id: self.webhook,
            update_mask: Some(prost_types::FieldMask { paths }),
            url: self.url.unwrap_or_default(),
            sessions: topic.session,
            events: topic.event,
            passed_on_events: topic.passed_on_event,
            hmac_key: secrets.hmac_key()?,
            headers: secrets.headers()?,
            retries,
        })
    }
}

pub async fn create(
    connection: &Connection,
    args: CreateArgs,
    output: Output,
) -> Result<Done, Failure> {
    use create_webhook_request::Start as Of;
    let (request_id, call) = args.change.begin()?;
    let request = pb::CreateWebhookRequest {
        request_id,
        url: args.url,
        sessions: args.topic.session,
        events: args.topic.event,
        passed_on_events: args.topic.passed_on_event,
        hmac_key: args.secrets.hmac_key()?,
        headers: args.secrets.headers()?,
        retries: args.retries.retries(),
        paused: args.paused,
        start: args.from.wire().map(|start| match start {
            Wire::ResumeToken(token) => Of::ResumeToken(token),
            Wire::StartTime(time) => Of::StartTime(time),
            Wire::Earliest(earliest) => Of::Earliest(earliest),
        }),
    };
    let send = async |request| connection.webhooks().create_webhook(request).await;
    let answer = connection.unary(&call, request, send).await?;
    if !output.answer("CreateWebhookResponse", &answer)? {
        show::one(answer.webhook.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

pub async fn update(
    connection: &Connection,
    args: UpdateArgs,
    output: Output,
) -> Result<Done, Failure> {
    let request = args.request()?;
    let send = async |request| connection.webhooks().update_webhook(request).await;
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.answer("UpdateWebhookResponse", &answer)? {
        show::changed(answer.changed, answer.webhook.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

pub async fn delete(
    connection: &Connection,
    webhook: String,
    output: Output,
) -> Result<Done, Failure> {
    let request = pb::DeleteWebhookRequest { webhook_id: webhook.clone() };
    let send = async |request| connection.webhooks().delete_webhook(request).await;
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.answer("DeleteWebhookResponse", &answer)? {
        output.line(&format!("deleted {webhook}"))?;
    }
    Ok(Done::Fully)
}

pub async fn pause(
    connection: &Connection,
    webhook_id: String,
    output: Output,
) -> Result<Done, Failure> {
    let send = async |request| connection.webhooks().pause_webhook(request).await;
    let request = pb::PauseWebhookRequest { webhook_id };
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.answer("PauseWebhookResponse", &answer)? {
        show::changed(answer.changed, answer.webhook.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

pub async fn resume(
    connection: &Connection,
    webhook_id: String,
    output: Output,
) -> Result<Done, Failure> {
    let send = async |request| connection.webhooks().resume_webhook(request).await;
    let request = pb::ResumeWebhookRequest { webhook_id };
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.answer("ResumeWebhookResponse", &answer)? {
        show::changed(answer.changed, answer.webhook.as_ref(), output)?;
    }
    Ok(Done::Fully)
}

pub async fn replay(
    connection: &Connection,
    webhook_id: String,
    from: &Start,
    output: Output,
) -> Result<Done, Failure> {
    use replay_webhook_request::Start as Of;
    let start = Some(match from.wire() {
        None => Of::Latest(pb::Latest {}),
        Some(Wire::ResumeToken(token)) => Of::ResumeToken(token),
        Some(Wire::StartTime(time)) => Of::StartTime(time),
        Some(Wire::Earliest(earliest)) => Of::Earliest(earliest),
    });
    let send = async |request| connection.webhooks().replay_webhook(request).await;
    let request = pb::ReplayWebhookRequest { webhook_id, start };
    let answer = connection.unary(&Effect::Once, request, send).await?;
    if !output.answer("ReplayWebhookResponse", &answer)? {
        show::one(answer.webhook.as_ref(), output)?;
    }
    Ok(Done::Fully)
}
