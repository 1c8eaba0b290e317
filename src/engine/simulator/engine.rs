//! The simulator as an engine: sessions, their calls, and what they are told.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::delivery::{Delivered, Delivery};
use super::faults::{Faults, Point};
use super::ledger::Ledger;
use super::world::{Done, Notification, Operation, Refusal};
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::event::MemberAction;
use crate::domain::group::{AddressingMode, DescriptionText, SubjectText};
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber, SessionName};
use crate::domain::invite::{GroupPreview, Invite};
use crate::domain::join_request::JoinRequest;
use crate::domain::picture::GroupPicture;
use crate::domain::port::engine::{
    AccountWish, Created, EngineAnswer, EngineError, EngineOperation, FetchedGroup, GroupEngine,
    Joined, Login, NewGroup, NotificationSink, PairingCode, ParticipantsAnswer, RequestAnswer,
    Result, Snapshot, Started,
};
use crate::domain::port::repository::StoreError;
use crate::domain::port::world::WorldStore;
use crate::domain::reason::Reason;
use crate::domain::session::EngineKind;
use crate::domain::setting::Setting;

#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What chance is drawn from. A world that is stored already keeps its own.
    pub seed: u64,
}

/// A WhatsApp of our own, durable in a [`WorldStore`].
pub struct SimulatorEngine {
    pub(super) ledger: Ledger,
    pub(super) sink: Arc<dyn NotificationSink>,
    pub(super) faults: Arc<Faults>,
    /// Who is online. Held across a start or a stop, so that two of them cannot cross.
    deliveries: Mutex<HashMap<SessionName, Running>>,
    /// The same for calls, which must not wait for a start.
    online: RwLock<HashMap<SessionName, PhoneNumber>>,
    pub(super) delivered: RwLock<HashMap<SessionName, Delivered>>,
    tasks: TaskTracker,
}

impl fmt::Debug for SimulatorEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatorEngine")
    }
}

struct Running {
    phone: PhoneNumber,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl SimulatorEngine {
    /// Loads the world, or makes one. Notifications of sessions that are started go to the sink.
    pub async fn open(
        store: Arc<dyn WorldStore>,
        sink: Arc<dyn NotificationSink>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> std::result::Result<Self, StoreError> {
        Ok(Self {
            ledger: Ledger::open(store, clock, options.seed).await?,
            sink,
            faults: Arc::new(Faults::default()),
            deliveries: Mutex::new(HashMap::new()),
            online: RwLock::new(HashMap::new()),
            delivered: RwLock::new(HashMap::new()),
            tasks: TaskTracker::new(),
        })
    }

    /// Stops all deliveries and waits for them. What was not delivered waits for the next start.
    pub async fn shutdown(&self) {
        let mut deliveries = self.deliveries.lock().await;
        for (_, running) in deliveries.drain() {
            running.cancel.cancel();
        }
        self.online.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn online_account(&self, session: &SessionName) -> Result<PhoneNumber> {
        let online = self.online.read().unwrap_or_else(PoisonError::into_inner);
        online.get(session).copied().ok_or_else(|| {
            let error = Error::new(
                Reason::SessionNotWorking,
                format!("session {session} is not connected to WhatsApp; start it"),
            );
            EngineError::not_sent(error.about("session", session).with("session", session))
        })
    }

    async fn go_offline(
        &self,
        deliveries: &mut HashMap<SessionName, Running>,
        session: &SessionName,
    ) {
        self.online.write().unwrap_or_else(PoisonError::into_inner).remove(session);
        if let Some(running) = deliveries.remove(session) {
            running.cancel.cancel();
            // Only so that nothing is delivered after the answer; how it ended does not matter.
            let _ = running.task.await;
        }
    }

    /// Carries an operation out as the session's account.
    async fn mutate(
        &self,
        session: &SessionName,
        operation: Operation,
        call_key: &str,
    ) -> Result<Done> {
        self.online_account(session)?;
        let struck = self.faults.strike_call(session);
        self.faults.suffer(&struck, Point::BeforeApply).await?;
        let (caller, key) = (session.clone(), call_key.to_owned());
        let done = self
            .ledger
            .apply(move |world, now| world.perform_call(now, &caller, &operation, &key))
            .await?
            .map_err(|refusal| EngineError::rejected(refusal.into()))?;
        self.faults.suffer(&struck, Point::AfterApply).await?;
        Ok(done)
    }
}

fn answer<T>(value: T, echo: &[Arc<Notification>]) -> EngineAnswer<T> {
    EngineAnswer {
        value,
        observations: echo.iter().map(|notification| notification.observation()).collect(),
        source_ids: echo.iter().map(|notification| notification.source_id()).collect(),
    }
}

#[async_trait]
impl GroupEngine for SimulatorEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Simulator
    }

    async fn log_in(&self, session: &SessionName, wish: &AccountWish) -> Result<Login> {
        let (name, wish) = (session.clone(), wish.clone());
        self.ledger
            .apply(move |world, _| {
                let phone = world.log_in(&name, &wish)?;
                let push_name = world.account(phone).settings.push_name;
                Ok(Login { account: world.names(phone), push_name })
            })
            .await?
            .map_err(|refusal: Refusal| EngineError::rejected(refusal.into()))
    }

    async fn start(&self, session: &SessionName) -> Result<Started> {
        let mut deliveries = self.deliveries.lock().await;
        let name = session.clone();
        let phone = self.ledger.read(move |world| world.session_account(&name)).await?;
        let Some(phone) = phone else {
            let message = format!("session {session} has no account in the simulator; log it in");
            let error = Error::new(Reason::LoggedOut, message).about("session", session);
            return Err(EngineError::rejected(error.with("session", session)));
        };
        let is_running = deliveries
            .get(session)
            .is_some_and(|running| running.phone == phone && !running.task.is_finished());
        if is_running {
            return Ok(Started::Online);
        }
        self.go_offline(&mut deliveries, session).await;
        let delivered = {
            let mut delivered = self.delivered.write().unwrap_or_else(PoisonError::into_inner);
            delivered.entry(session.clone()).or_default().clone()
        };
        let delivery = Delivery {
            session: session.clone(),
            phone,
            ledger: self.ledger.clone(),
            sink: self.sink.clone(),
            faults: self.faults.clone(),
            delivered,
        };
        let cancel = CancellationToken::new();
        let task = self.tasks.spawn(delivery.run(cancel.clone()));
        deliveries.insert(session.clone(), Running { phone, cancel, task });
        self.online.write().unwrap_or_else(PoisonError::into_inner).insert(session.clone(), phone);
        Ok(Started::Online)
    }

    async fn stop(&self, session: &SessionName) -> Result<()> {
        let mut deliveries = self.deliveries.lock().await;
        self.go_offline(&mut deliveries, session).await;
        Ok(())
    }

    async fn forget(&self, session: &SessionName) -> Result<()> {
        let mut deliveries = self.deliveries.lock().await;
        self.go_offline(&mut deliveries, session).await;
        self.delivered.write().unwrap_or_else(PoisonError::into_inner).remove(session);
        let session = session.clone();
        self.ledger.apply(move |world, _| world.log_out(&session)).await
    }

    async fn create_group(
        &self,
        session: &SessionName,
        group: &NewGroup,
        call_key: &str,
    ) -> Result<EngineAnswer<Created>> {
        let operation = Operation::Create {
            subject: group.subject.as_str().to_owned(),
            description: group.description.as_str().to_owned(),
            participants: group.participants.clone(),
            settings: group.settings,
            addressing_mode: AddressingMode::Lid,
        };
        let done = self.mutate(session, operation, call_key).await?;
        let Some(group_id) = done.group_id else {
            return Err(EngineError::unknown("the simulator made a group without an id"));
        };
        Ok(answer(Created { group_id, results: done.results }, &done.echo))
    }

    async fn leave_group(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let done = self.mutate(session, Operation::Leave(group_id.clone()), call_key).await?;
        Ok(answer((), &done.echo))
    }

    async fn set_subject(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        subject: &SubjectText,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let operation = Operation::SetSubject(group_id.clone(), subject.as_str().to_owned());
        let done = self.mutate(session, operation, call_key).await?;
        Ok(answer((), &done.echo))
    }

    async fn set_description(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        description: &DescriptionText,
        expected_id: Option<&str>,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let operation = Operation::SetDescription {
            group_id: group_id.clone(),
            text: description.as_str().to_owned(),
            expected_id: expected_id.map(str::to_owned),
        };
        let done = self.mutate(session, operation, call_key).await?;
        Ok(answer((), &done.echo))
    }

    async fn change_participants(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        action: MemberAction,
        participants: &[ParticipantId],
        call_key: &str,
    ) -> Result<ParticipantsAnswer> {
        let (group_id, participants) = (group_id.clone(), participants.to_vec());
        let operation = match action {
            MemberAction::Join => Operation::Add(group_id, participants),
            MemberAction::Leave => Operation::Remove(group_id, participants),
            MemberAction::Promote => Operation::Promote(group_id, participants),
            MemberAction::Demote => Operation::Demote(group_id, participants),
        };
        let done = self.mutate(session, operation, call_key).await?;
        Ok(answer(done.results, &done.echo))
    }

    async fn fetch_group(&self, session: &SessionName, group_id: &GroupId) -> Result<FetchedGroup> {
        let phone = self.online_account(session)?;
        let struck = self.faults.strike_call(session);
        self.faults.suffer(&struck, Point::BeforeApply).await?;
        let group_id = group_id.clone();
        self.ledger
            .read(move |world| {
                let group = world.group(&group_id);
                let group = group.filter(|group| group.core.role_of(phone).is_some());
                FetchedGroup { group: group.map(|group| group.core.view()), stamp: None }
            })
            .await
    }

    fn supports(&self, _: &SessionName, _: EngineOperation) -> bool {
        true
    }

    async fn log_out(&self, _: &SessionName) -> Result<()> {
        Err(not_yet("LogoutSession"))
    }

    async fn request_pairing_code(&self, _: &SessionName, _: PhoneNumber) -> Result<PairingCode> {
        Err(not_yet("RequestPairingCode"))
    }

    async fn join_group(
        &self,
        _: &SessionName,
        _: &Invite,
        _: &str,
    ) -> Result<EngineAnswer<Joined>> {
        Err(not_yet("JoinGroup"))
    }

    async fn fetch_join_info(&self, _: &SessionName, _: &Invite) -> Result<GroupPreview> {
        Err(not_yet("GetJoinInfo"))
    }

    async fn change_setting(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        setting: Setting,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let operation = Operation::ChangeSettings(group_id.clone(), vec![setting]);
        let done = self.mutate(session, operation, call_key).await?;
        Ok(answer((), &done.echo))
    }

    async fn fetch_picture(&self, _: &SessionName, _: &GroupId) -> Result<Option<GroupPicture>> {
        Err(not_yet("GetGroupPicture"))
    }

    async fn set_picture(
        &self,
        _: &SessionName,
        _: &GroupId,
        _: Option<&Bytes>,
        _: &str,
    ) -> Result<EngineAnswer<()>> {
        Err(not_yet("SetGroupPicture"))
    }

    async fn fetch_join_requests(&self, _: &SessionName, _: &GroupId) -> Result<Vec<JoinRequest>> {
        Err(not_yet("ListJoinRequests"))
    }

    async fn answer_join_requests(
        &self,
        _: &SessionName,
        _: &GroupId,
        _: RequestAnswer,
        _: &[ParticipantId],
        _: &str,
    ) -> Result<ParticipantsAnswer> {
        Err(not_yet("ApproveJoinRequests"))
    }

    async fn fetch_invite_code(&self, _: &SessionName, _: &GroupId) -> Result<InviteCode> {
        Err(not_yet("GetInviteCode"))
    }

    async fn revoke_invite_code(
        &self,
        _: &SessionName,
        _: &GroupId,
        _: &str,
    ) -> Result<EngineAnswer<InviteCode>> {
        Err(not_yet("RevokeInviteCode"))
    }

    async fn fetch_all(&self, _: &SessionName) -> Result<Snapshot> {
        Err(not_yet("FetchAll"))
    }
}

fn not_yet(operation: &str) -> EngineError {
    let message = format!("the simulator cannot do {operation} yet");
    EngineError::not_sent(Error::new(Reason::NotImplemented, message).with("method", operation))
}
