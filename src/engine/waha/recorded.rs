//! What WAHA's own code answered (`tests/it/waha/recorded/README.md`), read by the parsers of this engine: each answer is
//! the group, the members, the verdicts or the refusal that its line `means`.

use std::fmt::Write as _;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::native::{self, Seen};
use super::participant_reply::{self, ParticipantReplies, ParticipantReply};
use super::refusal::Refused;
use super::server::Answer;
use super::webhook::WahaEngine;
use crate::domain::clock::Timestamp;
use crate::domain::operation::OperationName as Op;
use crate::domain::participant::Participant;

const GOWS: &str = include_str!("../../../tests/it/waha/recorded/answers-gows-2026.8.2.jsonl");
const NOWEB: &str = include_str!("../../../tests/it/waha/recorded/answers-noweb-2026.8.2.jsonl");
/// When it was recorded.
const NOW: Timestamp = Timestamp::from_seconds(1_795_971_600);

#[derive(Debug, Deserialize)]
struct Recorded {
    label: String,
    method: String,
    path: String,
    status: u16,
    body: String,
    means: Vec<String>,
}

impl Recorded {
    /// The path without query, behind `/groups`.
    fn place(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.split_once("/groups").map_or("", |(_, rest)| rest)
    }

    /// For what this engine asks so.
    fn operation(&self) -> Op {
        let place = self.place();
        let ends = |end: &str| place.ends_with(end);
        match self.method.as_str() {
            "GET" if place.is_empty() => Op::FetchAll,
            "GET" if ends("/join-info") => Op::GetJoinInfo,
            "GET" if ends("/invite-code") => Op::GetInviteCode,
            "GET" => Op::FetchGroup,
            "POST" if place.is_empty() => Op::CreateGroup,
            "POST" if ends("/join") => Op::JoinGroup,
            "POST" if ends("/leave") => Op::LeaveGroup,
            "POST" if ends("/add") => Op::AddParticipants,
            "POST" if ends("/remove") => Op::RemoveParticipants,
            "POST" if ends("/promote") => Op::PromoteParticipants,
            "POST" if ends("/demote") => Op::DemoteParticipants,
            // The new code is read as the old one is.
            "POST" if ends("/revoke") => Op::GetInviteCode,
            "PUT" if ends("/subject") => Op::SetGroupSubject,
            "PUT" if ends("/description") => Op::SetGroupDescription,
            "PUT" if ends("/info-admin-only") => Op::SetInfoAdminOnly,
            "PUT" if ends("/messages-admin-only") => Op::SetMessagesAdminOnly,
            "PUT" if ends("/member-add-mode") => Op::SetMemberAddMode,
            "PUT" if ends("/membership-approval") => Op::SetMembershipApproval,
            "PUT" if ends("/member-share-history-mode") => Op::SetMemberShareHistory,
            // wagroups' own job; the route is never called.
            "DELETE" => Op::LeaveGroup,
            other => panic!("{other} {place}"),
        }
    }

    fn read(&self, engine: WahaEngine) -> Vec<String> {
        let status = StatusCode::from_u16(self.status).expect("a status");
        let operation = self.operation();
        if !status.is_success() {
            let body = self.body.as_bytes();
            let refused = Refused { server: "a", operation, status, retry_after: None, body };
            let failed = refused.classified().error;
            return vec![format!("{:?} {}", failed.outcome, failed.error.reason().as_str())];
        }
        let answer = Answer::read(self.body.as_bytes());
        match operation {
            Op::CreateGroup => {
                let mut lines = group(engine, answer.json().expect("a group"));
                lines.extend(replies(engine, &answer));
                lines
            }
            Op::FetchAll => {
                let rows: Vec<&Value> = match answer.json().expect("a list") {
                    Value::Array(rows) => rows.iter().collect(),
                    Value::Object(map) => map.values().collect(),
                    other => panic!("{other}"),
                };
                rows.into_iter().flat_map(|row| group(engine, row)).collect()
            }
            Op::FetchGroup if self.place().contains("/participants") => {
                native::members(answer.json()).iter().map(member).collect()
            }
            Op::FetchGroup | Op::GetJoinInfo => group(engine, answer.json().expect("a group")),
            Op::AddParticipants
            | Op::RemoveParticipants
            | Op::PromoteParticipants
            | Op::DemoteParticipants => replies(engine, &answer),
            _ => vec![format!("{answer:?}")],
        }
    }
}

fn group(engine: WahaEngine, object: &Value) -> Vec<String> {
    let Seen { group, unreported } = native::group(engine, object, NOW).expect("a group");
    let settings = group.settings;
    let mut line = format!("{} {:?}", group.id, group.subject.text);
    for (is, what) in [
        (group.partial, "partial"),
        (settings.info_admin_only, "admins change the info"),
        (settings.messages_admin_only, "admins send"),
        (settings.membership_approval, "admins approve"),
    ] {
        if is {
            write!(line, ", {what}").expect("a text");
        }
    }
    if !group.description.text.is_empty() {
        write!(line, ", described as {:?}", group.description.text).expect("a text");
    }
    write!(line, ", members add: {:?}", settings.member_add_mode).expect("a text");
    write!(line, ", {} members, {} fields unreported", group.member_count(), unreported.len())
        .expect("a text");
    std::iter::once(line).chain(group.participants().iter().map(member)).collect()
}

fn member(member: &Participant) -> String {
    let names: Vec<String> = member.account.names().map(|name| name.to_string()).collect();
    format!("{} {:?}", names.join(" "), member.role)
}

fn replies(engine: WahaEngine, answer: &Answer) -> Vec<String> {
    let reply = |reply: &ParticipantReply| {
        let names =
            reply.account.map(|account| account.names().map(|name| name.to_string()).collect());
        let names: Vec<String> = names.unwrap_or_default();
        format!("{} is told {}", names.join(" "), reply.code)
    };
    match participant_reply::read(engine, answer, NOW) {
        ParticipantReplies::Each(replies) => replies.iter().map(reply).collect(),
        other => vec![format!("{other:?}")],
    }
}

#[test]
fn each_recorded_answer_means_what_it_says() {
    for (engine, recorded) in [(WahaEngine::Gows, GOWS), (WahaEngine::Noweb, NOWEB)] {
        let mut count = 0;
        for line in recorded.lines() {
            let recorded: Recorded = serde_json::from_str(line).expect(line);
            let read = recorded.read(engine);
            assert_eq!(read, recorded.means, "{} on {}", recorded.label, engine.as_str());
            count += 1;
        }
        assert!(count >= 80, "{count}");
    }
}
