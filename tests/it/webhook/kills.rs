//! The real program, killed while webhooks pour in, with someone outside who sends them as WAHA does. What it
//! has acknowledged is in the log once, whatever the moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use prost::Message;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;
use wagroups::domain::clock::Clock;
use wagroups::domain::event::{EventBody, FieldChange, FieldValue};
use wagroups::domain::fold::fold;
use wagroups::domain::group::Group;
use wagroups::domain::id::GroupId;
use wagroups::domain::token::ResumeToken;
use wagroups::pb;
use wagroups::pb::create_session_request::Config;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::pb::watch_group_events_request::Start;
use wagroups::telemetry::SystemClock;

use super::sender::{Answer, Sender, event, event_id, members, subject};
use crate::harness::process::{Process, TestStore};
use crate::harness::service::{PATIENCE, eventually};
use crate::random::chance::Chance;

const SESSION: &str = "shop";
const SECRET: &str = "what shop and its WAHA server know";
const WEBHOOKS: u64 = 600;
const GROUPS: u64 = 5;
const KILLS: usize = 3;
/// Every so many webhooks one gives its group another subject.
const RENAMES: u64 = 31;
/// Every so many someone joins a second group, and there the number is told as well.
const SECOND_NAMES: u64 = 9;
const AT_ONCE: usize = 64;
/// As WAHA's own default has it, but for the two seconds between.
const TRIES: usize = 16;
const PAUSE: Duration = Duration::from_secs(1);

/// What the webhooks tell, all together.
#[derive(Default)]
struct Truth {
    members: BTreeMap<GroupId, BTreeSet<String>>,
    subjects: BTreeMap<GroupId, String>,
    /// Who is known by number in the end, in each group.
    numbers: BTreeMap<GroupId, BTreeSet<String>>,
}

struct Burst {
    truth: Truth,
    bodies: Vec<String>,
}

impl Burst {
    fn make() -> Self {
        let start = SystemClock.now().as_millis() - 3_600_000;
        let mut truth = Truth::default();
        let mut bodies = Vec::new();
        for number in 0..WEBHOOKS {
            let group = group_of(number);
            let id: GroupId = group.parse().expect("an id");
            let time = start + i64::try_from(number).expect("few") * 250;
            let (name, payload) = if number < GROUPS {
                truth.members.entry(id.clone()).or_default().insert("1@lid".into());
                truth.subjects.insert(id, "At first".into());
                let people = json!([{ "id": "1@lid", "pn": null, "role": "superadmin" }]);
                let group = json!({ "id": group, "subject": "At first", "participants": people });
                ("group.v2.join", json!({ "timestamp": time, "group": group, "_data": {} }))
            } else if number % RENAMES == 0 {
                let text = format!("Subject {number}");
                truth.subjects.insert(id, text.clone());
                ("group.v2.update", subject(&group, &text, time))
            } else {
                let is_second = number % SECOND_NAMES == 0 && (number - 1) % RENAMES != 0;
                let person = format!("{}@lid", 1000 + number - u64::from(is_second));
                truth.members.entry(id.clone()).or_default().insert(person.clone());
                let mut joins = members(&group, "join", &[&person], time);
                if is_second {
                    joins["participants"][0]["pn"] = json!(format!("4916000{number:06}@c.us"));
                    for id in [id, group_of(number - 1).parse().expect("an id")] {
                        truth.numbers.entry(id).or_default().insert(person.clone());
                    }
                }
                ("group.v2.participants", joins)
            };
            bodies.push(event(SESSION, &event_id(number), time, name, payload).to_string());
        }
        // In whatever order they happen to be sent.
        let mut chance = Chance::new(3);
        for at in (1..bodies.len()).rev() {
            bodies.swap(at, chance.below(at + 1));
        }
        Self { truth, bodies }
    }
}

/// The group that a webhook is about.
fn group_of(number: u64) -> String {
    format!("12036300000000000{}@g.us", number % GROUPS)
}

/// What its senders saw.
#[derive(Debug, Default)]
struct Seen {
    acknowledged: watch::Sender<usize>,
    /// Tries that came to nothing, or of which nobody knows to what they came.
    in_vain: AtomicUsize,
    /// How the last one of them ended.
    last: Mutex<String>,
}

/// Sends one as WAHA does: again and again until there is a 2xx, and then no more.
async fn send(sender: &Sender, body: String, seen: &Seen) {
    for _ in 0..TRIES {
        let ended = sender.deliver(SESSION, body.clone()).await;
        match ended.as_ref().map(Answer::said) {
            Ok((200, "accepted" | "duplicate")) => {
                seen.acknowledged.send_modify(|count| *count += 1);
                return;
            }
            // Whatever the answer, and also where there is none.
            Ok((500.., _)) | Err(_) => {}
            Ok(_) => panic!("{ended:?} to {body}"),
        }
        *seen.last.lock().expect("no panic") = format!("{ended:?}");
        seen.in_vain.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
    panic!("WAHA would have given this one up: {body}");
}

async fn lose_nothing(store: Option<TestStore>) {
    let Some(store) = store else { return };
    let mut process = Process::start(&store, None).await;
    create_session(&process).await;
    let burst = Burst::make();
    let seen = Arc::new(Seen::default());
    let sending = tokio::spawn({
        let (seen, bodies) = (seen.clone(), burst.bodies.clone());
        let sender = Sender::new(&process.webhook_url(), SECRET);
        async move {
            let sends = bodies.into_iter().map(|body| send(&sender, body, &seen));
            futures::stream::iter(sends).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        }
    });
    let mut acknowledged = seen.acknowledged.subscribe();
    for kill in 1..=KILLS {
        let wanted = burst.bodies.len() * kill / (KILLS + 1);
        let reached = acknowledged.wait_for(|count| *count >= wanted);
        drop(timeout(2 * PATIENCE, reached).await.expect("webhooks are acknowledged"));
        process.kill().await;
        let so_far = *seen.acknowledged.borrow();
        assert!(so_far < burst.bodies.len(), "kill {kill} comes in the middle");
        process = Process::start(&store, Some(&process)).await;
    }
    let sent = timeout(3 * PATIENCE, sending).await;
    sent.unwrap_or_else(|_| panic!("no end: {seen:?}")).expect("all are acknowledged");
    assert!(seen.in_vain.load(Ordering::Relaxed) >= KILLS, "each kill hit someone");
    numbers_are_spread(&process, &burst.truth).await;
    check(&process, &burst.truth).await;

    // Once more, to a process that has none of it in its memory.
    let log = watched(&process).await;
    process.kill().await;
    let process = Process::start(&store, Some(&process)).await;
    let sender = Sender::new(&process.webhook_url(), SECRET);
    let again = burst.bodies.iter().map(|body| sender.post(SESSION, body.clone()));
    let again: Vec<_> = futures::stream::iter(again).buffer_unordered(AT_ONCE).collect().await;
    for (status, answer) in again {
        assert_eq!((status, &answer["outcome"]), (200, &json!("duplicate")));
    }
    assert_eq!(watched(&process).await, log, "told again, nothing happens");
}

/// Whoever's number was told in one group goes by it in the other one as well, however late.
async fn numbers_are_spread(process: &Process, truth: &Truth) {
    for (id, expected) in &truth.numbers {
        eventually("numbers that were told in another group show in this one", || async {
            let group = held(process, id).await;
            let known = group.participants().iter().filter(|p| p.account.both_names().is_some());
            let known: BTreeSet<String> = known.map(|member| member.id().to_string()).collect();
            // We go by both names too.
            (known.len() == expected.len() + 1 && expected.is_subset(&known)).then_some(())
        })
        .await;
    }
}

async fn create_session(process: &Process) {
    let waha = pb::WahaConfig { webhook_secret: SECRET.into(), ..Default::default() };
    let create = pb::CreateSessionRequest {
        session: SESSION.into(),
        config: Some(Config::Waha(waha)),
        ..Default::default()
    };
    let mut sessions = SessionsServiceClient::new(process.channel());
    sessions.create_session(create).await.expect("a session");
}

/// The whole log, as a watcher from the earliest event on sees it; its positions and sequences have no gap.
async fn watched(process: &Process) -> Vec<pb::GroupEvent> {
    let get = pb::GetSessionRequest { session: SESSION.into() };
    let mut sessions = SessionsServiceClient::new(process.channel());
    let session = sessions.get_session(get).await.expect("the session").into_inner().session;
    let last = session.expect("a session").sequence;
    let request = pb::WatchGroupEventsRequest {
        start: Some(Start::Earliest(pb::Earliest {})),
        ..Default::default()
    };
    let mut groups =
        GroupsServiceClient::new(process.channel()).max_decoding_message_size(64 << 20);
    let mut watch = groups.watch_group_events(request).await.expect("a watch").into_inner();
    let mut log: Vec<pb::GroupEvent> = Vec::new();
    while log.last().is_none_or(|event| event.sequence < last) {
        let next = timeout(PATIENCE, watch.message()).await.expect("in time");
        let response = next.expect("no error").expect("a response");
        log.extend(response.events.into_iter().map(|e| pb::GroupEvent::decode(e).expect("one")));
        let token = ResumeToken::decode(&response.resume_token).expect("a token");
        assert_eq!(token.at.position.get(), log.len() as u64, "positions are 1, 2, 3, …");
    }
    for (expected, event) in (1..).zip(&log) {
        assert_eq!(event.session, SESSION);
        assert_eq!(event.sequence, expected, "the session's sequences are 1, 2, 3, …");
    }
    log
}

async fn check(process: &Process, truth: &Truth) {
    let log = watched(process).await;
    let mut folded: BTreeMap<GroupId, Option<Arc<Group>>> = BTreeMap::new();
    let mut joined: BTreeMap<GroupId, BTreeSet<String>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for event in &log {
        let event = event.to_domain().expect("an event of the domain");
        let id = event.group_id.expect("a group's event");
        let state = folded.entry(id.clone()).or_default();
        let before = members_of(state);
        fold(state, &id, &event.body);
        let after = members_of(state);
        assert!(before.is_subset(&after), "nobody leaves: {:?}", event.body);
        for person in after.difference(&before) {
            let is_new = joined.entry(id.clone()).or_default().insert(person.clone());
            assert!(is_new, "{person} joins {id} twice");
        }
        for change in changes_of(&event.body) {
            assert!(told.insert((id.clone(), change.clone())), "{change} is told twice");
        }
    }
    assert_eq!(joined, truth.members, "who was acknowledged is in the log, and nobody else");
    for (id, state) in folded {
        let held = held(process, &id).await;
        assert_eq!(state.as_deref(), Some(&held), "{id} is the fold of its events");
        assert_eq!(Some(&held.subject.text), truth.subjects.get(&id), "{id}");
        assert!(!held.partial, "{id} was described as a whole");
    }
}

fn members_of(group: &Option<Arc<Group>>) -> BTreeSet<String> {
    let members = group.iter().flat_map(|group| group.participants());
    members.map(|member| member.id().to_string()).collect()
}

fn changes_of(body: &EventBody) -> Vec<String> {
    let EventBody::Updated(changes) = body else { return Vec::new() };
    let changes = changes.iter().map(|change| match change {
        FieldChange::Alias(member) => format!("the number of {}", member.id()),
        FieldChange::Completed(_) => "what it is like as a whole".to_owned(),
        FieldChange::Value { current: FieldValue::Subject(new), .. } => new.text.clone(),
        FieldChange::Value { current: new, .. } => format!("{new:?}, which nobody told"),
    });
    changes.collect()
}

async fn held(process: &Process, id: &GroupId) -> Group {
    let request = pb::GetGroupRequest {
        session: SESSION.into(),
        group_id: id.to_string(),
        ..Default::default()
    };
    let mut groups = GroupsServiceClient::new(process.channel());
    let group = groups.get_group(request).await.expect("the group").into_inner();
    pb::Group::decode(group.group).expect("a group").to_domain().expect("a group of the domain")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_in_a_burst_of_webhooks_lose_nothing_and_repeat_nothing_on_sqlite() {
    lose_nothing(TestStore::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_in_a_burst_of_webhooks_lose_nothing_and_repeat_nothing_on_postgres() {
    lose_nothing(TestStore::postgres().await).await;
}
