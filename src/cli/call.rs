//! One call with its further tries.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Request, Response, Status};

use super::connect::{Connection, DEFAULT_TIMEOUT};
use super::effect::Effect;
use super::errors::{Failure, is_lost, reason, retry_delay};
use super::format::Format;
use super::output::Output;
use super::system;
use crate::domain::backoff::Backoff;
use crate::domain::id::RequestId;
use crate::domain::reason::Reason;
use crate::telemetry::SystemEntropy;

const FIRST_DELAY: Duration = Duration::from_millis(200);
const TRIES: u32 = 5;
/// Time for the service's own answer about the deadline to arrive.
const GRACE: Duration = Duration::from_millis(500);

/// What every change takes.
#[derive(Debug, Clone, Args)]
pub struct ChangeOptions {
    /// A UUID that makes the change happen at most once in 24 hours, however often it is sent; a
    /// fresh one unless given
    #[arg(long, value_name = "UUID")]
    request_id: Option<RequestId>,
}

impl ChangeOptions {
    /// The change's request id, and what is needed to send it again.
    pub fn begin(&self) -> Result<(String, Effect), Failure> {
        let request_id = match self.request_id {
            Some(id) => id.to_string(),
            None => system::request_id()?,
        };
        let command = repetition(std::env::args(), &request_id);
        Ok((request_id.clone(), Effect::Change { request_id, command }))
    }
}

/// What every read takes.
#[derive(Debug, Clone, Args)]
pub struct ReadOptions {
    /// First wait until the service has seen this sequence of the session, as a change answered it
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
    pub min_sequence: i64,
}

impl Connection {
    /// Sends the request, again and again while that is safe, may help, and the time allows.
    pub async fn unary<Q: Clone, A>(
        &self,
        call: &Effect,
        request: Q,
        send: impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        self.unary_within(self.patience(DEFAULT_TIMEOUT), call, request, send).await
    }

    /// The same with a limit of its own.
    pub async fn unary_within<Q: Clone, A>(
        &self,
        limit: Duration,
        call: &Effect,
        request: Q,
        send: impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        with_further_tries(limit, call, request, send).await
    }
}

async fn with_further_tries<Q: Clone, A>(
    limit: Duration,
    call: &Effect,
    request: Q,
    send: impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
) -> Result<A, Failure> {
    let deadline = Instant::now() + limit;
    let timed_out = || Failure::TimedOut { after: limit, call: call.clone() };
    let mut pauses = Backoff::new(FIRST_DELAY, Duration::MAX);
    loop {
        let mut attempt = Request::new(request.clone());
        attempt.set_timeout(deadline.saturating_duration_since(Instant::now()));
        let status = match timeout_at(deadline + GRACE, send(attempt)).await {
            Ok(Ok(answer)) => return Ok(answer.into_inner()),
            Ok(Err(status)) if !is_our_timeout(&status) => status,
            Ok(Err(_)) | Err(_) => return Err(timed_out()),
        };
        let delay = pauses.pause(retry_delay(&status), &SystemEntropy);
        let in_time = Instant::now() + delay < deadline;
        if pauses.tries() >= TRIES || !in_time || !may_repeat(call, &status) {
            return Err(Failure::refused(status, call.clone()));
        }
        sleep(delay).await;
    }
}

/// The transport itself gave up at the deadline, before the service said anything.
fn is_our_timeout(status: &Status) -> bool {
    status.code() == Code::Cancelled
        && status.details().is_empty()
        && status.message() == "Timeout expired"
}

fn may_repeat(call: &Effect, status: &Status) -> bool {
    match reason(status) {
        // Nothing was sent, or the first run still goes on. Rate limits are left to the user: the
        // wait may be minutes.
        Some(Reason::ConcurrentUpdate | Reason::RequestInProgress) => true,
        Some(_) => status.code() == Code::Unavailable,
        None => is_lost(status) && *call != Effect::Once,
    }
}

/// The command line again, with the request id and without the key.
fn repetition(args: impl IntoIterator<Item = String>, request_id: &str) -> String {
    let mut words = vec!["wagroups".to_owned()];
    let mut args = args.into_iter().skip(1);
    while let Some(word) = args.next() {
        let (flag, has_value) =
            word.split_once('=').map_or((word.as_str(), false), |(flag, _)| (flag, true));
        if matches!(flag, "--api-key" | "--request-id") {
            if !has_value {
                args.next();
            }
            continue;
        }
        words.push(shell_quoted(&word));
    }
    // In front of the arguments: behind a `--` it would be one of them.
    let behind = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.insert(behind, format!("--request-id {request_id}"));
    words.join(" ")
}

fn shell_quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@+,%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Pages until the last one, or only the first.
#[derive(Debug, Clone, Args)]
pub struct PageOptions {
    /// How many at most in one page
    #[arg(
        long,
        alias = "limit",
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub page_size: i32,
    /// Go on where the page before ended
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub page_token: String,
    /// All pages; with --json one element a line. With --output name always, unless a size or a token is given
    #[arg(long)]
    pub all: bool,
}

impl PageOptions {
    /// Whether all pages are wanted. Names alone are for the next command, which would take a first page for all.
    pub fn wants_all(&self, output: Output) -> bool {
        let says_nothing_of_pages = self.page_size == 0 && self.page_token.is_empty();
        self.all || (output.format() == Format::Name && says_nothing_of_pages)
    }

    /// Says how to go on after the last page that was shown.
    pub fn note_rest(&self, output: Output, next_page_token: &str) -> Result<(), Failure> {
        if next_page_token.is_empty() {
            return Ok(());
        }
        output.note(&format!("there is more: --all, or --page-token {next_page_token}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_repetition_keeps_the_request_id_and_drops_the_key() {
        let line = "/usr/bin/wagroups groups leave 1@g.us --api-key s3cret --json";
        assert_eq!(
            repetition(words(line), "the-id"),
            "wagroups groups leave 1@g.us --json --request-id the-id"
        );
        let line = "wagroups --api-key=s3cret --request-id=old groups leave -- 1@g.us";
        assert_eq!(
            repetition(words(line), "the-id"),
            "wagroups groups leave --request-id the-id -- 1@g.us"
        );
    }

    #[test]
    fn texts_survive_the_shell() {
        assert_eq!(shell_quoted("plain-1@g.us"), "plain-1@g.us");
        assert_eq!(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(shell_quoted(""), "''");
    }

    #[test]
    fn only_what_is_safe_is_sent_again() {
        let change = Effect::Change { request_id: String::new(), command: String::new() };
        let with_reason = |reason: Reason| {
            let mut details = ErrorDetails::new();
            details.set_error_info(reason.as_str(), "wagroups.v1", HashMap::new());
            Status::with_error_details(Code::from_i32(reason.code() as i32), "", details)
        };
        let lost = Status::unavailable("transport error");
        assert!(may_repeat(&change, &lost) && may_repeat(&Effect::Read, &lost));
        assert!(!may_repeat(&Effect::Once, &lost));
        assert!(may_repeat(&Effect::Once, &with_reason(Reason::DatabaseUnavailable)));
        assert!(may_repeat(&change, &with_reason(Reason::RequestInProgress)));
        assert!(!may_repeat(&change, &with_reason(Reason::OutcomeUnknown)));
        assert!(!may_repeat(&change, &with_reason(Reason::RateLimited)));
        assert!(!may_repeat(&change, &with_reason(Reason::NotGroupAdmin)));
    }

    /// How often the request was sent, and what came of it, where it fails `failures` times.
    async fn sent(call: &Effect, failures: u32, status: Status) -> (u32, Result<u32, Failure>) {
        let sent = std::cell::Cell::new(0);
        let send = async |_: Request<()>| {
            sent.set(sent.get() + 1);
            if sent.get() > failures { Ok(Response::new(7)) } else { Err(status.clone()) }
        };
        let result = with_further_tries(Duration::from_secs(30), call, (), send).await;
        (sent.get(), result)
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_comes_back_in_time_is_asked_again() {
        let change = Effect::Change { request_id: String::new(), command: String::new() };
        let (sent_times, result) = sent(&change, 2, Status::unavailable("transport error")).await;
        assert_eq!((sent_times, result.ok()), (3, Some(7)));
        let (sent_times, result) =
            sent(&change, u32::MAX, Status::unavailable("transport error")).await;
        assert_eq!(sent_times, TRIES);
        assert!(matches!(result, Err(Failure::Refused { .. })));
        let (sent_times, _) = sent(&change, u32::MAX, Status::failed_precondition("no")).await;
        assert_eq!(sent_times, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_left_to_the_user() {
        let mut details = ErrorDetails::new();
        details.set_error_info("DRAINING", "wagroups.v1", HashMap::new());
        details.set_retry_info(Some(Duration::from_secs(60)));
        let status = Status::with_error_details(Code::Unavailable, "", details);
        assert_eq!(sent(&Effect::Read, u32::MAX, status).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_answer_costs_no_more_than_the_timeout() {
        let send =
            async |_: Request<()>| std::future::pending::<Result<Response<()>, Status>>().await;
        let begin = Instant::now();
        let result = with_further_tries(Duration::from_secs(3), &Effect::Read, (), send).await;
        assert!(matches!(result, Err(Failure::TimedOut { .. })));
        assert!(begin.elapsed() <= Duration::from_secs(4));
    }

    #[tokio::test(start_paused = true)]
    async fn the_service_may_ask_for_more_time_than_we_would_take() {
        let mut details = ErrorDetails::new();
        details.set_error_info(Reason::DatabaseUnavailable.as_str(), "wagroups.v1", HashMap::new());
        details.set_retry_info(Some(Duration::from_secs(9)));
        let status = Status::with_error_details(Code::Unavailable, "", details);
        let begin = Instant::now();
        assert_eq!(sent(&Effect::Read, 1, status).await.0, 2);
        assert!(begin.elapsed() >= Duration::from_secs(9));
    }
}
