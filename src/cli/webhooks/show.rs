//! Webhooks in tables.

use comfy_table::Table;

use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::{text, watch};
use crate::pb;
use crate::pb::wire;

pub fn changed(
    changed: bool,
    webhook: Option<&pb::Webhook>,
    output: Output,
) -> Result<(), Failure> {
    if !changed {
        output.note("it was so already")?;
    }
    one(webhook, output)
}

pub fn one(webhook: Option<&pb::Webhook>, output: Output) -> Result<(), Failure> {
    let mut table = table();
    if let Some(webhook) = webhook {
        add(&mut table, webhook);
    }
    output.table(&mut table)?;
    let reason = webhook.map_or("", |webhook| &webhook.state_reason);
    if !reason.is_empty() {
        output.note(&text::safe(reason))?;
    }
    Ok(())
}

pub fn table() -> Table {
    text::table(&["ID", "STATE", "URL", "SESSIONS", "DELIVERED", "BEHIND", "LOST"])
}

pub fn add(table: &mut Table, webhook: &pb::Webhook) {
    table.add_row([
        text::safe(&webhook.id),
        state(webhook),
        text::safe(&webhook.url),
        listed(&webhook.sessions),
        webhook.delivered_count.to_string(),
        webhook.behind_count.to_string(),
        webhook.lost_count.to_string(),
    ]);
}

/// All that is known of one webhook.
pub fn whole(webhook: Option<&pb::Webhook>, output: Output) -> Result<(), Failure> {
    let Some(webhook) = webhook else { return Ok(()) };
    let time = |time: Option<&prost_types::Timestamp>| {
        time.map_or_else(|| "never".to_owned(), |time| text::time(Some(time)))
    };
    let headers: Vec<String> = webhook.headers.iter().map(|header| header.name.clone()).collect();
    let mut rows = vec![
        ("id", text::safe(&webhook.id)),
        ("state", state(webhook)),
        ("since", text::time(webhook.state_time.as_ref())),
    ];
    if !webhook.state_reason.is_empty() {
        rows.push(("reason", text::safe(&webhook.state_reason)));
    }
    rows.extend([
        ("url", text::safe(&webhook.url)),
        ("sessions", listed(&webhook.sessions)),
        ("events", listed(&webhook.events)),
        ("passed on", none_or_listed(&webhook.passed_on_events)),
        ("signed", text::yes_no(webhook.has_hmac_key)),
        ("headers", headers.join(" ")),
        ("retries", webhook.retries.as_ref().map(retries).unwrap_or_default()),
        ("key", text::safe(&webhook.key_name)),
        ("delivered", webhook.delivered_count.to_string()),
        ("last delivery", time(webhook.last_delivery_time.as_ref())),
        ("behind", webhook.behind_count.to_string()),
        ("lost", webhook.lost_count.to_string()),
        ("place", format!("token:{}", watch::token_to_text(&webhook.resume_token))),
    ]);
    if let Some(failure) = &webhook.failure {
        let cause = text::enum_words(failure.cause().as_str_name(), "WEBHOOK_FAILURE_CAUSE_");
        let status =
            if failure.status == 0 { String::new() } else { format!(" {}", failure.status) };
        rows.extend([
            ("fails", format!("{}#{}", text::safe(&failure.session), failure.sequence)),
            ("times", failure.failure_count.to_string()),
            ("first", text::time(failure.first_time.as_ref())),
            ("last", text::time(failure.last_time.as_ref())),
            ("cause", format!("{cause}{status}")),
            ("behind it", format!("token:{}", watch::token_to_text(&failure.resume_token))),
        ]);
    }
    output.table(&mut text::properties(rows))
}

/// What came of a test, in a sentence.
pub fn tested(answer: &pb::TestWebhookResponse) -> String {
    let elapsed = answer.duration.as_ref().and_then(wire::span);
    let millis = elapsed.unwrap_or_default().as_millis();
    if answer.delivered {
        return format!("delivered: status {} after {millis} ms", answer.status);
    }
    let cause = text::enum_words(answer.cause().as_str_name(), "WEBHOOK_FAILURE_CAUSE_");
    let status = if answer.status == 0 { String::new() } else { format!(" {}", answer.status) };
    format!("not delivered: {cause}{status} after {millis} ms")
}

fn state(webhook: &pb::Webhook) -> String {
    text::enum_words(webhook.state().as_str_name(), "WEBHOOK_STATE_")
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "all".to_owned();
    }
    let names: Vec<String> = names.iter().map(|name| text::safe(name)).collect();
    text::shortened(&names.join(" "), 60)
}

fn none_or_listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { listed(names) }
}

fn retries(retries: &pb::WebhookRetries) -> String {
    let delay = retries.delay.as_ref().and_then(wire::span);
    let policy = text::enum_words(retries.policy().as_str_name(), "RETRY_POLICY_");
    let delay = humantime::format_duration(delay.unwrap_or_default());
    format!("{} × {delay}, {policy}", retries.attempts())
}
