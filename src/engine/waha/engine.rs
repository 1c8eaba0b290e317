//! The engine: sessions that WAHA servers carry.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::monitor::Monitor;
use super::others::Others;
use super::routed_session::{RoutedSession, Serve};
use super::routes::{Route, Routes};
use super::server::{Limits, Server, ServerOptions};
use super::webhook::WahaEngine;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::error::Error;
use crate::domain::id::{PhoneNumber, SessionName};
use crate::domain::operation::{
    EngineCall, EngineError, Operation, OperationName as Op, Perform, Result,
};
use crate::domain::port::engine::{
    ConnectionEvent, EngineEventSink, GroupEngine, Login, PairingCode, RequestedAccount, Started,
};
use crate::domain::port::fetch_budget::FetchBudget;
use crate::domain::port::other_events::OtherEvents;
use crate::domain::port::spellings::SpellingMemory;
use crate::domain::reason::Reason;
use crate::domain::session::{EngineConfig, EngineKind};
use crate::tls::Trust;

/// How long a session that starts waits for its server's stream, so that nothing falls between the list of
/// its groups and the first event.
const STREAM_PATIENCE: Duration = Duration::from_secs(5);

/// Lists of all groups that are on their way from all servers: each may have `max_list_bytes`, and they are
/// in memory whole.
const MAX_LISTS: usize = 16;

#[derive(Debug, Clone)]
pub struct Options {
    pub servers: Vec<ServerOptions>,
    pub limits: Limits,
    pub trust: Trust,
    /// How often servers are asked for the status of their sessions, beside their events.
    pub status_interval: Duration,
    /// Receives all events that are not of groups; `None` = nobody.
    pub receivers: Option<Arc<dyn OtherEvents>>,
    /// Where what WhatsApp tells of numbers outlives the process; `None` = nowhere.
    pub spellings: Option<Arc<dyn SpellingMemory>>,
}

/// Sessions on many WAHA servers, as one engine.
pub struct WahaServers {
    servers: BTreeMap<String, Carrier>,
    routes: Arc<Routes>,
    sink: Arc<dyn EngineEventSink>,
    clock: Arc<dyn Clock>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

struct Carrier {
    server: Arc<Server>,
    /// Whether its stream of events is open; `None` until it was tried.
    streams: watch::Receiver<Option<bool>>,
}

impl fmt::Debug for WahaServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WahaServers").field("servers", &self.servers.keys()).finish_non_exhaustive()
    }
}

impl WahaServers {
    /// Follows each server from now on; events of started sessions go to the sink.
    pub fn open(
        options: Options,
        sink: Arc<dyn EngineEventSink>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        budget: Arc<dyn FetchBudget>,
    ) -> std::result::Result<Self, Error> {
        let routes = Arc::new(Routes::default());
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        let lists = Arc::new(Semaphore::new(MAX_LISTS));
        let mut servers = BTreeMap::new();
        for server in options.servers {
            let server = Arc::new(Server::new(
                server,
                options.limits,
                options.trust.clone(),
                lists.clone(),
                budget.clone(),
                options.spellings.clone(),
            )?);
            let (sender, streams) = watch::channel(None);
            let monitor = Monitor {
                server: server.clone(),
                routes: routes.clone(),
                sink: sink.clone(),
                clock: clock.clone(),
                entropy: entropy.clone(),
                connect_timeout: options.limits.connect_timeout,
                status_interval: options.status_interval,
                streams: sender,
            };
            tasks.spawn(closing.clone().run_until_cancelled_owned(monitor.run()));
            if let Some(receivers) = options.receivers.clone() {
                let others = Others {
                    server: server.clone(),
                    routes: routes.clone(),
                    receivers,
                    clock: clock.clone(),
                    entropy: entropy.clone(),
                    connect_timeout: options.limits.connect_timeout,
                };
                tasks.spawn(closing.clone().run_until_cancelled_owned(others.run()));
            }
            servers.insert(server.name.to_string(), Carrier { server, streams });
        }
        Ok(Self { servers, routes, sink, clock, closing, tasks })
    }

    /// Hangs up on all servers.
    pub async fn shutdown(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Where the session is carried.
    pub(super) fn route_of(&self, session: &SessionName) -> Option<Route> {
        self.routes.get(session)
    }

    async fn carried(&self, session: &SessionName) -> Result<RoutedSession> {
        let Some(route) = self.routes.get(session) else {
            let message = format!("session {session} is on no WAHA server; start it");
            let error = Error::new(Reason::SessionNotWorking, message).about("session", session);
            return Err(EngineError::not_sent(error.with("session", session)));
        };
        let info = route.server.info().await?;
        Ok(RoutedSession {
            server: route.server,
            info,
            session: session.clone(),
            remote: route.remote,
            me: route.account,
            now: self.clock.now(),
            echo: None,
        })
    }

    /// Who is linked to the session at its server.
    async fn look_up(&self, session: &SessionName) -> Result<Option<Login>> {
        let carried = self.carried(session).await?;
        let login = {
            let _turn = carried.server.log_in_turn().await?;
            carried.login().await?
        };
        self.routes.set_account(session, login.as_ref().map(|login| login.account));
        Ok(login)
    }

    async fn begin(&self, session: &SessionName) -> Result<Started> {
        let carried = self.carried(session).await?;
        if let Some(carrier) = self.servers.get(&*carried.server.name) {
            let mut streams = carrier.streams.clone();
            // Without a stream the session still works: its server may be set to post webhooks. Once it opens,
            // what was missed is found.
            let _ = timeout(STREAM_PATIENCE, streams.wait_for(Option::is_some)).await;
        }
        self.routes.set_started(session, true);
        let started = carried.start().await?;
        match &started {
            Started::Online => {
                self.sink.connection_changed(session, ConnectionEvent::Online).await;
            }
            Started::Connecting | Started::Pairing(_) => {}
        }
        // It may be up before its event arrives, or the event may be lost; and the server's monitor must learn that
        // it runs.
        carried.server.look_again.notify_one();
        Ok(started)
    }

    /// A session for which this fails, or not in time, has its status reported at the next look, even if it did
    /// not change.
    async fn bring_up<T>(
        &self,
        session: &SessionName,
        step: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.routes.set_unsure(session);
        let done = step.await?;
        self.routes.take_unsure(session);
        Ok(done)
    }

    fn refuse_unknown(&self, name: &str) -> Error {
        let known: Vec<&str> = self.servers.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let must = format!("must be a server of this service's settings (waha.servers): {known}");
        Error::new(Reason::InvalidRequest, format!("there is no WAHA server {name}"))
            .blaming("waha.server", &must)
    }
}

#[async_trait]
impl GroupEngine for WahaServers {
    fn kind(&self) -> EngineKind {
        EngineKind::Waha
    }

    fn supports(&self, session: &SessionName, operation: Op) -> bool {
        let info = self.routes.get(session).and_then(|route| route.server.known_info());
        match info {
            Some(info) => info.supports(operation),
            None => operation != Op::SetDisappearingTimer,
        }
    }

    fn fetches_all(&self, session: &SessionName) -> bool {
        let info = self.routes.get(session).and_then(|route| route.server.known_info());
        info.is_some_and(|info| info.engine == WahaEngine::Noweb)
    }

    fn upstream(&self, session: &SessionName) -> Arc<str> {
        self.routes.get(session).map(|route| route.server.name.clone()).unwrap_or_default()
    }

    fn place(
        &self,
        config: EngineConfig,
        load: &(dyn Fn(&str) -> usize + Sync),
    ) -> std::result::Result<EngineConfig, Error> {
        let EngineConfig::Waha { server, remote_session, webhook_secret, webhooks_only } = config
        else {
            return Ok(config);
        };
        let full = |message: String, limit: usize| {
            Error::new(Reason::SessionLimitReached, message).with("limit", limit)
        };
        let server = match server {
            None if webhooks_only || self.servers.is_empty() => None,
            None => {
                let room = |carrier: &&Carrier| {
                    carrier.server.capacity.saturating_sub(load(&carrier.server.name))
                };
                // Of those with as much room, the first by name, so that the choice is predictable.
                let roomy = self.servers.values().rev().max_by_key(room);
                let Some(roomy) = roomy.filter(|carrier| room(carrier) > 0) else {
                    let all = self.servers.values().map(|carrier| carrier.server.capacity).sum();
                    let message = "all WAHA servers carry as many sessions as they are set to; add one to \
                                   waha.servers, or name a server";
                    return Err(full(message.to_owned(), all));
                };
                Some(roomy.server.name.to_string())
            }
            Some(name) => {
                let carrier = self.servers.get(&name).ok_or_else(|| self.refuse_unknown(&name))?;
                let capacity = carrier.server.capacity;
                if load(&name) >= capacity {
                    let message = format!(
                        "the WAHA server {name} carries {capacity} sessions, as many as it is set to"
                    );
                    return Err(full(message, capacity));
                }
                Some(name)
            }
        };
        Ok(EngineConfig::Waha { server, remote_session, webhook_secret, webhooks_only })
    }

    fn configure(&self, session: &SessionName, config: &EngineConfig) {
        let EngineConfig::Waha { server, remote_session, .. } = config else { return };
        let carrier = server.as_ref().and_then(|name| self.servers.get(name));
        match carrier {
            Some(carrier) => {
                let remote = remote_session.as_deref().unwrap_or(session.as_str());
                self.routes.put(session, carrier.server.clone(), remote);
            }
            None => self.routes.remove(session),
        }
    }

    async fn log_in(&self, session: &SessionName, _: &RequestedAccount) -> Result<Option<Login>> {
        // Also where its server is away just now: its return is to be noticed.
        self.routes.set_started(session, true);
        self.bring_up(session, self.look_up(session)).await
    }

    async fn start(&self, session: &SessionName) -> Result<Started> {
        self.bring_up(session, self.begin(session)).await
    }

    async fn stop(&self, session: &SessionName) -> Result<()> {
        self.routes.set_started(session, false);
        Ok(())
    }

    async fn log_out(&self, session: &SessionName) -> Result<()> {
        let carried = self.carried(session).await?;
        carried.log_out().await?;
        self.routes.set_account(session, None);
        self.routes.set_started(session, false);
        Ok(())
    }

    async fn request_pairing_code(
        &self,
        session: &SessionName,
        phone: PhoneNumber,
    ) -> Result<PairingCode> {
        self.carried(session).await?.pairing_code(phone).await
    }

    async fn forget(&self, session: &SessionName) -> Result<()> {
        self.routes.remove(session);
        Ok(())
    }
}

#[async_trait]
impl<O: Operation> Perform<O> for WahaServers
where
    RoutedSession: Serve<O>,
{
    async fn perform(&self, call: EngineCall<'_>, operation: &O) -> Result<O::Answer> {
        let carried = self.carried(call.session).await?;
        RoutedSession { echo: call.echo.cloned(), ..carried }.serve(operation).await
    }
}
