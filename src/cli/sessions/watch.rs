//! `wagroups sessions watch`: a session's status as it changes, with the QR code to scan.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;

use super::{link, qr, show};
use crate::cli::connect::{Connection, DEFAULT_TIMEOUT};
use crate::cli::effect::Effect;
use crate::cli::errors::Failure;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::{Done, json, reconnect, text};
use crate::pb::{self, SessionStatus, WatchSessionResponse};

const COMPARING: &str = "comparing all groups with WhatsApp's";

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The session
    name: String,
    /// End as soon as the session is working, or with exit code 1 if it fails or is logged out
    #[arg(long)]
    until_working: bool,
}

struct Watch<'a> {
    connection: &'a Connection,
    output: Output,
    session: String,
    until_working: bool,
    /// After a new connection the same state comes again.
    shown: Option<WatchSessionResponse>,
    /// While all groups are compared with WhatsApp's.
    comparison: Option<Progress>,
}

pub async fn run(
    connection: &Connection,
    args: WatchArgs,
    output: Output,
) -> Result<Done, Failure> {
    let mut watch = Watch {
        connection,
        output,
        session: args.name,
        until_working: args.until_working,
        shown: None,
        comparison: None,
    };
    let mut pauses = reconnect::PAUSES;
    loop {
        let begin = Instant::now();
        let failure = match watch.follow().await {
            Ok(()) => return Ok(Done::Fully),
            Err(failure) => failure,
        };
        watch.comparison = None;
        // A first connection that fails is more likely a slip than an outage.
        if watch.shown.is_none() || !reconnect::may_help(&failure) {
            return Err(failure);
        }
        if begin.elapsed() >= reconnect::GOOD_CONNECTION {
            pauses.reset();
        }
        let delay = reconnect::delay_before(&mut pauses, &failure);
        let (cause, shown) = (reconnect::cause(&failure), reconnect::shown(delay));
        output.note(&format!("connection lost ({cause}); again in {shown}"))?;
        sleep(delay).await;
    }
}

impl Watch<'_> {
    /// One stream to its end: with Ok where there is no more to wait for.
    async fn follow(&mut self) -> Result<(), Failure> {
        let failed = |status: Status| Failure::refused(status, Effect::Read);
        let patience: Duration = self.connection.patience(DEFAULT_TIMEOUT);
        let request = pb::WatchSessionRequest { session: self.session.clone() };
        let mut sessions = self.connection.sessions();
        let call = sessions.watch_session(request);
        let mut states = match timeout(patience, call).await {
            Ok(answer) => answer.map_err(failed)?.into_inner(),
            Err(_) => return Err(Failure::TimedOut { after: patience, call: Effect::Read }),
        };
        while let Some(state) = states.message().await.map_err(failed)? {
            self.show(&state)?;
            let session = state.session.clone().unwrap_or_default();
            self.shown = Some(state);
            if self.until_working && is_over(&session)? {
                return Ok(());
            }
        }
        self.output.note("the session was deleted")?;
        if self.until_working {
            return Err(Failure::Local(format!("{} was deleted", text::safe(&self.session))));
        }
        Ok(())
    }

    fn show(&mut self, state: &WatchSessionResponse) -> Result<(), Failure> {
        if self.shown.as_ref() == Some(state) {
            return Ok(());
        }
        if self.output.is_structured() {
            return self.output.one_of_many(&json::of_message("WatchSessionResponse", state)?);
        }
        let lines = lines(self.shown.as_ref(), state);
        if !lines.is_empty() {
            // Lines and a bar would run into each other.
            self.comparison = None;
        }
        lines.iter().try_for_each(|line| self.output.line(line))?;
        self.show_comparison(state.comparison.as_ref());
        Ok(())
    }

    fn show_comparison(&mut self, comparison: Option<&pb::ComparisonProgress>) {
        let Some(comparison) = comparison else {
            self.comparison = None;
            return;
        };
        let progress =
            self.comparison.get_or_insert_with(|| Progress::begin(self.output, COMPARING));
        progress.advance_to(comparison);
    }
}

/// Whether the session is working; an error where it never will be by itself.
fn is_over(session: &pb::Session) -> Result<bool, Failure> {
    let status = match session.status() {
        SessionStatus::Working => return Ok(true),
        SessionStatus::Stopped
        | SessionStatus::Starting
        | SessionStatus::ScanQrCode
        | SessionStatus::Unspecified => return Ok(false),
        SessionStatus::Failed => "has failed",
        SessionStatus::LoggedOut => "is logged out",
    };
    let mut message = format!("{} {status}", text::safe(&session.name));
    if !session.status_reason.is_empty() {
        message.push_str(&format!(": {}", text::safe(&session.status_reason)));
    }
    message.push_str("\n  start it again: `wagroups sessions start NAME`");
    Err(Failure::Local(message))
}

/// What is new in this state.
fn lines(before: Option<&WatchSessionResponse>, state: &WatchSessionResponse) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(session) = &state.session {
        let line = headline(session);
        let was = before.and_then(|before| before.session.as_ref()).map(headline);
        if was.as_ref() != Some(&line) {
            lines.push(line);
        }
    }
    if let Some(code) = &state.qr_code
        && before.and_then(|before| before.qr_code.as_ref()) != Some(code)
    {
        match qr::lines(&code.value) {
            Some(picture) => lines.extend(picture),
            None => lines.push(text::safe(&code.value)),
        }
        let until = text::time(code.expire_time.as_ref());
        lines.push(format!(
            "scan it with the phone: Linked devices, Link a device; the next one comes at {until}"
        ));
    }
    if let Some(code) = &state.pairing_code
        && before.and_then(|before| before.pairing_code.as_ref()) != Some(code)
    {
        lines.push(format!("pairing code {}", link::grouped(&code.code)));
        lines.push(link::instruction(code));
    }
    let was_comparing = before.is_some_and(|before| before.comparison.is_some());
    match (was_comparing, state.comparison.is_some()) {
        (false, true) => lines.push(COMPARING.to_owned()),
        (true, false) => lines.push("the comparison has ended".to_owned()),
        (true, true) | (false, false) => {}
    }
    lines
}

fn headline(session: &pb::Session) -> String {
    let mut line = format!(
        "{} {}  {}",
        text::time(session.status_time.as_ref()),
        text::safe(&session.name),
        show::status(session)
    );
    let account = show::account(session);
    if !account.is_empty() {
        line.push_str(&format!("  {account}"));
    }
    if !session.status_reason.is_empty() {
        line.push_str(&format!("  ({})", text::safe(&session.status_reason)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: SessionStatus, qr: &str) -> WatchSessionResponse {
        let session = pb::Session {
            name: "a".into(),
            status: status.into(),
            status_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            ..Default::default()
        };
        let qr_code = (!qr.is_empty()).then(|| pb::QrCode { value: qr.into(), expire_time: None });
        WatchSessionResponse { session: Some(session), qr_code, ..Default::default() }
    }

    #[test]
    fn a_code_to_scan_is_shown_once_and_the_next_one_again() {
        let first = state(SessionStatus::ScanQrCode, "one");
        let shown = lines(None, &first);
        assert_eq!(shown[0], "1970-01-01T00:00:01Z a  scan qr code");
        assert!(shown.len() > 10 && shown.last().is_some_and(|line| line.starts_with("scan it")));
        assert!(lines(Some(&first), &first).is_empty());
        let next = lines(Some(&first), &state(SessionStatus::ScanQrCode, "two"));
        assert_eq!(next.len(), shown.len() - 1, "the status stands there already");
    }

    #[test]
    fn a_pairing_code_says_where_it_belongs() {
        let mut with_code = state(SessionStatus::ScanQrCode, "");
        with_code.pairing_code =
            Some(pb::PairingCode { code: "ABCD1234".into(), expire_time: None });
        let shown = lines(Some(&state(SessionStatus::ScanQrCode, "")), &with_code);
        assert_eq!(shown[0], "pairing code ABCD-1234");
        assert!(shown[1].starts_with("type it into the phone"));
    }

    #[test]
    fn a_comparison_is_told_at_its_beginning_and_its_end() {
        let idle = state(SessionStatus::Working, "");
        let mut comparing = idle.clone();
        comparing.comparison = Some(pb::ComparisonProgress { compared_count: 3, total_count: 9 });
        assert_eq!(lines(Some(&idle), &comparing), [COMPARING]);
        assert!(lines(Some(&comparing), &comparing).is_empty());
        assert_eq!(lines(Some(&comparing), &idle), ["the comparison has ended"]);
    }

    #[test]
    fn waiting_ends_when_the_session_works_or_cannot() {
        let over = |status| is_over(&state(status, "").session.expect("a session"));
        assert!(matches!(over(SessionStatus::Working), Ok(true)));
        assert!(matches!(over(SessionStatus::Starting), Ok(false)));
        assert!(matches!(over(SessionStatus::Stopped), Ok(false)));
        let failure = over(SessionStatus::Failed).expect_err("failed");
        assert_eq!(failure.exit_code(), 1);
        assert!(failure.to_string().starts_with("a has failed"), "{failure}");
    }
}
