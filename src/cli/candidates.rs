//! What a running service knows that a shell can complete: sessions, groups, webhooks.
//!
//! Who presses Tab waits: whatever goes wrong or takes long completes nothing.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::{Args as _, Command, FromArgMatches as _};
use clap_complete::engine::CompletionCandidate;
use prost::Message as _;
use tokio::time::timeout;

use super::client_flags::ClientFlags;
use super::connect::{ClientOptions, Connection};
use super::format::FormatOptions;
use super::text;
use crate::pb;

const PATIENCE: Duration = Duration::from_millis(1500);
const MOST: i32 = 1000;
const SESSION: &str = "session";

/// A name, and what people call it.
type Named = (String, String);

pub fn sessions(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(typed, &line(), async |connection| {
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
    let session = session_of(&line());
    candidates(typed, &line(), async |connection| {
        let request = pb::ListGroupsRequest { session, page_size: MOST, ..Default::default() };
        let page = connection.groups().list_groups(request).await.ok()?.into_inner();
        let groups = page.groups.into_iter().filter_map(|group| pb::Group::decode(group).ok());
        Some(groups.map(|group| (group.id, text::safe(&group.subject))).collect())
    })
}

pub fn webhooks(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(typed, &line(), async |connection| {
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
    line: &[OsString],
    ask: impl AsyncFnOnce(Connection) -> Option<Vec<Named>>,
) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let asked = async {
        let connection = Connection::open(&options(line)?).await.ok()?;
        ask(connection).await
    };
    let named = runtime.block_on(async { timeout(PATIENCE, asked).await });
    let named = named.ok().flatten().unwrap_or_default().into_iter();
    let matching = named.filter(|(name, _)| name.starts_with(typed));
    matching
        .map(|(name, called)| CompletionCandidate::new(name).help(Some(called.into())))
        .collect()
}

/// The line that is being typed.
fn line() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// The client's flags on the line, or in the environment.
fn options(line: &[OsString]) -> Option<ClientOptions> {
    let of = |words: Vec<String>| {
        let command = ClientOptions::augment_args(Command::new("wagroups").no_binary_name(true));
        let matches = command.ignore_errors(true).try_get_matches_from(words).ok()?;
        ClientOptions::from_arg_matches(&matches).ok()
    };
    let flags = ClientFlags::new();
    let given = flags.all(line).into_iter().filter_map(|flag| Some((flag.name, flag.value?)));
    // How answers are printed does not matter here, and a wrong word for it must not hide the others.
    let format = FormatOptions::augment_args(Command::new(""));
    let is_format = |name: &str| format.get_arguments().any(|arg| arg.get_long() == Some(name));
    let given = given.filter(|(name, _)| *name != SESSION && !is_format(name));
    of(given.map(|(name, value)| format!("--{name}={value}")).collect()).or_else(|| of(Vec::new()))
}

fn session_of(line: &[OsString]) -> String {
    let flags = ClientFlags::new();
    let given = flags.all(line).into_iter().filter(|flag| flag.name == SESSION);
    let given = given.filter_map(|flag| flag.value).next_back().map(str::to_owned);
    let set = || std::env::var("WAGROUPS_SESSION").ok();
    given.or_else(set).unwrap_or_else(|| "default".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_line_says_whom_to_ask() {
        let line = "wagroups -- wagroups groups --session shop --addr http://a:1 get --timeout=3s ";
        assert_eq!(session_of(&words(line)), "shop");
        let options = options(&words(line)).expect("options");
        assert_eq!(
            (options.addr.as_str(), options.timeout),
            ("http://a:1", Some(Duration::from_secs(3)))
        );
        let line = "wagroups groups get -o half --json --addr http://a:1";
        assert_eq!(super::options(&words(line)).expect("options").addr, "http://a:1");
        // Half-typed, or wrong.
        assert_eq!(session_of(&words("wagroups groups get --session=x --session")), "x");
        assert_eq!(
            super::options(&words("wagroups --timeout soon")).expect("defaults").timeout,
            None
        );
    }

    #[test]
    fn nobody_waits_for_a_service_that_is_not_there() {
        let named = async |_| Some(vec![("shop".to_owned(), "working".to_owned())]);
        let absent = words("wagroups --addr=http://127.0.0.1:1");
        assert!(candidates(OsStr::new(""), &absent, named).is_empty());
        // One that accepts and says nothing.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let line = format!("wagroups --addr=http://{}", listener.local_addr().expect("an address"));
        let began = tokio::time::Instant::now();
        let silent = async |_| std::future::pending().await;
        assert!(candidates(OsStr::new(""), &words(&line), silent).is_empty());
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
