//! The two kinds of invites as arguments: a code or link for everyone, and a private one.

use clap::Args;
use serde_json::Value;

use crate::cli::errors::Failure;
use crate::cli::{input, json};
use crate::domain::Timestamp;
use crate::pb::{self, wire};

/// The answer to adding 1,024 people who all want a private invite has room in it.
const MAX_JSON_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, Clone, Args)]
pub struct InvitationArgs {
    /// The invite code, or any chat.whatsapp.com link
    #[arg(
        value_name = "CODE|LINK",
        required_unless_present_any = ["private_invite", "private_code"],
        conflicts_with_all = ["private_invite", "private_code"]
    )]
    invite: Option<String>,
    /// A private invite as JSON, or - to read it from standard input: itself, or the answer of
    /// `groups participants add --json` that holds it
    #[arg(long, value_name = "JSON|-", conflicts_with = "private_code")]
    private_invite: Option<String>,
    /// The code of a private invite; goes with --group, --inviter and --expires
    #[arg(long, value_name = "CODE", requires_all = ["group", "inviter"])]
    private_code: Option<String>,
    /// The group of the private invite, …@g.us
    #[arg(long, value_name = "GROUP", requires = "private_code")]
    group: Option<String>,
    /// The admin who made the private invite
    #[arg(long, value_name = "PERSON", requires = "private_code")]
    inviter: Option<String>,
    /// When the private invite ends, such as 2026-11-23T12:00:00Z
    #[arg(long, value_name = "TIME", requires = "private_code")]
    expires: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Invitation {
    Code(String),
    Private(pb::PrivateInvite),
}

impl InvitationArgs {
    pub fn read(self) -> Result<Invitation, Failure> {
        if let Some(invite) = self.private_invite {
            return private_invite(&invite).map(Invitation::Private);
        }
        if let Some(code) = self.private_code {
            return Ok(Invitation::Private(pb::PrivateInvite {
                code,
                expire_time: self.expires.map(wire::timestamp),
                group_id: self.group.unwrap_or_default(),
                inviter: self.inviter.unwrap_or_default(),
            }));
        }
        self.invite
            .map(Invitation::Code)
            .ok_or_else(|| Failure::Usage("give an invite code, a link or a private invite".into()))
    }
}

/// The JSON itself, or `-` for standard input.
pub fn private_invite(text: &str) -> Result<pb::PrivateInvite, Failure> {
    let text = if text == "-" { input::read_text("-", MAX_JSON_BYTES)? } else { text.to_owned() };
    parsed(&text).map_err(|why| Failure::Usage(format!("no private invite: {why}")))
}

fn parsed(text: &str) -> Result<pb::PrivateInvite, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let invite = match document.get("results").and_then(Value::as_array) {
        Some(results) => {
            let mut invites = results.iter().filter_map(|result| result.get("privateInvite"));
            match (invites.next(), invites.next()) {
                (Some(invite), None) => invite,
                (None, _) => return Err("the answer holds none".to_owned()),
                (Some(_), Some(_)) => {
                    return Err("the answer holds several; give the privateInvite of the one \
                                person whose invite it is"
                        .to_owned());
                }
            }
        }
        None => document.get("privateInvite").unwrap_or(&document),
    };
    json::to_message("PrivateInvite", invite)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        invitation: InvitationArgs,
    }

    fn read(words: &[&str]) -> Option<Invitation> {
        let words = std::iter::once("x").chain(words.iter().copied());
        Line::try_parse_from(words).ok()?.invitation.read().ok()
    }

    #[test]
    fn an_invite_is_a_code_or_private_and_never_both() {
        let link = "https://chat.whatsapp.com/AbC";
        assert_eq!(read(&[link]), Some(Invitation::Code(link.into())));
        let private = read(&["--private-code", "c", "--group", "1@g.us", "--inviter", "7@lid"]);
        assert_eq!(
            private,
            Some(Invitation::Private(pb::PrivateInvite {
                code: "c".into(),
                group_id: "1@g.us".into(),
                inviter: "7@lid".into(),
                expire_time: None,
            }))
        );
        for wrong in [
            &[][..],
            &["--private-code", "c"],
            &["--group", "1@g.us"],
            &["AbC", "--private-invite", "{}"],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_private_invite_is_taken_out_of_the_answer_that_holds_it() {
        let invite = json!({
            "code": "c", "groupId": "1@g.us", "inviter": "7@lid",
            "expireTime": "2026-11-23T12:00:00Z",
        });
        let answer = json!({ "results": [
            { "requestedId": "1@c.us", "status": "PARTICIPANT_STATUS_OK" },
            { "requestedId": "2@c.us", "privateInvite": invite },
        ]});
        let result = json!({ "privateInvite": invite });
        for document in [&invite, &answer, &result] {
            let read = parsed(&document.to_string()).expect("an invite");
            assert_eq!((read.code.as_str(), read.group_id.as_str()), ("c", "1@g.us"));
            assert!(read.expire_time.is_some());
        }
        let several = json!({ "results": [result, result] });
        assert!(parsed(&several.to_string()).is_err_and(|why| why.contains("several")));
        assert!(parsed(&json!({ "results": [] }).to_string()).is_err());
        assert!(parsed("not json").is_err());
    }
}
