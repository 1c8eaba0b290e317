//! What a running service knows that a shell can complete: sessions, groups, webhooks.
//!
//! Who presses Tab waits: whatever goes wrong or takes long completes nothing.

use std::ffi::OsStr;
use std::time::Duration;

use clap::{Args as _, Command, FromArgMatches as _};
use clap_complete::engine::CompletionCandidate;
use prost::Message as _;
use tokio::time::timeout;

use super::connect::{ClientOptions, Connection};
use super::text;
use crate::pb;

const PATIENCE: Duration = Duration::from_millis(1500);
const MOST: i32 = 1000;

/// A name, and what people call it.
type Named = (String, String);

pub fn sessions(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(typed, words(), async |connection| {
        let request = pb::ListSessionsRequest { page_size: MOST, ..Default::default() };
        let page = connection.sessions().list_sessions(request).await.ok()?.into_inner();
        let named = |session: pb::Session| {
            let status = text::enum_words(session.status().as_str_name(), "SESSION_STATUS_");
            (session.name, status)
        };
        Some(page.sessions.into_iter().map(named).collect())
    })
}

pub fn groups(typed: &OsStr) -> Vec<CompletionCandidate> {
    let session = session_of(words());
    candidates(typed, words(), async |connection| {
        let request = pb::ListGroupsRequest { session, page_size: MOST, ..Default::default() };
        let page = connection.groups().list_groups(request).await.ok()?.into_inner();
        let groups = page.groups.into_iter().filter_map(|group| pb::Group::decode(group).ok());
        Some(groups.map(|group| (group.id, text::safe(&group.subject))).collect())
    })
}

pub fn webhooks(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(typed, words(), async |connection| {
        let request = pb::ListWebhooksRequest { page_size: MOST, ..Default::default() };
        let page = connection.webhooks().list_webhooks(request).await.ok()?.into_inner();
        Some(page.webhooks.into_iter().map(|webhook| (webhook.id, shown(&webhook.url))).collect())
    })
}

/// Where a webhook posts; its query may hold a secret.
fn shown(url: &str) -> String {
    text::safe(url.split('?').next().unwrap_or_default())
}

fn candidates(
    typed: &OsStr,
    words: impl Iterator<Item = String>,
    ask: impl AsyncFnOnce(Connection) -> Option<Vec<Named>>,
) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let asked = async {
        let connection = Connection::open(&options(words)?).await.ok()?;
        ask(connection).await
    };
    let named = runtime.block_on(async { timeout(PATIENCE, asked).await });
    let named = named.ok().flatten().unwrap_or_default().into_iter();
    let matching = named.filter(|(name, _)| name.starts_with(typed));
    matching
        .map(|(name, called)| CompletionCandidate::new(name).help(Some(called.into())))
        .collect()
}

/// The line that is being typed; what is no text on it names nothing of ours.
fn words() -> impl Iterator<Item = String> {
    std::env::args_os().filter_map(|word| word.into_string().ok())
}

/// The client's flags on the line, or in the environment.
fn options(words: impl Iterator<Item = String>) -> Option<ClientOptions> {
    let of = |words: Vec<String>| {
        let command = ClientOptions::augment_args(Command::new("wagroups").no_binary_name(true));
        let matches = command.ignore_errors(true).try_get_matches_from(words).ok()?;
        ClientOptions::from_arg_matches(&matches).ok()
    };
    let known = ["addr", "api-key", "connect-timeout", "timeout"];
    let words = flags(words, &known);
    of(words).or_else(|| of(Vec::new()))
}

fn session_of(words: impl Iterator<Item = String>) -> String {
    let given = flags(words, &["session"])
        .pop()
        .and_then(|flag| flag.split_once('=').map(|(_, session)| session.to_owned()));
    let set = || std::env::var("WAGROUPS_SESSION").ok();
    given.or_else(set).unwrap_or_else(|| "default".to_owned())
}

/// These flags with their values, each in one word.
fn flags(words: impl Iterator<Item = String>, names: &[&str]) -> Vec<String> {
    let mut words = words.peekable();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--") else { continue };
        match flag.split_once('=') {
            Some((name, _)) if names.contains(&name) => found.push(word),
            None if names.contains(&flag) => {
                let value = words.next_if(|value| !value.starts_with('-'));
                found.extend(value.map(|value| format!("{word}={value}")));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> impl Iterator<Item = String> {
        line.split(' ').map(str::to_owned)
    }

    #[test]
    fn the_line_says_whom_to_ask() {
        let line = "wagroups -- wagroups groups --session shop --addr http://a:1 get --timeout=3s ";
        assert_eq!(session_of(words(line)), "shop");
        let options = options(words(line)).expect("options");
        assert_eq!(
            (options.addr.as_str(), options.timeout),
            ("http://a:1", Some(Duration::from_secs(3)))
        );
        // Half-typed, or wrong.
        assert_eq!(session_of(words("wagroups groups get --session=x --session")), "x");
        assert_eq!(
            super::options(words("wagroups --timeout soon")).expect("defaults").timeout,
            None
        );
    }

    #[test]
    fn nobody_waits_for_a_service_that_is_not_there() {
        let named = async |_| Some(vec![("shop".to_owned(), "working".to_owned())]);
        let absent = words("wagroups --addr=http://127.0.0.1:1");
        assert!(candidates(OsStr::new(""), absent, named).is_empty());
        // One that accepts and says nothing.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let line = format!("wagroups --addr=http://{}", listener.local_addr().expect("an address"));
        let began = tokio::time::Instant::now();
        let silent = async |_| std::future::pending().await;
        assert!(candidates(OsStr::new(""), words(&line), silent).is_empty());
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
