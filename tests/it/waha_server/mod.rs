//! A stand-in for a WAHA server: WAHA's REST, WebSocket and webhooks, as each of its four engines shapes
//! them, in this process. WhatsApp behind it is the simulator, so that the rules of groups are real. What it
//! answers to what, and which faults it knows, stands in tests/README.md.

mod call;
mod changes;
mod dialect;
mod disguise;
mod dispatch;
mod events;
mod fault;
mod hub;
mod lids;
mod listener;
mod listing;
mod lookups;
mod others;
mod pictures;
mod reply;
mod route;
mod session;
mod sessions_api;
mod tests;
mod version;
mod webhooks;
mod websocket;
mod whatsapp;

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::net::TcpListener;
use wagroups::domain::clock::{Clock, Timestamp};
use wagroups::domain::group::Group;
use wagroups::domain::id::{GroupId, PhoneNumber};
use wagroups::engine::simulator::SimulatorEngine;
use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::telemetry::SystemClock;

pub use self::fault::{Fault, Match};
pub use self::whatsapp::Whatsapp;

use self::call::Call;
use self::fault::Planned;
use self::hub::Hub;
use self::listener::Open;
use self::session::Session;
use self::version::Version;

/// What kind of WAHA it is.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub engine: WahaEngine,
    /// Older ones know fewer routes, and have their own faults.
    pub version: &'static str,
    pub api_key: Option<&'static str>,
    /// Whether NOWEB keeps what events tell; WAHA's default is no.
    pub noweb_store: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: WahaEngine::Gows,
            version: "2026.9.2",
            api_key: Some("stand-in"),
            noweb_store: false,
        }
    }
}

impl Options {
    fn version(&self) -> Version {
        Version::of(self.version)
    }
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    /// Decoded, without the query.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// `null` where there was none.
    pub body: Value,
    /// Empty where there was none.
    pub traceparent: String,
}

impl Recorded {
    fn of(call: &Call) -> Self {
        Self {
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.clone(),
            body: call.json(),
            traceparent: call.header("traceparent").to_owned(),
        }
    }
}

/// One WAHA server in this process, on a port of 127.0.0.1.
pub struct WahaServer {
    whatsapp: Arc<Whatsapp>,
    options: Options,
    /// Keeps its sessions apart from those of other servers with the same names.
    number: usize,
    address: SocketAddr,
    /// The port, while it is open.
    open: Mutex<Option<Open>>,
    sessions: Mutex<BTreeMap<String, Session>>,
    hub: Hub,
    /// Posts webhooks, and fetches pictures.
    http: reqwest::Client,
    /// Webhooks that their receivers took.
    webhooks_taken: Arc<AtomicUsize>,
    requests: Mutex<Vec<Recorded>>,
    /// Those that changed something.
    acts: Mutex<Vec<Recorded>>,
    violations: Mutex<Vec<String>>,
    faults: Mutex<Vec<Planned>>,
    /// Groups of which only the id is shown.
    blank: Mutex<HashSet<GroupId>>,
    /// Whose hidden id WEBJS replaces by the number, as it does with contacts.
    contacts: Mutex<HashSet<PhoneNumber>>,
    disguise: disguise::Disguise,
    /// Whether it refuses an empty description, as some builds of GOWS do.
    refuses_to_clear: AtomicBool,
    /// Groups that NOWEB's store still has, though their sessions have left them.
    left_behind: Mutex<Vec<(String, Group)>>,
    /// How often NOWEB has fetched all groups of a session.
    full_fetches: AtomicUsize,
    /// Names the calls at WhatsApp.
    calls: AtomicUsize,
}

impl WahaServer {
    pub async fn start(whatsapp: &Arc<Whatsapp>, options: Options) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = Arc::new(Self {
            whatsapp: whatsapp.clone(),
            options,
            number: whatsapp.next_server(),
            address: listener.local_addr().expect("an address"),
            open: Mutex::new(None),
            sessions: Mutex::default(),
            hub: Hub::default(),
            http: reqwest::Client::builder()
                .tls_backend_preconfigured(
                    wagroups::tls::Trust::default().client_config().expect("TLS"),
                )
                .build()
                .expect("a client"),
            webhooks_taken: Arc::default(),
            requests: Mutex::default(),
            acts: Mutex::default(),
            violations: Mutex::default(),
            faults: Mutex::default(),
            blank: Mutex::default(),
            contacts: Mutex::default(),
            disguise: disguise::Disguise::default(),
            refuses_to_clear: AtomicBool::new(false),
            left_behind: Mutex::default(),
            full_fetches: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
        });
        *server.open.lock().expect("the port") = Some(Open::listen(&server, listener));
        server
    }

    /// Without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn options(&self) -> Options {
        self.options
    }

    /// Every request so far, those of WebSockets too.
    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().expect("the requests").clone()
    }

    /// The requests that changed something, whether or not their answers arrived.
    pub fn acts(&self) -> Vec<Recorded> {
        self.acts.lock().expect("the acts").clone()
    }

    /// The next request that fits meets this fault. Each call plans one; older ones come first.
    pub fn fail_next(&self, which: impl Into<Match>, fault: Fault) {
        let planned = Planned { which: which.into(), fault };
        self.faults.lock().expect("the faults").push(planned);
    }

    /// How often all groups of a session were fetched from WhatsApp, whatever was asked for (NOWEB).
    pub fn full_fetches(&self) -> usize {
        self.full_fetches.load(Ordering::Relaxed)
    }

    pub fn webhooks_taken(&self) -> usize {
        self.webhooks_taken.load(Ordering::Relaxed)
    }

    /// Faults that have not struck yet.
    pub fn faults_left(&self) -> usize {
        self.faults.lock().expect("the faults").len()
    }

    /// It is synced now.
    pub fn unblank(&self, group_id: &GroupId) {
        self.blank.lock().expect("the blank groups").remove(group_id);
    }

    /// Of this group nothing is shown any more but its id, as of one that the engine has not synced.
    pub fn blank(&self, group_id: &GroupId) {
        self.blank.lock().expect("the blank groups").insert(group_id.clone());
    }

    /// WEBJS knows this number as a contact's, and lists it instead of the hidden id.
    pub fn know_contact(&self, phone: PhoneNumber) {
        self.contacts.lock().expect("the contacts").insert(phone);
    }

    /// An empty description is refused from now on, by its answer alone.
    pub fn refuse_to_clear(&self) {
        self.refuses_to_clear.store(true, Ordering::Relaxed);
    }

    /// The server is gone: the port refuses connections, all that were open are cut, and what happens in
    /// WhatsApp is told to nobody. Its sessions stay as they are.
    pub async fn kill(&self) {
        let open = self.open.lock().expect("the port").take();
        if let Some(open) = open {
            open.close().await;
        }
        self.hub.cut_websockets();
    }

    /// The server is dead, and with it what it kept in memory: it comes back with every session stopped, until somebody
    /// starts it.
    pub async fn forget_what_ran(&self) {
        assert!(!self.is_alive(), "kill it first");
        let sessions: Vec<String> =
            self.sessions.lock().expect("the sessions").keys().cloned().collect();
        for name in sessions {
            self.set_status(&name, session::STOPPED).await;
        }
    }

    /// Listens on the same port again.
    pub async fn revive(self: &Arc<Self>) {
        let listener = listener::bind(self.address).await;
        let mut open = self.open.lock().expect("the port");
        assert!(open.is_none(), "the server is not dead");
        *open = Some(Open::listen(self, listener));
    }

    fn is_alive(&self) -> bool {
        self.open.lock().expect("the port").is_some()
    }

    /// Cuts all WebSockets, without a close frame; the server goes on.
    pub fn drop_websockets(&self) {
        self.hub.cut_websockets();
    }

    pub fn websocket_count(&self) -> usize {
        self.hub.websocket_count()
    }

    /// The next events reach nobody, whatever they tell and whichever session they are of.
    pub fn lose_next_events(&self, count: usize) {
        self.hub.lose(count);
    }

    /// Each event comes twice, by every way.
    pub fn repeat_events(&self, on: bool) {
        self.hub.repeat(on);
    }

    /// Panics where a client asked for what nobody should ask of a WAHA.
    #[track_caller]
    pub fn assert_polite(&self) {
        let violations = self.violations.lock().expect("the violations");
        assert!(violations.is_empty(), "not polite:\n{}", violations.join("\n"));
    }

    /// Panics where somebody deleted a group: WAHA then deletes only its chat, or cannot.
    #[track_caller]
    pub fn assert_never_deleted(&self) {
        let segments = |request: &Recorded| request.path.split('/').count();
        let deleted: Vec<Recorded> = self
            .requests()
            .into_iter()
            .filter(|request| request.method == "DELETE" && request.path.contains("/groups/"))
            .filter(|request| segments(request) == "/api/s/groups/id".split('/').count())
            .collect();
        assert!(deleted.is_empty(), "deleted: {deleted:?}");
    }

    fn simulator(&self) -> &SimulatorEngine {
        self.whatsapp.simulator()
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn next_call_key(&self) -> String {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        format!("waha-{}-{call}", self.number)
    }

    fn record(&self, call: &Call) {
        self.requests.lock().expect("the requests").push(Recorded::of(call));
    }

    fn note_act(&self, call: &Call) {
        if call.method != "GET" {
            self.acts.lock().expect("the acts").push(Recorded::of(call));
        }
    }

    fn note_violation(&self, call: &Call, what: &str) {
        let violation = format!("  {} {}: {what}", call.method, call.path);
        self.violations.lock().expect("the violations").push(violation);
    }
}
