//! What carries calls to WhatsApp and brings its notifications.

use std::fmt;

use async_trait::async_trait;

use crate::domain::error::Error;
use crate::domain::event::MemberAction;
use crate::domain::group::{DescriptionText, Group, GroupSettings, SubjectText};
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::participant::{Account, ParticipantResult};
use crate::domain::reducer::Observation;
use crate::domain::session::EngineKind;

/// How far a failed call got: whether it may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It never left this process.
    NotSent,
    /// WhatsApp refused it; nothing changed.
    Rejected,
    /// It may have been carried out.
    Unknown,
}

#[derive(Debug, Clone)]
pub struct EngineError {
    pub outcome: Outcome,
    pub error: Error,
}

impl EngineError {
    pub fn not_sent(error: Error) -> Self {
        Self { outcome: Outcome::NotSent, error }
    }

    pub fn rejected(error: Error) -> Self {
        Self { outcome: Outcome::Rejected, error }
    }

    pub fn unknown(message: &str) -> Self {
        Self { outcome: Outcome::Unknown, error: Error::outcome_unknown(message) }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.error, self.outcome)
    }
}

impl std::error::Error for EngineError {}

pub type Result<T> = std::result::Result<T, EngineError>;

/// What an engine answers to a mutation: a value, and what it says of the groups it touched.
#[derive(Debug, Clone)]
pub struct EngineAnswer<T> {
    pub value: T,
    pub observations: Vec<Observation>,
    /// Ids under which WhatsApp will also notify us of this, where the engine knows them.
    pub source_ids: Vec<String>,
}

/// A group to be made.
#[derive(Debug, Clone)]
pub struct NewGroup {
    pub subject: SubjectText,
    pub description: DescriptionText,
    pub participants: Vec<ParticipantId>,
    pub settings: GroupSettings,
}

#[derive(Debug, Clone)]
pub struct Created {
    pub group_id: GroupId,
    /// One for each requested participant, in the order of the request.
    pub results: Vec<ParticipantResult>,
}

/// Something that WhatsApp told a session.
#[derive(Debug, Clone)]
pub struct EngineNotification {
    pub session: SessionName,
    pub engine: EngineKind,
    /// Unique within the session; the same one again is a duplicate.
    pub source_id: String,
    /// The key of our own call that caused it, where the engine can tell.
    pub call_key: Option<String>,
    pub observations: Vec<Observation>,
}

/// Takes what engines are told.
#[async_trait]
pub trait NotificationSink: Send + Sync + 'static {
    /// Returns once the notifications are durable. On an error they must be delivered again.
    async fn deliver(
        &self,
        notifications: Vec<EngineNotification>,
    ) -> std::result::Result<(), Error>;
}

/// A group's member changes, one result for each requested participant in the order of the request.
pub type ParticipantsAnswer = EngineAnswer<Vec<ParticipantResult>>;

/// Who a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub account: Account,
    pub push_name: String,
}

/// One way to WhatsApp. `call_key` names a call; an engine that can hand it to WhatsApp brings it
/// back with the echo of the change ([`EngineNotification::call_key`]). One suite (`tests/it/engine`) runs against every engine.
#[async_trait]
pub trait GroupEngine: Send + Sync + 'static {
    fn kind(&self) -> EngineKind;

    /// Says who the session is, having made or found its account. Nothing is delivered yet.
    async fn log_in(&self, session: &SessionName, wish: &AccountWish) -> Result<Login>;

    /// Brings the session online: from now on what it is told goes to the sink that the engine was
    /// built with, also what it was told while it was away. Repeating it is harmless.
    async fn start(&self, session: &SessionName) -> Result<()>;

    /// Takes the session offline; what it is told meanwhile waits for it.
    async fn stop(&self, session: &SessionName) -> Result<()>;

    /// The session was deleted. The account may live on at WhatsApp; what it is told is dropped.
    async fn forget(&self, session: &SessionName) -> Result<()>;

    async fn create_group(
        &self,
        session: &SessionName,
        group: &NewGroup,
        call_key: &str,
    ) -> Result<EngineAnswer<Created>>;

    async fn leave_group(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        call_key: &str,
    ) -> Result<EngineAnswer<()>>;

    async fn set_subject(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        subject: &SubjectText,
        call_key: &str,
    ) -> Result<EngineAnswer<()>>;

    /// Refuses with `DESCRIPTION_CONFLICT` where the group's description has another id by now.
    async fn set_description(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        description: &DescriptionText,
        expected_id: Option<&str>,
        call_key: &str,
    ) -> Result<EngineAnswer<()>>;

    /// Adds (`Join`), removes (`Leave`), promotes or demotes.
    async fn change_participants(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        action: MemberAction,
        participants: &[ParticipantId],
        call_key: &str,
    ) -> Result<ParticipantsAnswer>;

    /// The group as WhatsApp has it now; `None` where we are not in it.
    async fn fetch_group(&self, session: &SessionName, group_id: &GroupId)
    -> Result<Option<Group>>;
}

/// Which account a new session would like to be, where the engine lets one choose.
#[derive(Debug, Clone, Default)]
pub struct AccountWish {
    pub phone_number: Option<crate::domain::id::PhoneNumber>,
    pub push_name: Option<String>,
}
