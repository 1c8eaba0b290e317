//! How each engine words what it answers. WAHA hands most of it through as it is.

mod gows;
pub mod ids;
mod noweb;
mod webjs;
mod wpp;

use std::collections::HashSet;

use serde_json::{Value, json};
use wagroups::domain::Reason;
use wagroups::domain::event::MemberAction;
use wagroups::domain::group::Group;
use wagroups::domain::id::PhoneNumber;
use wagroups::domain::invite::GroupPreview;
use wagroups::domain::join_request::{JoinRequest, JoinRequestMethod};
use wagroups::domain::operation::{EngineError, Outcome};
use wagroups::domain::participant::{Account, Participant, ParticipantResult, Role};
use wagroups::engine::waha::webhook::WahaEngine;

use super::reply::{Answer, Reply};
use super::route::GroupCall;
use super::version::Version;

pub use self::gows::info as gows_info;
pub use self::noweb::{metadata as noweb_metadata, participant as noweb_participant};
pub use self::webjs::{finds_by_any_name, listed_id};
pub use self::wpp::error as wpp_error;

/// What a server knows when it words an answer.
pub struct Context<'a> {
    pub version: Version,
    pub me: &'a Account,
    /// Whom WEBJS lists by number.
    pub contacts: &'a HashSet<PhoneNumber>,
}

/// Why WhatsApp did not do it.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// WhatsApp's code; 0 where it did not answer.
    pub code: u32,
    pub reason: Reason,
}

impl Refused {
    pub const GROUP_NOT_FOUND: Self = Self { code: 404, reason: Reason::GroupNotFound };
    pub const NOT_MEMBER: Self = Self { code: 403, reason: Reason::NotGroupMember };

    pub fn is_strange_group(self) -> bool {
        matches!(self.reason, Reason::GroupNotFound | Reason::NotGroupMember)
    }

    /// The text that WhatsApp sends with its code.
    pub fn text(self) -> &'static str {
        match self.code {
            304 => "not-modified",
            400 => "bad-request",
            401 => "not-authorized",
            403 => "forbidden",
            404 => "item-not-found",
            405 => "not-allowed",
            406 => "not-acceptable",
            409 => "conflict",
            410 => "gone",
            419 => "resource-limit",
            423 => "locked",
            429 => "rate-overlimit",
            503 => "service-unavailable",
            530 => "partial-server-error",
            _ => "internal-server-error",
        }
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        let reason = error.error.reason();
        let code = error.error.metadata().get("code").and_then(|code| code.parse().ok());
        let code = match (error.outcome, code, reason) {
            (Outcome::Unknown, _, _) => 0,
            (_, Some(code), _) => code,
            (_, None, Reason::RateLimited) => 429,
            (_, None, _) => 503,
        };
        Self { code, reason }
    }
}

/// A call that was refused.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    pub call: GroupCall,
    /// Empty where the call names no group.
    pub group_id: &'a str,
}

/// One engine's words.
pub trait Dialect: Send + Sync {
    /// Whether it is WhatsApp Web in a browser.
    fn is_browser(&self) -> bool {
        false
    }

    /// A group as `GET /{id}` and the list show it.
    fn group(&self, context: &Context<'_>, group: &Group) -> Value;

    /// What to sort the list by; `None` where the engine's sorting does not work.
    fn sort_key(&self, _group: &Group, _by: &str) -> Option<String> {
        None
    }

    fn without_participants(&self, group: &mut Value);

    /// `GET /{id}/participants`.
    fn participants(&self, context: &Context<'_>, group: &Group) -> Reply;

    /// `pn` in `GET /{id}/participants/v2`: absent, `null`, or a text.
    fn normal_pn(&self, account: &Account) -> Option<Value>;

    fn created(&self, context: &Context<'_>, group: &Group, results: &[ParticipantResult])
    -> Reply;

    fn members_changed(
        &self,
        context: &Context<'_>,
        action: MemberAction,
        group: &Group,
        results: &[ParticipantResult],
    ) -> Reply;

    fn preview(&self, preview: &GroupPreview) -> Value;

    /// What a request to join tells beside the requester, the time and the nulls.
    fn join_request(&self, request: &JoinRequest, into: &mut Value);

    /// An invite code as the engine returns it.
    fn invite_code(&self, code: &str) -> String {
        code.to_owned()
    }

    /// The answer to a change that went well and has nothing to show.
    fn done(&self, call: GroupCall) -> Reply;

    /// What becomes of WhatsApp's refusal: an exception, or something that looks like success.
    fn refused(&self, attempt: Attempt<'_>, refused: Refused) -> Answer;
}

pub fn of(engine: WahaEngine) -> &'static dyn Dialect {
    match engine {
        WahaEngine::Gows => &gows::Gows,
        WahaEngine::Noweb => &noweb::Noweb,
        WahaEngine::Webjs => &webjs::Webjs,
        WahaEngine::Wpp => &wpp::Wpp,
    }
}

/// A member as `participants/v2` has it, whatever the engine.
pub fn normal_participant(dialect: &dyn Dialect, member: &Participant) -> Value {
    let id = member.id().to_string();
    let mut normal = json!({ "id": id, "role": role(member.role) });
    if let Some(pn) = dialect.normal_pn(&member.account) {
        normal["pn"] = pn;
    }
    normal
}

pub fn role(role: Role) -> &'static str {
    match role {
        Role::Participant => "participant",
        Role::Admin => "admin",
        Role::Superadmin => "superadmin",
    }
}

pub fn method(method: JoinRequestMethod) -> &'static str {
    match method {
        JoinRequestMethod::InviteLink => "invite_link",
        JoinRequestMethod::LinkedGroup => "linked_group_join",
        JoinRequestMethod::NonAdminAdd => "non_admin_add",
    }
}
