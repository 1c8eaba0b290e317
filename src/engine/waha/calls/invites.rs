//! Invite codes, what they show, and joining by them.

use http::Method;
use serde_json::{Value, json};

use crate::domain::error::Error;
use crate::domain::id::{GroupId, InviteCode};
use crate::domain::invite::{GroupPreview, Invite, JoinOutcome};
use crate::domain::operation::{
    EngineAnswer, EngineError, GetInviteCode, GetJoinInfo, JoinGroup, Joined, OperationName,
    Outcome, Result, RevokeInviteCode,
};
use crate::domain::reason::Reason;
use crate::domain::reducer::Change;
use crate::engine::waha::native::{self, Words};
use crate::engine::waha::raw::Raw;
use crate::engine::waha::routed_session::{
    RoutedSession, Serve, ineffective, no_admin_perhaps, unsupported,
};
use crate::engine::waha::server::Answer;
use crate::engine::waha::webhook::WahaEngine;
use crate::engine::waha::{names, text};

impl RoutedSession {
    /// WEBJS refuses an account already in the group with the same minified error as an invalid invite.
    async fn or_member(&self, refused: EngineError, invite: &Invite) -> EngineError {
        if !self.is_browser() || refused.error.reason() != Reason::InviteInvalid {
            return refused;
        }
        let Ok(GroupPreview { group_id, .. }) = self.join_info(invite).await else {
            return refused;
        };
        match self.fetch(&group_id).await {
            Ok(fetched) if fetched.group.is_some() => {
                let message = format!("the account is in group {group_id} already");
                let error = Error::new(Reason::AlreadyMember, message);
                EngineError::rejected(error.about("group", &group_id).with("group_id", &group_id))
            }
            Ok(_) | Err(_) => refused,
        }
    }

    async fn join_info(&self, invite: &Invite) -> Result<GroupPreview> {
        let operation = OperationName::GetJoinInfo;
        let code = code(invite, operation)?;
        let ask = self.get(operation, &["join-info"]).with("code", code.as_str());
        let answer = self.server.ask(ask).await?;
        answer.json().and_then(|object| self.preview(object)).ok_or_else(|| {
            let message = "the invite code belongs to no group; ask for a new one";
            EngineError::rejected(Error::new(Reason::InviteInvalid, message))
        })
    }

    fn preview(&self, object: &Value) -> Option<GroupPreview> {
        let words = Words::of(self.info.engine);
        let raw = Raw::new(object, self.now);
        let kept = |places, limit| text::kept(raw.text(places).unwrap_or_default(), limit);
        let participants = native::members(raw.find(words.members));
        let size = raw.find(words.size).and_then(Value::as_u64).filter(|size| *size > 0);
        let listed = u64::try_from(participants.len()).unwrap_or(u64::MAX);
        Some(GroupPreview {
            group_id: native::id(words, &raw)?,
            subject: kept(words.subject, text::MAX_SUBJECT_BYTES),
            description: kept(words.description, text::MAX_DESCRIPTION_BYTES),
            owner: raw.first(words.owner),
            create_time: raw.time(words.create_time),
            member_count: u32::try_from(size.unwrap_or(listed)).unwrap_or(u32::MAX),
            membership_approval: raw.flag(words.membership_approval).unwrap_or_default(),
            parent: raw.find(words.parent).and_then(names::group_id),
            participants,
        })
    }

    async fn invite_code(&self, group_id: &GroupId) -> Result<InviteCode> {
        let operation = OperationName::GetInviteCode;
        let path = [group_id.as_str(), "invite-code"];
        let answer = self.server.ask(self.get(operation, &path)).await?;
        // WEBJS answers nothing where the account is no admin, and `undefined` where it misreads WhatsApp.
        read_code(&answer).ok_or_else(|| no_admin_perhaps(operation, "it answered no invite code"))
    }

    async fn code_before(&self, group_id: &GroupId) -> Result<InviteCode> {
        self.invite_code(group_id).await.map_err(|error| match error.outcome {
            // No code is no refusal: nothing was revoked.
            Outcome::Supposed => self.unread("answers no invite code; nothing was revoked"),
            Outcome::NotSent | Outcome::Rejected | Outcome::Unknown => error,
        })
    }
}

/// WAHA answers a request to join like joining; reading the group shows whether we are in it.
impl Serve<JoinGroup> for RoutedSession {
    async fn serve(&self, command: &JoinGroup) -> Result<EngineAnswer<Joined>> {
        let JoinGroup { invite } = command;
        let operation = OperationName::JoinGroup;
        let code = code(invite, operation)?;
        let body = json!({ "code": code.as_str() });
        let answer = match self.send(operation, Method::POST, &["join"], body).await {
            Ok(answer) => answer,
            Err(refused) => return Err(self.or_member(refused, invite).await),
        };
        let named = answer.json().and_then(|object| object.get("id")).and_then(names::group_id);
        let group_id = match named {
            Some(group_id) => group_id,
            None => self.join_info(invite).await.map_err(after_joining)?.group_id,
        };
        let fetched = match self.fetch(&group_id).await {
            Ok(fetched) => fetched,
            Err(error) => {
                // We are in it; the caller reads it once more.
                tracing::warn!(%group_id, %error, "a joined group could not be read");
                let joined = Joined { group_id, outcome: JoinOutcome::Joined };
                return Ok(EngineAnswer {
                    value: joined,
                    observations: Vec::new(),
                    source_ids: Vec::new(),
                });
            }
        };
        match fetched.group {
            Some(group) => {
                let joined = Joined { group_id: group_id.clone(), outcome: JoinOutcome::Joined };
                Ok(self.answer(&group_id, joined, Change::whole(group, fetched.unreported)))
            }
            None => Ok(EngineAnswer {
                value: Joined { group_id, outcome: JoinOutcome::PendingApproval },
                observations: Vec::new(),
                source_ids: Vec::new(),
            }),
        }
    }
}

impl Serve<GetJoinInfo> for RoutedSession {
    async fn serve(&self, query: &GetJoinInfo) -> Result<GroupPreview> {
        self.join_info(&query.invite).await
    }
}

impl Serve<GetInviteCode> for RoutedSession {
    async fn serve(&self, query: &GetInviteCode) -> Result<InviteCode> {
        self.invite_code(&query.group_id).await
    }
}

impl Serve<RevokeInviteCode> for RoutedSession {
    async fn serve(&self, command: &RevokeInviteCode) -> Result<EngineAnswer<InviteCode>> {
        let RevokeInviteCode { group_id } = command;
        let operation = OperationName::RevokeInviteCode;
        // GOWS of 2026 revokes nothing: its Go part asks for the code that is there (`GetGroupInviteLink` without
        // `reset`), and answers it.
        let before = match self.info.engine {
            WahaEngine::Gows => Some(self.code_before(group_id).await?),
            WahaEngine::Noweb | WahaEngine::Webjs | WahaEngine::Wpp => None,
        };
        let path = [group_id.as_str(), "invite-code", "revoke"];
        let answer = self.send(operation, Method::POST, &path, Value::Null).await?;
        let code = match read_code(&answer) {
            Some(code) => code,
            None => self.invite_code(group_id).await.map_err(|error| {
                EngineError::unknown(&format!("the new code could not be read: {}", error.error))
            })?,
        };
        if before.as_ref() == Some(&code) {
            return Err(EngineError::rejected(ineffective(
                operation,
                "says that it revoked the invite and gives the same code again: the invite is as valid as before",
            )));
        }
        Ok(self.answer(group_id, code, Change::InviteRevoked))
    }
}

/// WAHA takes codes and cuts links badly, so it gets the bare code.
fn code(invite: &Invite, operation: OperationName) -> Result<&InviteCode> {
    match invite {
        Invite::Code(code) => Ok(code),
        Invite::Private(_) => Err(unsupported(operation, "take private invites")),
    }
}

/// GOWS answers the whole link, the others the bare code.
fn read_code(answer: &Answer) -> Option<InviteCode> {
    match answer {
        Answer::Text(text) => text.trim().parse().ok(),
        // A code of digits alone is a number to a reader of JSON.
        Answer::Json(Value::Number(digits)) => digits.to_string().parse().ok(),
        Answer::Json(_) | Answer::Empty => None,
    }
}

/// Joining was answered with success; what fails afterwards must not look as if nothing had happened.
fn after_joining(error: EngineError) -> EngineError {
    EngineError::unknown(&format!("joined, but which group is not known: {}", error.error))
}
