//! Each engine of WAHA behind the engine `waha`, on a stand-in server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wagroups::domain::Reason;
use wagroups::domain::group::{Group, GroupSettings};
use wagroups::domain::id::{GroupId, ParticipantId, SessionName};
use wagroups::domain::operation::{EngineCall, FetchGroup, OperationName as Op, Perform};
use wagroups::domain::participant::{Account, Participant, Role};
use wagroups::domain::port::engine::{GroupEngine, RequestedAccount, Started};
use wagroups::domain::port::fetch_budget::Unlimited;
use wagroups::domain::session::EngineConfig;
use wagroups::engine::gateway::{self, Gateway};
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::engine::waha::{Limits, Options, ServerOptions, WahaServers};
use wagroups::telemetry::{SystemClock, SystemEntropy};
use wagroups::tls::Trust;

use super::conforms;
use super::stage::{Inbox, Member, Outside, Scene, Stage};
use crate::waha_server::{self, WahaServer, Whatsapp};

struct Behind {
    whatsapp: Arc<Whatsapp>,
    server: Arc<WahaServer>,
}

#[async_trait]
impl Stage for Behind {
    async fn act(&self, person: ParticipantId, what: Outside) {
        let operation = match what {
            Outside::JoinByInvite(code) => Operation::JoinByInvite(code),
            Outside::AskToJoin(group_id) => Operation::RequestToJoin(group_id),
            Outside::Rename(group_id, subject) => Operation::SetSubject(group_id, subject),
        };
        self.whatsapp.simulator().act(person, operation, false).await.expect("done");
    }

    async fn applied(&self, _: &SessionName, _: &str) -> Option<u32> {
        None
    }

    async fn truth(&self, session: &SessionName, group_id: &GroupId) -> Option<Group> {
        let simulated = self.server.simulated(session.as_str());
        let seen = self
            .whatsapp
            .simulator()
            .perform(EngineCall::of_query(&simulated), &FetchGroup { group_id: group_id.clone() })
            .await;
        seen.expect("a look").group
    }

    /// WAHA says neither when a call took effect nor under which id, and NOWEB says all but the members
    /// from a cache.
    fn as_read(&self, mut group: Group) -> Group {
        group.subject.time = None;
        group.subject.owner = None;
        group.description.time = None;
        group.description.owner = None;
        group.description.id.clear();
        group.picture_id = None;
        group.create_time = None;
        group.owner = None;
        group.suspended = false;
        group.addressing_mode = Default::default();
        let engine = self.server.options().engine;
        if engine != WahaEngine::Gows {
            group.settings.member_share_history = false;
            group.settings.disappearing_timer_seconds = 0;
        }
        by_id(&mut group);
        group
    }

    /// Settings are told by some engines only, and a promotion says nothing of superadmins.
    fn as_told(&self, group: Group) -> Group {
        let mut group = self.as_read(group);
        let members = group.participants().iter();
        let members = members.map(|m| Participant::new(m.account, m.role.min(Role::Admin)));
        group.set_participants(members.collect());
        group.settings = GroupSettings::default();
        group.partial = false;
        group
    }

    fn echoes_calls(&self) -> bool {
        false
    }

    fn keeps_news(&self) -> bool {
        false
    }

    fn revokes(&self) -> bool {
        self.server.options().engine != WahaEngine::Gows
    }

    /// That one may not do something there is said in the same words as that one is not there.
    fn tells_apart(&self, expected: Reason, got: Reason) -> bool {
        let is_no_place = |reason: Reason| {
            matches!(reason, Reason::GroupNotFound | Reason::NotGroupMember | Reason::NotGroupAdmin)
        };
        let is_bad_invite =
            |reason: Reason| matches!(reason, Reason::InviteInvalid | Reason::InviteRevoked);
        expected == got
            || (is_no_place(expected) && is_no_place(got))
            || (is_bad_invite(expected) && is_bad_invite(got))
    }

    async fn link(&self, session: &SessionName) {
        self.server.link(session.as_str()).await;
    }
}

/// Members by their key alone: some engines know one name only.
fn by_id(group: &mut Group) {
    let members = group.participants().iter();
    let members = members.map(|member| Participant::new(Account::new(member.id()), member.role));
    group.set_participants(members.collect());
}

/// What no server of this engine can do.
fn exceptions(engine: WahaEngine) -> Vec<(Op, &'static str)> {
    let mut exceptions = vec![(Op::SetDisappearingTimer, "WAHA has no route for it")];
    if matches!(engine, WahaEngine::Webjs | WahaEngine::Wpp) {
        exceptions.push((Op::SetMemberShareHistory, "WhatsApp Web's engines answer 501"));
    }
    exceptions
}

async fn conforms_on(engine: WahaEngine) {
    let whatsapp = Whatsapp::new().await;
    let options = waha_server::Options { engine, ..Default::default() };
    let server = WahaServer::start(&whatsapp, options).await;
    let inbox = Arc::new(Inbox::default());
    let waha = Options {
        servers: vec![ServerOptions {
            name: "stand-in".to_owned(),
            url: server.url().parse().expect("a URL"),
            api_key: options.api_key.map(|key| key.to_owned().into()),
            capacity: 10,
        }],
        trust: Trust::default(),
        limits: Limits {
            connect_timeout: Duration::from_secs(5),
            max_list_bytes: 64 << 20,
            spelling_questions_per_hour: 1200,
        },
        status_interval: Duration::from_secs(60),
        receivers: None,
        spellings: None,
    };
    let clock = Arc::new(SystemClock);
    let waha =
        WahaServers::open(waha, inbox.clone(), clock, Arc::new(SystemEntropy), Arc::new(Unlimited));
    let waha = Arc::new(waha.expect("an engine"));
    let options = gateway::Options {
        read_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_secs(90),
        pace: None,
        tenure: None,
        rests: None,
    };
    let engine_port: Arc<dyn GroupEngine> =
        Arc::new(Gateway::new(waha.clone(), Arc::new(SystemEntropy), options));
    let config = EngineConfig::Waha {
        server: Some("stand-in".to_owned()),
        remote_session: None,
        webhook_secret: None,
        webhooks_only: false,
    };
    let mut members = Vec::new();
    for name in ["alice", "bob", "dora"] {
        server.add_session(name).await;
        let session: SessionName = name.parse().expect("a name");
        engine_port.configure(&session, &config);
        if name == "dora" {
            continue;
        }
        let login =
            engine_port.log_in(&session, &RequestedAccount::default()).await.expect("a login");
        let account = login.expect("an account").account;
        assert_eq!(engine_port.start(&session).await.expect("a start"), Started::Online);
        members.push(Member { session, account });
    }
    let [alice, bob] = <[Member; 2]>::try_from(members).expect("two");
    let stage = Box::new(Behind { whatsapp, server: server.clone() });
    let scene = Scene { engine: engine_port, stage, inbox, config, alice, bob };
    conforms(&scene, &exceptions(engine)).await;
    server.assert_polite();
    server.assert_never_deleted();
    waha.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gows_conforms() {
    conforms_on(WahaEngine::Gows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noweb_conforms() {
    conforms_on(WahaEngine::Noweb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webjs_conforms() {
    conforms_on(WahaEngine::Webjs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wpp_conforms() {
    conforms_on(WahaEngine::Wpp).await;
}
