//! Sessions of a stand-in: each an account of the simulated WhatsApp.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wagroups::domain::id::{GroupId, SessionName};
use wagroups::domain::participant::Account;
use wagroups::domain::port::engine::{ConnectionEvent, GroupEngine, RequestedAccount, Started};
use wagroups::engine::waha::webhook::WahaEngine;

use super::WahaServer;
use super::dialect::ids;
use super::reply::Problem;

/// How long a request waits for its session to work. WAHA waits 5 s, then 10 s more.
const PATIENCE: Duration = Duration::from_millis(200);
const POLL: Duration = Duration::from_millis(10);
/// How many statuses an event repeats.
const TOLD_STATUSES: usize = 3;

pub const WORKING: &str = "WORKING";
pub const STOPPED: &str = "STOPPED";
pub const STARTING: &str = "STARTING";
pub const SCAN_QR_CODE: &str = "SCAN_QR_CODE";
pub const FAILED: &str = "FAILED";

#[derive(Debug, Clone)]
pub struct Session {
    pub name: String,
    /// Its name in WhatsApp, where servers share one world.
    pub simulated: SessionName,
    pub account: Account,
    pub push_name: String,
    pub status: String,
    pub statuses: Vec<Value>,
    pub config: Value,
    /// Whether the device is linked.
    pub is_linked: bool,
    /// Whether `me` has no `lid`.
    pub hides_own_lid: bool,
    /// WhatsApp broke the connection, and will bring it back.
    pub is_broken: bool,
    pub pictures: HashMap<GroupId, Option<String>>,
    /// The groups that it was told to be in.
    pub groups: HashSet<GroupId>,
}

impl Session {
    /// Who it is, once it is linked.
    pub fn me(&self) -> Value {
        if !self.is_linked || self.status == STOPPED {
            return Value::Null;
        }
        let phone = self.account.phone().map(|phone| phone.to_string()).unwrap_or_default();
        let user = phone.trim_end_matches("@c.us");
        json!({
            "id": phone, "pushName": self.push_name,
            "lid": self.account.lid().filter(|_| !self.hides_own_lid).map(|lid| lid.to_string()),
            "jid": format!("{user}:7@{}", ids::WIRE_SERVER),
            "reachoutTimelock": null, "messageCapping": null,
        })
    }

    pub fn metadata(&self) -> Value {
        self.config.get("metadata").cloned().unwrap_or_else(|| json!({}))
    }

    fn not_as_expected(&self, expected: &str) -> Problem {
        let error = "Session status is not as expected. Try again later or restart the session";
        Problem::Session(json!({
            "error": error, "session": self.name, "status": self.status, "expected": [expected],
        }))
    }
}

impl WahaServer {
    /// A session that is linked and works.
    pub async fn add_session(self: &Arc<Self>, name: &str) -> Account {
        self.make_session(name, Value::Null).await;
        self.set_status(name, WORKING).await;
        self.session(name).account
    }

    /// The same, whose own hidden id the server does not know.
    pub async fn add_session_without_lid(self: &Arc<Self>, name: &str) -> Account {
        self.make_session(name, Value::Null).await;
        self.change_session(name, |session| session.hides_own_lid = true);
        self.set_status(name, WORKING).await;
        self.session(name).account
    }

    /// The account of another server's session, linked to this one as well, as a second device.
    pub async fn adopt_session(self: &Arc<Self>, name: &str, other: &Arc<Self>) {
        let theirs = other.session(name);
        self.whatsapp.connect(theirs.simulated.clone(), self);
        self.sessions.lock().expect("the sessions").insert(name.to_owned(), theirs);
    }

    /// A session that nobody has linked, and that is stopped.
    pub async fn add_unlinked_session(self: &Arc<Self>, name: &str) -> Account {
        self.make_session(name, Value::Null).await;
        let session = self.session(name);
        self.simulator().log_out(&session.simulated).await.expect("unlinked");
        self.change_session(name, |session| session.is_linked = false);
        session.account
    }

    pub(super) async fn make_session(self: &Arc<Self>, name: &str, config: Value) {
        let simulated: SessionName = format!("w{}-{name}", self.number).parse().expect("a name");
        self.whatsapp.connect(simulated.clone(), self);
        let login = self.simulator().log_in(&simulated, &RequestedAccount::default()).await;
        let login = login.expect("a login").expect("an account");
        let groups = self.simulator().groups_of(&simulated).await.expect("groups");
        let session = Session {
            name: name.to_owned(),
            simulated,
            account: login.account,
            push_name: login.push_name,
            status: STOPPED.to_owned(),
            statuses: Vec::new(),
            config,
            is_linked: true,
            hides_own_lid: false,
            is_broken: false,
            pictures: HashMap::new(),
            groups: groups.into_iter().map(|group| group.id).collect(),
        };
        self.sessions.lock().expect("the sessions").insert(name.to_owned(), session);
    }

    /// Puts the session where it is to be, connects or disconnects it at WhatsApp, and tells its listeners.
    /// With SCAN_QR_CODE its device is unlinked, until [`link`](Self::link).
    pub async fn set_status(&self, name: &str, status: &str) {
        let session = self.session(name);
        if status == SCAN_QR_CODE && session.is_linked {
            self.simulator().log_out(&session.simulated).await.expect("unlinked");
            self.change_session(name, |session| session.is_linked = false);
        } else if status == WORKING {
            let started = self.simulator().start(&session.simulated).await.expect("a start");
            assert_eq!(started, Started::Online, "link the session first");
        } else {
            self.simulator().stop(&session.simulated).await.expect("a stop");
        }
        self.note_status(name, status).await;
    }

    pub(super) async fn note_status(&self, name: &str, status: &str) {
        let now = self.now().as_millis();
        self.change_session(name, |session| {
            session.status = status.to_owned();
            session.statuses.push(json!({ "status": status, "timestamp": now }));
            let old = session.statuses.len().saturating_sub(TOLD_STATUSES);
            session.statuses.drain(..old);
        });
        let session = self.session(name);
        let payload = json!({
            "name": name, "status": status, "statuses": session.statuses, "data": null,
        });
        self.emit(&session, "session.status", payload);
    }

    /// The holder scans the code, or types it: the session works, and says who it is.
    pub async fn link(&self, name: &str) {
        let session = self.session(name);
        assert!(self.simulator().link_device(&session.simulated).await.expect("a link"));
        self.change_session(name, |session| session.is_linked = true);
        self.set_status(name, WORKING).await;
    }

    pub fn session_account(&self, name: &str) -> Account {
        self.session(name).account
    }

    /// The session's name in the simulated WhatsApp, to look at what WhatsApp has of it.
    pub fn simulated(&self, name: &str) -> SessionName {
        self.session(name).simulated
    }

    /// A session that a test or a handler has seen before.
    #[track_caller]
    pub(super) fn session(&self, name: &str) -> Session {
        self.find_session(name).unwrap_or_else(|| panic!("session {name}"))
    }

    pub(super) fn find_session(&self, name: &str) -> Option<Session> {
        self.sessions.lock().expect("the sessions").get(name).cloned()
    }

    pub(super) fn change_session<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        self.sessions.lock().expect("the sessions").get_mut(name).map(change)
    }

    pub(super) fn session_of(&self, simulated: &SessionName) -> Option<Session> {
        let sessions = self.sessions.lock().expect("the sessions");
        sessions.values().find(|session| session.simulated == *simulated).cloned()
    }

    /// Waits a moment for the session to stand there, and says what is wrong where it does not.
    pub(super) async fn expect_session(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Session, Problem> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let session = self.find_session(name);
            let is_over = tokio::time::Instant::now() >= deadline;
            match session {
                Some(session) if session.status == expected => return Ok(session),
                Some(session) if is_over => return Err(session.not_as_expected(expected)),
                None if is_over => {
                    let error = format!("Session \"{name}\" does not exist");
                    return Err(Problem::Session(json!({ "error": error, "session": name })));
                }
                Some(_) | None => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// WhatsApp's side of the session's connection: it breaks, comes back, or the device is unlinked.
    pub(super) fn connection_changed(
        self: &Arc<Self>,
        simulated: &SessionName,
        news: &ConnectionEvent,
    ) {
        let Some(Session { name, status, .. }) = self.session_of(simulated) else { return };
        let engine = self.options.engine;
        let status = self.change_session(&name, |session| match news {
            ConnectionEvent::Offline if status == WORKING => {
                session.is_broken = true;
                Some(STARTING)
            }
            ConnectionEvent::Online if session.is_broken => {
                session.is_broken = false;
                Some(WORKING)
            }
            ConnectionEvent::LoggedOut => {
                session.is_linked = false;
                // Of WPP nobody has seen it.
                Some(if engine == WahaEngine::Wpp { SCAN_QR_CODE } else { FAILED })
            }
            ConnectionEvent::Offline
            | ConnectionEvent::Online
            | ConnectionEvent::Pairing(_)
            | ConnectionEvent::Linked
            | ConnectionEvent::Unlinked
            | ConnectionEvent::Failed(_) => None,
        });
        if let Some(status) = status.flatten() {
            let server = self.clone();
            tokio::spawn(async move { server.note_status(&name, status).await });
        }
    }
}
