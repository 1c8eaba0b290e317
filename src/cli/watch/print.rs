//! Responses of a watch on stdout.

use std::io::{BufWriter, Write};

use prost::Message as _;
use serde_json::{Value, json};

use super::start::token_to_text;
use crate::cli::describe::Subjects;
use crate::cli::errors::Failure;
use crate::cli::format::Format;
use crate::cli::output::DIM;
use crate::cli::{json, text};
use crate::pb;

/// Holds lines back until [`Printer::flush`], so that catching up writes in large pieces.
pub struct Printer {
    format: Format,
    progress: bool,
    subjects: Subjects,
    out: BufWriter<Box<dyn Write + Send>>,
}

impl Printer {
    pub fn new(format: Format, progress: bool) -> Self {
        Self::to(Box::new(anstream::stdout()), format, progress)
    }

    pub fn to(out: Box<dyn Write + Send>, format: Format, progress: bool) -> Self {
        let out = BufWriter::with_capacity(64 * 1024, out);
        Self { format, progress, subjects: Subjects::default(), out }
    }

    pub fn response(&mut self, response: &pb::WatchGroupEventsResponse) -> Result<(), Failure> {
        if self.format == Format::Text {
            for line in text_lines(response, &mut self.subjects, self.progress)? {
                self.line(&line)?;
            }
            return Ok(());
        }
        for document in documents(response, self.progress)? {
            let text = self.format.one_of_many(&document)?;
            self.out.write_all(text.as_bytes()).map_err(Failure::from_output)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.out, "{line}").map_err(Failure::from_output)
    }

    /// Only after it the lines are out, and the place may be stored.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::from_output)
    }
}

fn undecodable(what: &str, error: &prost::DecodeError) -> Failure {
    Failure::Local(format!("the service sent {what} that is none: {error}"))
}

fn text_lines(
    response: &pb::WatchGroupEventsResponse,
    subjects: &mut Subjects,
    progress: bool,
) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for initial in &response.initial_groups {
        let group =
            pb::Group::decode(initial.group.as_ref()).map_err(|e| undecodable("a group", &e))?;
        lines.push(subjects.initial_line(&initial.session, initial.as_of_sequence, &group));
    }
    for encoded in &response.events {
        let event =
            pb::GroupEvent::decode(encoded.as_ref()).map_err(|e| undecodable("an event", &e))?;
        lines.push(subjects.line(&event));
    }
    if let Some(end) = response.initial_state_end {
        let groups = text::count(usize::try_from(end.group_count).unwrap_or(0), "group", "groups");
        lines.push(format!("{DIM}that was all: {groups}; now what changes{DIM:#}"));
    }
    if let Some(alive) = response.progress.as_ref().filter(|_| progress) {
        let state = if alive.caught_up { "up to date" } else { "catching up" };
        lines.push(format!("{DIM}{} {state}{DIM:#}", text::time(alive.time.as_ref())));
    }
    Ok(lines)
}

fn documents(
    response: &pb::WatchGroupEventsResponse,
    progress: bool,
) -> Result<Vec<Value>, Failure> {
    let mut lines = Vec::new();
    for initial in &response.initial_groups {
        lines.push(json!({ "initialGroup": json::of_message("InitialGroup", initial)? }));
    }
    for encoded in &response.events {
        lines.push(json!({ "event": json::of_bytes("GroupEvent", encoded)? }));
    }
    if let Some(end) = &response.initial_state_end {
        lines.push(json!({ "initialStateEnd": json::of_message("InitialStateEnd", end)? }));
    }
    if let Some(alive) = response.progress.as_ref().filter(|_| progress) {
        lines.push(json!({ "progress": json::of_message("Progress", alive)? }));
    }
    // On the last line: it covers all those before.
    if let Some(last) = lines.last_mut().filter(|_| !response.resume_token.is_empty()) {
        last["resumeToken"] = token_to_text(&response.resume_token).into();
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response() -> pb::WatchGroupEventsResponse {
        let event = |sequence| {
            let event =
                pb::GroupEvent { session: "default".into(), sequence, ..Default::default() };
            event.encode_to_vec().into()
        };
        pb::WatchGroupEventsResponse {
            events: vec![event(1), event(2)],
            resume_token: vec![1, 2, 3].into(),
            ..Default::default()
        }
    }

    #[test]
    fn the_last_json_line_of_a_response_carries_its_token() {
        let lines = documents(&response(), false).expect("lines");
        assert_eq!(lines[0], json!({ "event": { "session": "default", "sequence": "1" } }));
        assert_eq!(lines[1]["resumeToken"], "AQID");
    }

    #[test]
    fn progress_shows_only_where_it_was_asked_for() {
        let response = pb::WatchGroupEventsResponse {
            progress: Some(pb::Progress { time: None, caught_up: true }),
            resume_token: vec![1].into(),
            ..Default::default()
        };
        assert!(documents(&response, false).expect("lines").is_empty());
        assert_eq!(
            documents(&response, true).expect("lines"),
            [json!({ "progress": { "caughtUp": true }, "resumeToken": "AQ==" })]
        );
        assert!(text_lines(&response, &mut Subjects::default(), false).expect("lines").is_empty());
    }

    #[test]
    fn groups_of_the_initial_state_name_those_of_later_events() {
        let group = pb::Group {
            id: "1@g.us".into(),
            subject: "A".into(),
            member_count: 2,
            ..Default::default()
        };
        let initial = pb::InitialGroup {
            session: "default".into(),
            group: group.encode_to_vec().into(),
            as_of_sequence: 4,
        };
        let event = pb::GroupEvent {
            session: "default".into(),
            group_id: "1@g.us".into(),
            sequence: 5,
            body: Some(pb::group_event::Body::Left(Box::default())),
            ..Default::default()
        };
        let response = pb::WatchGroupEventsResponse {
            initial_groups: vec![initial],
            events: vec![event.encode_to_vec().into()],
            ..Default::default()
        };
        let lines = text_lines(&response, &mut Subjects::default(), false).expect("lines");
        let lines: Vec<String> =
            lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(lines[0], "as it is default#4  \"A\" 1@g.us  2 members, we: unknown");
        assert!(
            lines[1].ends_with("default#5  \"A\" 1@g.us  we are no longer in the group"),
            "{}",
            lines[1]
        );
    }
}
