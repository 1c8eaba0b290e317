//! The simulator as an engine: sessions, their calls, and what they are told.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::delivery::{Delivered, Delivery};
use super::faults::{Faults, Point};
use super::ledger::Ledger;
use super::world::{Done, Notification, Operation};
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::event::MemberAction;
use crate::domain::group::{AddressingMode, Group};
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber, SessionName};
use crate::domain::participant::Account;
use crate::domain::port::engine::{
    AccountWish, Created, EngineAnswer, EngineError, GroupEngine, NotificationSink,
    ParticipantsAnswer, Result,
};
use crate::domain::port::repository::StoreError;
use crate::domain::port::world::WorldStore;
use crate::domain::reason::Reason;
use crate::domain::session::EngineKind;

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

    /// Takes the session offline and unlinks its device: it is told nothing more, and what waited for it
    /// is gone. Its account stays in its groups.
    pub async fn log_out(&self, session: &SessionName) -> Result<()> {
        let mut deliveries = self.deliveries.lock().await;
        self.go_offline(&mut deliveries, session).await;
        self.delivered.write().unwrap_or_else(PoisonError::into_inner).remove(session);
        let session = session.clone();
        self.ledger.apply(move |world, _| world.log_out(&session)).await
    }

    /// Carries an operation out as the session's account.
    async fn mutate(
        &self,
        session: &SessionName,
        operation: Operation,
        request: Option<&str>,
    ) -> Result<Done> {
        let phone = self.online_account(session)?;
        let struck = self.faults.strike_call(session);
        self.faults.suffer(&struck, Point::BeforeApply).await?;
        let (caller, request) = (session.clone(), request.map(str::to_owned));
        let done = self
            .ledger
            .apply(move |world, now| {
                let done = world.perform(now, phone, &operation, false)?;
                if let Some(request) = request {
                    world.note_applied(&caller, &request);
                }
                Ok(done)
            })
            .await?
            .map_err(|refusal: super::world::Refusal| EngineError::rejected(refusal.into()))?;
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

    async fn start(&self, session: &SessionName, wish: &AccountWish) -> Result<Account> {
        let mut deliveries = self.deliveries.lock().await;
        let (name, wish) = (session.clone(), wish.clone());
        let phone = self
            .ledger
            .apply(move |world, _| world.log_in(&name, &wish))
            .await?
            .map_err(|refusal| EngineError::rejected(refusal.into()))?;
        let account = super::world::numbers::names(phone);
        if deliveries
            .get(session)
            .is_some_and(|running| running.phone == phone && !running.task.is_finished())
        {
            return Ok(account);
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
        Ok(account)
    }

    async fn stop(&self, session: &SessionName) -> Result<()> {
        let mut deliveries = self.deliveries.lock().await;
        self.go_offline(&mut deliveries, session).await;
        Ok(())
    }

    async fn create_group(
        &self,
        session: &SessionName,
        subject: &str,
        description: &str,
        participants: &[ParticipantId],
        request: Option<&str>,
    ) -> Result<EngineAnswer<Created>> {
        let operation = Operation::Create {
            subject: subject.to_owned(),
            description: description.to_owned(),
            participants: participants.to_vec(),
            addressing_mode: AddressingMode::Lid,
        };
        let done = self.mutate(session, operation, request).await?;
        let Some(group_id) = done.group_id else {
            return Err(EngineError::unknown("the simulator made a group without an id"));
        };
        Ok(answer(Created { group_id, results: done.results }, &done.echo))
    }

    async fn leave_group(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        request: Option<&str>,
    ) -> Result<EngineAnswer<()>> {
        let done = self.mutate(session, Operation::Leave(group_id.clone()), request).await?;
        Ok(answer((), &done.echo))
    }

    async fn set_subject(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        subject: &str,
        request: Option<&str>,
    ) -> Result<EngineAnswer<()>> {
        let operation = Operation::SetSubject(group_id.clone(), subject.to_owned());
        let done = self.mutate(session, operation, request).await?;
        Ok(answer((), &done.echo))
    }

    async fn set_description(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        description: &str,
        request: Option<&str>,
    ) -> Result<EngineAnswer<()>> {
        let operation = Operation::SetDescription(group_id.clone(), description.to_owned());
        let done = self.mutate(session, operation, request).await?;
        Ok(answer((), &done.echo))
    }

    async fn change_participants(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        action: MemberAction,
        participants: &[ParticipantId],
        request: Option<&str>,
    ) -> Result<ParticipantsAnswer> {
        let (group_id, participants) = (group_id.clone(), participants.to_vec());
        let operation = match action {
            MemberAction::Join => Operation::Add(group_id, participants),
            MemberAction::Leave => Operation::Remove(group_id, participants),
            MemberAction::Promote => Operation::Promote(group_id, participants),
            MemberAction::Demote => Operation::Demote(group_id, participants),
        };
        let done = self.mutate(session, operation, request).await?;
        Ok(answer(done.results, &done.echo))
    }

    async fn fetch_group(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<Group>> {
        let phone = self.online_account(session)?;
        let struck = self.faults.strike_call(session);
        self.faults.suffer(&struck, Point::BeforeApply).await?;
        let group_id = group_id.clone();
        self.ledger
            .read(move |world| {
                let group = world.group(&group_id)?;
                group.core.role_of(phone).map(|_| group.core.view())
            })
            .await
    }
}
