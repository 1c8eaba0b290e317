//! What carries calls to WhatsApp and brings its notifications.

mod notification;
mod operation;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
pub use notification::{
    ConnectionNews, EngineNotification, News, NotificationSink, PairingCode, QrCode, Taken, Told,
};
pub use operation::EngineOperation;

use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::event::{Field, MemberAction};
use crate::domain::facts::Stamp;
use crate::domain::group::{DescriptionText, Group, GroupSettings, SubjectText};
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber, SessionName};
use crate::domain::invite::{GroupPreview, Invite, JoinOutcome};
use crate::domain::join_request::JoinRequest;
use crate::domain::participant::{Account, ParticipantResult};
use crate::domain::picture::GroupPicture;
use crate::domain::reducer::{Change, Observation};
use crate::domain::session::{EngineConfig, EngineKind};
use crate::domain::setting::Setting;

/// How far a failed call got: whether it may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It never left this process.
    NotSent,
    /// WhatsApp refused it; nothing changed.
    Rejected,
    /// The engine failed in a way that such a refusal usually has, without saying so: a guess, which what is
    /// known of the group may contradict.
    Supposed,
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

impl<T> EngineAnswer<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> EngineAnswer<U> {
        EngineAnswer {
            value: f(self.value),
            observations: self.observations,
            source_ids: self.source_ids,
        }
    }
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    pub group_id: GroupId,
    pub outcome: JoinOutcome,
}

/// What to say to people who asked to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestAnswer {
    Approve,
    Reject,
}

/// One group as WhatsApp has it now.
#[derive(Debug, Clone)]
pub struct FetchedGroup {
    /// `None` where we are not in it.
    pub group: Option<Group>,
    /// Of what the engine does not speak, or what it knows from a cache only.
    pub untold: Vec<Field>,
    /// Where the engine can order what it reads among its notifications.
    pub stamp: Option<Stamp>,
}

/// All groups of a session, as an engine lists them. Lists lie: they lack groups and members, hold blank
/// groups, and come from caches.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub groups: Vec<Group>,
    /// Of what the list does not speak, in some group at least.
    pub untold: Vec<Field>,
    /// Where the engine can order what it reads among its notifications.
    pub stamp: Option<Stamp>,
    /// When the engine answered, this service's clock.
    pub fetch_time: Timestamp,
    /// How old the list may have been by then; zero where it is live.
    pub max_age: Duration,
    /// Whether it may have groups in it that we have left: of these it proves nothing.
    pub has_left_groups: bool,
}

impl FetchedGroup {
    /// What the read says of the group.
    pub fn into_change(self) -> Change {
        match self.group {
            Some(group) => Change::whole(group, self.untold),
            None => Change::Left,
        }
    }
}

/// A group's member changes, one result for each requested participant in the order of the request.
pub type ParticipantsAnswer = EngineAnswer<Vec<ParticipantResult>>;

/// Who a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub account: Account,
    pub push_name: String,
}

/// How far a start got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// The session's calls reach WhatsApp. [`ConnectionNews::Online`] follows.
    Online,
    /// It is on its way. [`ConnectionNews::Online`] follows, or what went wrong.
    Connecting,
    /// Someone must link the device first. [`ConnectionNews::Linked`] follows if they do.
    Pairing(QrCode),
}

/// One way to WhatsApp. `call_key` names a call; an engine that can hand it to WhatsApp brings it
/// back with the echo of the change ([`EngineNotification::call_key`]). One suite (`tests/it/engine`)
/// runs against every engine.
#[async_trait]
pub trait GroupEngine: Send + Sync + 'static {
    fn kind(&self) -> EngineKind;

    /// Whether the session's engine can do this at all. What it cannot is answered with
    /// UNSUPPORTED_BY_ENGINE, and nothing is sent.
    fn supports(&self, session: &SessionName, operation: EngineOperation) -> bool;

    /// Whether a read of one group fetches all of them from WhatsApp, so that it is better to wait a moment for what
    /// events tell.
    fn fetches_all(&self, _session: &SessionName) -> bool {
        false
    }

    /// What the session's calls go to. Calls to one upstream share its places, so that one that hangs does not
    /// keep the calls to others waiting.
    fn upstream(&self, _session: &SessionName) -> Arc<str> {
        Arc::default()
    }

    /// Completes the settings of a new session, or refuses them: where they leave open which server carries
    /// it, the engine chooses. `load` says how many sessions a server has.
    fn place(
        &self,
        config: EngineConfig,
        load: &(dyn Fn(&str) -> usize + Sync),
    ) -> std::result::Result<EngineConfig, Error> {
        let _ = load;
        Ok(config)
    }

    /// How the session is set. Comes before its first login, and whenever the settings change.
    fn configure(&self, session: &SessionName, config: &EngineConfig) {
        let _ = (session, config);
    }

    /// Says who the session is, having made or found its account; `None` where nobody has linked one yet.
    /// Nothing is delivered yet.
    async fn log_in(&self, session: &SessionName, wish: &AccountWish) -> Result<Option<Login>>;

    /// Brings the session online: from now on what it is told goes to the sink that the engine was
    /// built with, also what it was told while it was away. Repeating it is harmless.
    async fn start(&self, session: &SessionName) -> Result<Started>;

    /// Takes the session offline; what it is told meanwhile waits for it.
    async fn stop(&self, session: &SessionName) -> Result<()>;

    /// Unlinks the device at WhatsApp and forgets its credentials. The next start leads to pairing.
    async fn log_out(&self, session: &SessionName) -> Result<()>;

    /// A code to link the device by typing, while the session waits for it. It voids the one before.
    async fn request_pairing_code(
        &self,
        session: &SessionName,
        phone: PhoneNumber,
    ) -> Result<PairingCode>;

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

    /// Where the answer holds no observation of the group, the caller reads it.
    async fn join_group(
        &self,
        session: &SessionName,
        invite: &Invite,
        call_key: &str,
    ) -> Result<EngineAnswer<Joined>>;

    async fn fetch_join_info(&self, session: &SessionName, invite: &Invite)
    -> Result<GroupPreview>;

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

    async fn change_setting(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        setting: Setting,
        call_key: &str,
    ) -> Result<EngineAnswer<()>>;

    /// `None` where the group has no picture, or hides it.
    async fn fetch_picture(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<GroupPicture>>;

    /// Sets the picture, a square JPEG; `None` removes it.
    async fn set_picture(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        jpeg: Option<&Bytes>,
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

    async fn fetch_join_requests(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Vec<JoinRequest>>;

    /// One result for each participant; who has no open request gets `RequestNotFound`. Where nobody
    /// has, it refuses with `JOIN_REQUEST_NOT_FOUND`.
    async fn answer_join_requests(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        answer: RequestAnswer,
        participants: &[ParticipantId],
        call_key: &str,
    ) -> Result<ParticipantsAnswer>;

    async fn fetch_invite_code(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<InviteCode>;

    /// Voids the invite code and answers the new one.
    async fn revoke_invite_code(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        call_key: &str,
    ) -> Result<EngineAnswer<InviteCode>>;

    /// The group as WhatsApp has it now.
    async fn fetch_group(&self, session: &SessionName, group_id: &GroupId) -> Result<FetchedGroup>;

    /// All groups that the session is in, with their members.
    async fn fetch_all(&self, session: &SessionName) -> Result<Snapshot>;
}

/// Which account a new session would like to be, where the engine lets one choose.
#[derive(Debug, Clone, Default)]
pub struct AccountWish {
    pub phone_number: Option<PhoneNumber>,
    pub push_name: Option<String>,
}
