//! The chain client → wagroups → WAHA → event → watch, with each hop killed in turn: nothing is lost, and
//! nothing comes twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost::Message as _;
use tonic::transport::Channel;
use wagroups::domain::id::ParticipantId;
use wagroups::engine::simulator::world::Operation;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::pb::watch_group_events_request::Start;

use crate::harness::process::{Process, TestStore};
use crate::harness::service::{PATIENCE, eventually};
use crate::waha_server::{Options, WahaServer, Whatsapp};

const ANNA: &str = "4915120000001@c.us";
const ROUNDS: usize = 3;

/// Follows the log over all deaths of the service, and keeps what it was told.
struct Follower {
    told: Arc<Mutex<Vec<pb::GroupEvent>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    /// Goes on after the token; without one, from the beginning.
    fn start(
        channel: Channel,
        told: Arc<Mutex<Vec<pb::GroupEvent>>>,
        token: Arc<Mutex<Vec<u8>>>,
    ) -> Self {
        let (kept, own) = (token, told.clone());
        let task = tokio::spawn(async move {
            loop {
                let from = kept.lock().expect("the token").clone();
                let start = if from.is_empty() {
                    Start::Earliest(pb::Earliest {})
                } else {
                    Start::ResumeToken(from.into())
                };
                let request = pb::WatchGroupEventsRequest {
                    sessions: vec!["shop".into()],
                    start: Some(start),
                    ..Default::default()
                };
                let mut client = GroupsServiceClient::new(channel.clone());
                if let Ok(stream) = client.watch_group_events(request).await {
                    let mut stream = stream.into_inner();
                    while let Ok(Some(response)) = stream.message().await {
                        let events = response
                            .events
                            .iter()
                            .map(|event| pb::GroupEvent::decode(event.clone()).expect("an event"));
                        own.lock().expect("what was told").extend(events);
                        if !response.resume_token.is_empty() {
                            *kept.lock().expect("the token") = response.resume_token.to_vec();
                        }
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Self { told, task }
    }
}

struct Chain {
    whatsapp: Arc<Whatsapp>,
    server: Arc<WahaServer>,
    process: Process,
    store: TestStore,
    group_id: String,
}

impl Chain {
    async fn begin(store: TestStore) -> Self {
        let whatsapp = Whatsapp::new().await;
        let server = WahaServer::start(&whatsapp, Options::default()).await;
        server.add_session("shop").await;
        let process = Process::start_with(&store, &Self::settings(&server)).await;
        let mut sessions = SessionsServiceClient::new(process.channel());
        let request = pb::CreateSessionRequest {
            session: "shop".into(),
            engine: pb::Engine::Waha.into(),
            ..Default::default()
        };
        sessions.create_session(request).await.expect("a session");
        let mut chain = Self { whatsapp, server, process, store, group_id: String::new() };
        chain.until_it_works().await;
        let create = pb::CreateGroupRequest {
            session: "shop".into(),
            subject: "Team".into(),
            participant_ids: vec![ANNA.into()],
            ..Default::default()
        };
        let mut groups = GroupsServiceClient::new(chain.process.channel());
        let created = groups.create_group(create).await.expect("a group").into_inner();
        chain.group_id = created.group.expect("a group").id;
        chain
    }

    fn settings(server: &WahaServer) -> Vec<(&'static str, String)> {
        let servers = format!(
            "[{{ name = \"waha-0\", url = \"{}\", api_key = \"{}\" }}]",
            server.url(),
            server.options().api_key.expect("a key")
        );
        vec![
            ("WAGROUPS_WAHA__SERVERS", servers),
            ("WAGROUPS_RECONCILE__MIN_INTERVAL", "0s".to_owned()),
        ]
    }

    async fn until_it_works(&self) {
        eventually("shop works", || async {
            let mut sessions = SessionsServiceClient::new(self.process.channel());
            let get = pb::GetSessionRequest { session: "shop".into() };
            let session = sessions.get_session(get).await.ok()?.into_inner().session?;
            (session.status() == pb::SessionStatus::Working && session.synced_time.is_some())
                .then_some(())
        })
        .await;
    }

    async fn rename(&self, subject: &str) {
        let anna: ParticipantId = ANNA.parse().expect("a number");
        let group_id = self.group_id.parse().expect("an id");
        let operation = Operation::SetSubject(group_id, subject.to_owned());
        self.whatsapp.simulator().act(anna, operation, false).await.expect("renamed");
    }
}

fn subjects(told: &[pb::GroupEvent]) -> Vec<String> {
    let subject = |event: &pb::GroupEvent| {
        let pb::group_event::Body::Updated(updated) = event.body.as_ref()? else { return None };
        updated.changes.iter().find_map(|change| match change.change.as_ref()? {
            pb::group_change::Change::Subject(subject) => {
                Some(subject.current.as_ref()?.text.clone())
            }
            _ => None,
        })
    };
    told.iter().filter_map(subject).collect()
}

/// What happens while a hop is dead may be told as its outcome only; what happens while all live is told
/// change by change. Either way the last word arrives, and no event twice.
async fn nothing_is_lost(store: Option<TestStore>) {
    let Some(store) = store else { return };
    let mut chain = Chain::begin(store).await;
    let (told, token) = (Arc::default(), Arc::default());
    let mut follower =
        Follower::start(chain.process.channel(), Arc::clone(&told), Arc::clone(&token));
    let mut live = Vec::new();
    for round in 0..ROUNDS {
        for hop in ["client", "stream", "server", "service"] {
            let (alive, dead) = (format!("{hop} {round} alive"), format!("{hop} {round} dead"));
            chain.rename(&alive).await;
            until_told(&follower, &alive).await;
            live.push(alive);
            match hop {
                "client" => {
                    drop(follower);
                    chain.rename(&dead).await;
                    follower =
                        Follower::start(chain.process.channel(), told.clone(), token.clone());
                    live.push(dead.clone());
                }
                "stream" => {
                    chain.server.drop_websockets();
                    chain.server.lose_next_events(1);
                    chain.rename(&dead).await;
                }
                "server" => {
                    chain.server.kill().await;
                    chain.rename(&dead).await;
                    chain.server.revive().await;
                }
                _ => {
                    chain.process.kill().await;
                    chain.rename(&dead).await;
                    let settings = Chain::settings(&chain.server);
                    let former = &chain.process;
                    chain.process = Process::restart_with(&chain.store, former, &settings).await;
                    chain.until_it_works().await;
                }
            }
            until_told(&follower, &dead).await;
            chain.until_it_works().await;
        }
    }
    let told = follower.told.lock().expect("what was told").clone();
    let sequences: Vec<i64> = told.iter().map(|event| event.sequence).collect();
    let dense: Vec<i64> = (1..=i64::try_from(told.len()).expect("few")).collect();
    assert_eq!(sequences, dense, "each event once, in order");
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for subject in subjects(&told) {
        *times.entry(subject).or_default() += 1;
    }
    for subject in live {
        assert_eq!(times.get(&subject), Some(&1), "{subject}");
    }
    assert!(times.values().all(|count| *count == 1), "{times:?}");
}

async fn until_told(follower: &Follower, subject: &str) {
    let what = format!("it is told of {subject}");
    let heard = eventually(&what, || async {
        let told = follower.told.lock().expect("what was told");
        subjects(&told).iter().any(|told| told == subject).then_some(())
    });
    tokio::time::timeout(PATIENCE * 2, heard).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hop_loses_anything_on_sqlite() {
    nothing_is_lost(TestStore::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hop_loses_anything_on_postgres() {
    nothing_is_lost(TestStore::postgres().await).await;
}
