//! What became of each person that a call named, in the words of WAHA's engines.
//!
//! A 2xx means nothing: the replies are in the body, in another shape on each engine, and some engines give
//! none at all. What the answer leaves open is settled by reading the members afterwards.

use serde_json::Value;

use super::names;
use super::raw::expiry;
use super::server::Answer;
use super::webhook::WahaEngine;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ParticipantId, PrivateInviteCode};
use crate::domain::participant::Account;

/// The answer's row about one person.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ParticipantReply {
    /// As the answer names them; `None` where it does not, so that the order counts.
    pub account: Option<Account>,
    /// WhatsApp's code, 200 where it went well.
    pub code: u32,
    /// With 403: how they may be invited.
    pub invite: Option<(PrivateInviteCode, Option<Timestamp>)>,
}

/// An answer as a whole.
#[derive(Debug, PartialEq)]
pub(super) enum ParticipantReplies {
    Each(Vec<ParticipantReply>),
    /// Done as far as possible; the answer does not list for whom.
    Open,
    /// A failure that came with 2xx, in the engine's words.
    Failed(String),
}

/// Reads the answer to add, remove, promote or demote, and to create where the engine answers it so.
pub(super) fn read(engine: WahaEngine, answer: &Answer, now: Timestamp) -> ParticipantReplies {
    let answer = match answer {
        // `CreateGroupError: …`, `AddParticipantsError: …`; or a flag of WPP's.
        Answer::Text(text) if text.trim() == "true" => return ParticipantReplies::Open,
        Answer::Text(text) => return ParticipantReplies::Failed(text.clone()),
        Answer::Empty => return ParticipantReplies::Open,
        Answer::Json(Value::Bool(true)) => return ParticipantReplies::Open,
        Answer::Json(Value::Bool(false)) => return ParticipantReplies::Failed("false".to_owned()),
        Answer::Json(answer) => answer,
    };
    match engine {
        WahaEngine::Gows => of_list(answer, |listed| gows(listed, now)),
        WahaEngine::Noweb => of_list(answer, |listed| noweb(listed, now)),
        WahaEngine::Webjs | WahaEngine::Wpp => of_map(answer, now),
    }
}

fn of_list(
    answer: &Value,
    read: impl Fn(&Value) -> Option<ParticipantReply>,
) -> ParticipantReplies {
    let listed = answer.as_array().or_else(|| answer.get("Participants")?.as_array());
    match listed {
        Some(listed) if !listed.is_empty() => {
            ParticipantReplies::Each(listed.iter().filter_map(read).collect())
        }
        Some(_) | None => ParticipantReplies::Open,
    }
}

/// whatsmeow's participant: `Error` 0 or absent where it went well.
fn gows(listed: &Value, now: Timestamp) -> Option<ParticipantReply> {
    let account = names::listed(listed)?;
    let code = listed.get("Error").and_then(Value::as_u64).filter(|code| *code != 0);
    let request = listed.get("AddRequest").filter(|request| request.is_object());
    let invite = request.and_then(|request| {
        let code = request.get("Code")?.as_str()?.parse().ok()?;
        Some((code, expiry(request.get("Expiration")?, now)))
    });
    Some(ParticipantReply { account: Some(account), code: number(code.unwrap_or(200)), invite })
}

/// Baileys': the status is a text, the id is the phone's or the hidden one.
fn noweb(listed: &Value, now: Timestamp) -> Option<ParticipantReply> {
    let status = listed.get("status")?;
    let code = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let own = listed.get("jid");
    let attributes = listed.pointer("/content/attrs");
    let others = ["phone_number", "lid"].into_iter().filter_map(|name| attributes?.get(name));
    let account = names::account(own.into_iter().chain(others));
    // The invite stands as a node below the participant's.
    let nodes = listed.pointer("/content/content").and_then(Value::as_array);
    let request = nodes
        .into_iter()
        .flatten()
        .find(|node| node.get("tag").and_then(Value::as_str) == Some("add_request"));
    let invite = request.and_then(|request| {
        let code = request.pointer("/attrs/code")?.as_str()?.parse().ok()?;
        Some((code, expiry(request.pointer("/attrs/expiration")?, now)))
    });
    Some(ParticipantReply { account, code: number(code), invite })
}

/// WhatsApp Web's: a map by id, below `participants` where a group was made.
fn of_map(answer: &Value, now: Timestamp) -> ParticipantReplies {
    let map = answer.get("participants").unwrap_or(answer).as_object();
    let replies = map.into_iter().flatten().filter_map(|(id, said)| {
        let id = id.parse::<ParticipantId>().ok()?;
        let code = said.get("code").or_else(|| said.get("statusCode"))?.as_u64()?;
        let invite = said
            .get("invite_code")
            .and_then(Value::as_str)
            .and_then(|code| Some((code.parse().ok()?, expiry(said.get("invite_code_exp")?, now))));
        Some(ParticipantReply { account: Some(Account::new(id)), code: number(code), invite })
    });
    let replies: Vec<ParticipantReply> = replies.collect();
    // `{"status": 200}`, also where some were left out as unknown.
    if replies.is_empty() { ParticipantReplies::Open } else { ParticipantReplies::Each(replies) }
}

fn number(code: u64) -> u32 {
    u32::try_from(code).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn codes(engine: WahaEngine, answer: Value) -> Vec<(String, u32, bool)> {
        match read(engine, &Answer::Json(answer), NOW) {
            ParticipantReplies::Each(replies) => replies
                .iter()
                .map(|reply| {
                    let id = reply.account.map_or_else(String::new, |a| a.id().to_string());
                    (id, reply.code, reply.invite.is_some())
                })
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_engine_says_of_each_person_what_became_of_them() {
        let gows = json!([
            {"JID": "222@lid", "PhoneNumber": "4915100000002@s.whatsapp.net", "Error": 0},
            {"JID": "4915100000003@s.whatsapp.net", "Error": 403,
             "AddRequest": {"Code": "ABCDEFGHabcdefgh", "Expiration": "2027-01-01T00:00:00Z"}},
        ]);
        let expected = [("222@lid", 200, false), ("4915100000003@c.us", 403, true)];
        let own = |listed: &[(&str, u32, bool)]| -> Vec<(String, u32, bool)> {
            listed.iter().map(|(id, code, invite)| ((*id).to_owned(), *code, *invite)).collect()
        };
        assert_eq!(codes(WahaEngine::Gows, gows), own(&expected));
        let noweb = json!([
            {"status": "200", "jid": "222@lid", "content": {"tag": "participant", "attrs": {}}},
            {"status": "403", "jid": "4915100000003@s.whatsapp.net", "content": {"tag": "participant",
             "attrs": {"error": "403"}, "content": [{"tag": "add_request",
             "attrs": {"code": "ABCDEFGHabcdefgh", "expiration": "1798761600"}}]}},
        ]);
        assert_eq!(codes(WahaEngine::Noweb, noweb), own(&expected));
        let webjs = json!({
            "222@lid": {"code": 200, "message": "The participant was added successfully", "isInviteV4Sent": false},
            "4915100000003@c.us": {"code": 403, "message": "…", "isInviteV4Sent": true},
        });
        let sent = [("222@lid", 200, false), ("4915100000003@c.us", 403, false)];
        assert_eq!(codes(WahaEngine::Webjs, webjs), own(&sent));
        let wpp = json!({"gid": {}, "participants": {
            "222@lid": {"wid": "222@lid", "code": 200, "invite_code": null, "invite_code_exp": null},
            "4915100000003@c.us": {"code": 403, "invite_code": "ABCDEFGHabcdefgh", "invite_code_exp": 1798761600},
        }});
        assert_eq!(codes(WahaEngine::Wpp, wpp), own(&expected));
    }

    /// An invite ends days ahead, which is no clock that is wrong; in every way in which engines write times.
    #[test]
    fn an_invite_ends_within_a_year_from_now() {
        let end = |written: Value| {
            let said = json!({"4915100000003@c.us": {
                "code": 403, "invite_code": "ABCDEFGHabcdefgh", "invite_code_exp": written,
            }});
            let ParticipantReplies::Each(replies) = read(WahaEngine::Wpp, &Answer::Json(said), NOW)
            else {
                panic!("no replies");
            };
            replies[0].invite.as_ref().expect("an invite").1
        };
        let now = 1_790_000_000_i64;
        for ahead in [1, 43_200, 3 * 86_400, 365 * 86_400] {
            let expected = Some(Timestamp::from_seconds(now + ahead));
            for written in [
                json!(now + ahead),
                json!((now + ahead) * 1000),
                json!((now + ahead).to_string()),
                json!(Timestamp::from_seconds(now + ahead).to_string()),
            ] {
                assert_eq!(end(written.clone()), expected, "{written}");
            }
        }
        for nonsense in
            [json!(now - 1), json!(now + 400 * 86_400), json!(0), json!("later"), json!(true)]
        {
            assert_eq!(end(nonsense.clone()), None, "{nonsense}");
        }
    }

    #[test]
    fn an_answer_may_say_nothing_or_that_it_failed() {
        let json = Answer::Json;
        assert_eq!(
            read(WahaEngine::Webjs, &json(json!({"status": 200})), NOW),
            ParticipantReplies::Open
        );
        assert_eq!(read(WahaEngine::Wpp, &json(json!(true)), NOW), ParticipantReplies::Open);
        assert_eq!(read(WahaEngine::Wpp, &Answer::Empty, NOW), ParticipantReplies::Open);
        let text = "AddParticipantsError: You have no admin rights to add a participant to a group";
        let failed = read(WahaEngine::Webjs, &Answer::Text(text.to_owned()), NOW);
        assert_eq!(failed, ParticipantReplies::Failed(text.to_owned()));
    }
}
