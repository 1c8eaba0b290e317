//! The simulator's sessions: which are online, which wait to be linked, and their notification delivery.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::delivery::{Delivered, Delivery};
use super::faults::{Faults, Point, Struck};
use super::ledger::Ledger;
use super::linking::{FurtherCodes, Linking, first_code};
use super::online::{Connection, Online};
use super::world::{CallOutcome, CallRecord, Done, Operation, Refusal, World};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::error::Error;
use crate::domain::id::{GroupId, PhoneNumber, SessionName};
use crate::domain::operation::{EngineCall, EngineError, OperationName, Outcome, Result};
use crate::domain::port::engine::{
    ConnectionEvent, EngineEventSink, Login, PairingCode, RequestedAccount, Started,
};
use crate::domain::port::repository::StoreError;
use crate::domain::port::world::WorldStore;
use crate::domain::reason::Reason;

/// How long a pairing code can be typed.
const PAIRING_CODE_LIFE: Duration = Duration::from_secs(160);

#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The seed of random numbers. A world that is stored already keeps its own.
    pub seed: u64,
}

/// A WhatsApp of our own, durable in a [`WorldStore`].
pub struct SimulatorEngine {
    pub(super) ledger: Ledger,
    pub(super) sink: Arc<dyn EngineEventSink>,
    pub(super) faults: Arc<Faults>,
    pub(super) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Sessions that are online. Locked during a start or a stop, so that two cannot cross.
    deliveries: Mutex<HashMap<SessionName, Running>>,
    /// The same for calls, which must not wait for a start.
    online: Arc<Online>,
    pub(super) delivered: RwLock<HashMap<SessionName, Delivered>>,
    pub(super) linking: Arc<Linking>,
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
    /// Breaks the connection for so long.
    breaks: mpsc::Sender<Duration>,
    task: tokio::task::JoinHandle<()>,
}

impl SimulatorEngine {
    /// Loads the world, or makes one. Notifications of sessions that are started go to the sink.
    pub async fn open(
        store: Arc<dyn WorldStore>,
        sink: Arc<dyn EngineEventSink>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: Options,
    ) -> std::result::Result<Self, StoreError> {
        Ok(Self {
            ledger: Ledger::open(store, clock.clone(), options.seed).await?,
            sink,
            faults: Arc::new(Faults::default()),
            clock,
            entropy,
            deliveries: Mutex::new(HashMap::new()),
            online: Arc::default(),
            delivered: RwLock::new(HashMap::new()),
            linking: Arc::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// Stops all deliveries and waits for them. What was not delivered waits for the next start.
    pub async fn shutdown(&self) {
        let mut deliveries = self.deliveries.lock().await;
        for (_, running) in deliveries.drain() {
            running.cancel.cancel();
        }
        self.online.clear();
        self.linking.end_all();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The account of a session whose calls can be made.
    pub(super) fn online_account(&self, session: &SessionName) -> Result<PhoneNumber> {
        let refuse = |reason: Reason, what: &str| {
            let error = Error::new(reason, format!("session {session} {what}"));
            error.about("session", session).with("session", session)
        };
        match self.online.get(session) {
            Some(Connection { phone, is_broken: false }) => Ok(phone),
            Some(Connection { is_broken: true, .. }) => Err(EngineError::not_sent(
                refuse(Reason::SessionStarting, "is reconnecting; try again in a moment")
                    .with("status", "STARTING")
                    .retry_after(Duration::from_secs(1)),
            )),
            None => Err(EngineError::not_sent(refuse(
                Reason::SessionNotWorking,
                "is not connected to WhatsApp; start it",
            ))),
        }
    }

    async fn go_offline(
        &self,
        deliveries: &mut HashMap<SessionName, Running>,
        session: &SessionName,
    ) {
        self.online.remove(session);
        if let Some(running) = deliveries.remove(session) {
            running.cancel.cancel();
            // Only so that nothing is delivered after the answer; how it ended does not matter.
            let _ = running.task.await;
        }
    }

    pub(super) async fn log_in_session(
        &self,
        session: &SessionName,
        wish: &RequestedAccount,
    ) -> Result<Login> {
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

    pub(super) async fn start_session(&self, session: &SessionName) -> Result<Started> {
        let mut deliveries = self.deliveries.lock().await;
        let name = session.clone();
        let (phone, qr_code) = self
            .ledger
            .apply(move |world, _| {
                let code = world.is_unlinked(&name).then(|| world.new_qr_code());
                (world.session_account(&name), code)
            })
            .await?;
        if let Some(value) = qr_code {
            let codes = FurtherCodes {
                session: session.clone(),
                ledger: self.ledger.clone(),
                sink: self.sink.clone(),
                clock: self.clock.clone(),
                linking: self.linking.clone(),
            };
            self.tasks.spawn(codes.run(self.linking.begin(session, self.clock.now())));
            return Ok(Started::Pairing(first_code(value, self.clock.as_ref())));
        }
        self.linking.end(session);
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
            let mut delivered = self.delivered.write();
            delivered.entry(session.clone()).or_default().clone()
        };
        let delivery = Delivery {
            session: session.clone(),
            phone,
            ledger: self.ledger.clone(),
            sink: self.sink.clone(),
            faults: self.faults.clone(),
            online: self.online.clone(),
            delivered,
            entropy: self.entropy.clone(),
        };
        let cancel = CancellationToken::new();
        let (breaks, broken) = mpsc::channel(1);
        self.online.put(session, phone);
        let task = self.tasks.spawn(delivery.run(cancel.clone(), broken));
        deliveries.insert(session.clone(), Running { phone, cancel, breaks, task });
        Ok(Started::Online)
    }

    pub(super) async fn stop_session(&self, session: &SessionName) {
        let mut deliveries = self.deliveries.lock().await;
        self.linking.end(session);
        self.go_offline(&mut deliveries, session).await;
    }

    pub(super) async fn forget_session(&self, session: &SessionName) -> Result<()> {
        self.stop_session(session).await;
        self.delivered.write().remove(session);
        let session = session.clone();
        self.ledger
            .apply(move |world, _| {
                world.unlink(&session);
                world.forget_session(&session);
            })
            .await
    }

    /// Unlinks the session's device; the next start asks for it to be linked.
    pub(super) async fn unlink_session(&self, session: &SessionName) -> Result<()> {
        self.stop_session(session).await;
        let session = session.clone();
        self.ledger.apply(move |world, _| world.unlink(&session)).await
    }

    pub(super) async fn pairing_code(&self, session: &SessionName) -> Result<PairingCode> {
        let name = session.clone();
        let code = self
            .ledger
            .apply(move |world, _| world.is_unlinked(&name).then(|| world.new_pairing_code()))
            .await?;
        let Some(code) = code else {
            let message = format!("session {session} does not wait to be linked");
            let error = Error::new(Reason::AlreadyLoggedIn, message).about("session", session);
            return Err(EngineError::rejected(error.with("session", session)));
        };
        let expire_time = self.clock.now() + PAIRING_CODE_LIFE;
        // With the last QR code the connection ends, and this code with it.
        let end = self.linking.end_of(session).unwrap_or(expire_time);
        Ok(PairingCode { code, expire_time: expire_time.min(end) })
    }

    /// Breaks the session's connection; it comes back by itself.
    pub(super) async fn break_connection(&self, session: &SessionName, duration: Duration) {
        let breaks = {
            let deliveries = self.deliveries.lock().await;
            deliveries.get(session).map(|running| running.breaks.clone())
        };
        let Some(breaks) = breaks else { return };
        // Where one break waits already, another one adds nothing.
        if breaks.try_send(duration).is_ok() {
            self.online.set_broken(session, true);
        }
    }

    /// The holder unlinks the device at WhatsApp, or WhatsApp does.
    pub(super) async fn be_unlinked(&self, session: &SessionName) -> Result<()> {
        self.unlink_session(session).await?;
        self.sink.connection_changed(session, ConnectionEvent::LoggedOut).await;
        Ok(())
    }

    /// Carries an operation out as the session's account.
    pub(super) async fn mutate(
        &self,
        call: EngineCall<'_>,
        name: OperationName,
        operation: Operation,
    ) -> Result<Done> {
        let EngineCall { session, .. } = call;
        self.online_account(session)?;
        let struck = self.faults.strike_call(session, name);
        let call = self.record(call, name, operation.group_id(), &struck);
        self.survive(&call, &struck).await?;
        let done = self
            .ledger
            .apply(move |world, now| world.perform_call(now, call, &operation))
            .await?
            .map_err(|refusal| EngineError::rejected(refusal.into()))?;
        self.suffer(session, &struck, Point::AfterApply).await?;
        Ok(done)
    }

    /// Looks something up as the session's account.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        call: EngineCall<'_>,
        name: OperationName,
        group_id: Option<&GroupId>,
        look: impl FnOnce(&mut World, PhoneNumber) -> std::result::Result<T, Refusal> + Send + 'static,
    ) -> Result<T> {
        let EngineCall { session, .. } = call;
        let phone = self.online_account(session)?;
        let struck = self.faults.strike_call(session, name);
        let call = self.record(call, name, group_id, &struck);
        self.survive(&call, &struck).await?;
        let seen = self
            .ledger
            .look(move |world| {
                let seen = look(world, phone);
                let (outcome, code) = match &seen {
                    Ok(_) => (call.outcome, 0),
                    Err(refusal) => (CallOutcome::Refused, refusal.code()),
                };
                world.note_call(CallRecord { outcome, code, ..call });
                seen
            })
            .await?
            .map_err(|refusal| EngineError::rejected(refusal.into()))?;
        self.suffer(session, &struck, Point::AfterApply).await?;
        Ok(seen)
    }

    /// A call as it will be noted if nothing happens to it before the world has it.
    fn record(
        &self,
        call: EngineCall<'_>,
        operation: OperationName,
        group_id: Option<&GroupId>,
        struck: &Struck,
    ) -> CallRecord {
        let outcome = if struck.loses_answer() { CallOutcome::Lost } else { CallOutcome::Ok };
        CallRecord {
            number: 0,
            session: call.session.clone(),
            operation,
            group_id: group_id.cloned(),
            call_key: call.key.to_owned(),
            time: self.clock.now(),
            applied: false,
            outcome,
            code: 0,
        }
    }

    /// Applies the faults before the world gets the call, and notes calls that never get there.
    async fn survive(&self, call: &CallRecord, struck: &Struck) -> Result<()> {
        let number = if struck.hangs_at(Point::BeforeApply) {
            let call = CallRecord { outcome: CallOutcome::Open, ..call.clone() };
            Some(self.ledger.apply(move |world, _| world.note_call(call)).await?)
        } else {
            None
        };
        let Err(error) = self.suffer(&call.session, struck, Point::BeforeApply).await else {
            return Ok(());
        };
        let outcome = match error.outcome {
            Outcome::Unknown => CallOutcome::Lost,
            Outcome::NotSent | Outcome::Rejected | Outcome::Supposed => CallOutcome::Refused,
        };
        let code = error.error.metadata().get("code").and_then(|code| code.parse().ok());
        let call = CallRecord { outcome, code: code.unwrap_or_default(), ..call.clone() };
        let noted = self.ledger.apply(move |world, _| match number {
            Some(number) => world.end_call(number, outcome),
            None => {
                world.note_call(call);
            }
        });
        noted.await?;
        Err(error)
    }

    async fn suffer(&self, session: &SessionName, struck: &Struck, point: Point) -> Result<()> {
        let suffered = self.faults.suffer(struck, point).await;
        if suffered.is_err() && struck.drops_connection_at(point) {
            self.break_connection(session, Duration::ZERO).await;
        }
        suffered
    }
}
