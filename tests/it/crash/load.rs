//! Clients that keep changing groups while the service dies and comes back, and one that watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::pb::watch_group_events_request::Start;

use crate::harness::process::{Ports, Process};
use crate::harness::service::{PATIENCE, eventually};

/// Between two tries while the service is away.
const PAUSE: Duration = Duration::from_millis(20);

/// An answer that a client got.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    pub session: String,
    pub request_id: String,
    pub changed: bool,
    pub sequence: i64,
}

/// All that the clients saw.
#[derive(Debug, Default)]
pub struct History {
    pub acknowledged: Vec<Acknowledged>,
    /// Sessions and ids of calls that ended with OUTCOME_UNKNOWN.
    pub unknown: Vec<(String, String)>,
    /// Every event that each watcher was handed, in its order.
    pub watched: Vec<Vec<pb::GroupEvent>>,
}

/// Who does what.
#[derive(Debug, Clone)]
pub struct Clients {
    pub writers: usize,
    pub watchers: usize,
    /// The writers share them out among themselves; watchers watch all.
    pub sessions: Vec<String>,
}

impl Clients {
    fn of_one_session(writers: usize) -> Self {
        Self { writers, watchers: 1, sessions: vec!["default".to_owned()] }
    }
}

pub struct Load {
    stop: Arc<AtomicBool>,
    answers: watch::Receiver<u64>,
    refusals: watch::Receiver<u64>,
    writers: Vec<JoinHandle<History>>,
    watchers: Vec<JoinHandle<Vec<pb::GroupEvent>>>,
    /// How many events a watcher has to see before it may stop.
    target: Arc<AtomicU64>,
    anywhere: Anywhere,
    sessions: Vec<String>,
}

/// Clients of all replicas, each time of the next one.
#[derive(Clone)]
struct Anywhere {
    channels: Arc<[Channel]>,
    next: Arc<AtomicUsize>,
}

impl Anywhere {
    fn new(replicas: &[&Process]) -> Self {
        // Where there is another one to ask, nobody waits long for one that is frozen.
        let timeout = Duration::from_secs(if replicas.len() > 1 { 4 } else { 20 });
        Self::over(replicas.iter().map(|replica| replica.channel_within(timeout)).collect())
    }

    fn over(channels: Arc<[Channel]>) -> Self {
        Self { channels, next: Arc::default() }
    }

    fn channel(&self) -> Channel {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.channels[next % self.channels.len()].clone()
    }

    fn groups(&self) -> GroupsServiceClient<Channel> {
        GroupsServiceClient::new(self.channel())
    }
}

impl Load {
    pub async fn begin(process: &Process, writers: usize) -> Self {
        Self::begin_where(&[process], Clients::of_one_session(writers), Repeats::Alike).await
    }

    /// The same through all replicas in turn: each try of a call goes to another one.
    pub async fn begin_at(replicas: &[&Process], writers: usize) -> Self {
        Self::begin_with(replicas, Clients::of_one_session(writers)).await
    }

    /// The same where not all of them run yet.
    pub async fn begin_over(ports: &[Ports], writers: usize) -> Self {
        let channels = ports.iter().map(|ports| ports.channel_within(Duration::from_secs(4)));
        let anywhere = Anywhere::over(channels.collect());
        Self::begin_anywhere(anywhere, Clients::of_one_session(writers), Repeats::Settled)
    }

    /// The same with several sessions and watchers.
    pub async fn begin_with(replicas: &[&Process], clients: Clients) -> Self {
        Self::begin_where(replicas, clients, Repeats::Settled).await
    }

    /// The same where the store itself fails: a refusal may not be kept then before the process ends, and what was in
    /// doubt when it ended may turn out to be done.
    pub async fn begin_on_a_failing_store(process: &Process, writers: usize) -> Self {
        Self::begin_where(&[process], Clients::of_one_session(writers), Repeats::Anew).await
    }

    async fn begin_where(replicas: &[&Process], clients: Clients, repeats: Repeats) -> Self {
        Self::begin_anywhere(Anywhere::new(replicas), clients, repeats)
    }

    fn begin_anywhere(anywhere: Anywhere, clients: Clients, repeats: Repeats) -> Self {
        let Clients { writers, watchers, sessions } = clients;
        let stop = Arc::new(AtomicBool::new(false));
        let (count, answers) = watch::channel(0);
        let count = Arc::new(count);
        let (refused, refusals) = watch::channel(0);
        let refused = Arc::new(refused);
        let writers = (0..writers)
            .map(|number| {
                let writer = Writer {
                    number,
                    session: sessions[number % sessions.len()].clone(),
                    groups: anywhere.clone(),
                    stop: stop.clone(),
                    count: count.clone(),
                    refused: refused.clone(),
                    repeats,
                    history: History::default(),
                };
                tokio::spawn(writer.run())
            })
            .collect();
        let target = Arc::new(AtomicU64::new(u64::MAX));
        let watchers = (0..watchers)
            .map(|_| tokio::spawn(follow(anywhere.clone(), sessions.clone(), target.clone())))
            .collect();
        Self { stop, answers, refusals, writers, watchers, target, anywhere, sessions }
    }

    pub async fn wait_for_answers(&self, more: u64) {
        wait_for(&self.answers, more, "the clients get answers").await;
    }

    /// Until so many more calls were answered with a refusal of the service's own.
    pub async fn wait_for_refusals(&self, more: u64) {
        wait_for(&self.refusals, more, "calls are refused").await;
    }

    /// Stops the writers, lets the watcher see everything, and answers what all of them saw.
    pub async fn end(self) -> History {
        self.stop.store(true, Ordering::Relaxed);
        let mut history = History::default();
        for writer in self.writers {
            let seen = writer.await.expect("a writer");
            history.acknowledged.extend(seen.acknowledged);
            history.unknown.extend(seen.unknown);
        }
        let mut events = 0;
        for name in &self.sessions {
            let session = eventually("the session is told", || async {
                let request = pb::GetSessionRequest { session: name.clone() };
                let mut sessions = SessionsServiceClient::new(self.anywhere.channel());
                sessions.get_session(request).await.ok()?.into_inner().session
            });
            events += u64::try_from(session.await.sequence).expect("positive");
        }
        self.target.store(events, Ordering::Relaxed);
        for (at, watcher) in self.watchers.into_iter().enumerate() {
            let seen = tokio::time::timeout(PATIENCE, watcher).await;
            let seen = seen.unwrap_or_else(|_| panic!("watcher {at} sees all {events} events"));
            history.watched.push(seen.expect("a watcher"));
        }
        history
    }
}

async fn wait_for(count: &watch::Receiver<u64>, more: u64, what: &str) {
    let mut count = count.clone();
    let wanted = *count.borrow() + more;
    let wait = count.wait_for(|count| *count >= wanted);
    tokio::time::timeout(PATIENCE * 2, wait)
        .await
        .unwrap_or_else(|_| panic!("never happened: {what}"))
        .expect("clients");
}

/// What a call that ended badly may be answered when it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeats {
    /// The same.
    Alike,
    /// What became of it, where a replica ended before it knew.
    Settled,
    /// Anything: a refusal may not have been kept.
    Anew,
}

struct Writer {
    number: usize,
    session: String,
    groups: Anywhere,
    stop: Arc<AtomicBool>,
    count: Arc<watch::Sender<u64>>,
    refused: Arc<watch::Sender<u64>>,
    repeats: Repeats,
    history: History,
}

impl Writer {
    async fn run(mut self) -> History {
        let mut group_id = String::new();
        for step in 0_u64.. {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let request_id = format!("00000000-0000-4000-8{:03x}-{:012x}", self.number, step + 1);
            // Mostly changes of a known group; now and then a new one.
            match step % 8 {
                0 => {
                    if let Some(id) = self.create(&request_id, step).await {
                        group_id = id;
                    }
                }
                _ if group_id.is_empty() => {}
                1 | 3 | 5 => self.set_subject(&request_id, &group_id, step).await,
                2 | 6 => self.add(&request_id, &group_id, step).await,
                _ => self.remove(&request_id, &group_id, step).await,
            }
        }
        self.history
    }

    async fn create(&mut self, request_id: &str, step: u64) -> Option<String> {
        let request = pb::CreateGroupRequest {
            session: self.session.clone(),
            request_id: request_id.into(),
            subject: format!("Writer {} step {step}", self.number),
            participant_ids: vec![self.person(0), self.person(1)],
            ..Default::default()
        };
        let groups = self.groups.clone();
        let answer = self
            .insist(request_id, || {
                let (mut groups, request) = (groups.groups(), request.clone());
                async move { groups.create_group(request).await.map(tonic::Response::into_inner) }
            })
            .await;
        let answer = answer?;
        assert!(answer.changed, "{request_id}: a group that is made is a change");
        self.acknowledge(request_id, answer.changed, answer.sequence);
        answer.group.map(|group| group.id)
    }

    async fn set_subject(&mut self, request_id: &str, group_id: &str, step: u64) {
        let request = pb::SetGroupSubjectRequest {
            session: self.session.clone(),
            group_id: group_id.into(),
            request_id: request_id.into(),
            subject: format!("Writer {} step {step}", self.number),
        };
        let groups = self.groups.clone();
        let answer = self
            .insist(request_id, || {
                let (mut groups, request) = (groups.groups(), request.clone());
                async move { groups.set_group_subject(request).await.map(tonic::Response::into_inner) }
            })
            .await;
        if let Some(answer) = answer {
            self.acknowledge(request_id, answer.changed, answer.sequence);
        }
    }

    async fn add(&mut self, request_id: &str, group_id: &str, step: u64) {
        let request = pb::AddParticipantsRequest {
            session: self.session.clone(),
            group_id: group_id.into(),
            request_id: request_id.into(),
            participant_ids: vec![self.person(step)],
        };
        let groups = self.groups.clone();
        let answer = self
            .insist(request_id, || {
                let (mut groups, request) = (groups.groups(), request.clone());
                async move { groups.add_participants(request).await.map(tonic::Response::into_inner) }
            })
            .await;
        if let Some(answer) = answer {
            self.acknowledge(request_id, answer.changed, answer.sequence);
        }
    }

    async fn remove(&mut self, request_id: &str, group_id: &str, step: u64) {
        let request = pb::RemoveParticipantsRequest {
            session: self.session.clone(),
            group_id: group_id.into(),
            request_id: request_id.into(),
            participant_ids: vec![self.person(step.saturating_sub(2))],
        };
        let groups = self.groups.clone();
        let answer = self
            .insist(request_id, || {
                let (mut groups, request) = (groups.groups(), request.clone());
                async move { groups.remove_participants(request).await.map(tonic::Response::into_inner) }
            })
            .await;
        if let Some(answer) = answer {
            self.acknowledge(request_id, answer.changed, answer.sequence);
        }
    }

    fn person(&self, number: u64) -> String {
        format!("49151{:03}{:05}", self.number, 10_000 + number)
    }

    /// Repeats the call under its id until there is an answer that ends it, and once more: the first
    /// answer stays.
    async fn insist<T, F, Fut>(&mut self, request_id: &str, call: F) -> Option<T>
    where
        T: Answered,
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let first = self.ended(request_id, &call).await;
        let again = self.ended(request_id, &call).await;
        match (&first, &again) {
            (Ok(first), Ok(again)) => {
                assert_eq!(first.answer(), again.answer(), "{request_id}: the first answer stays");
            }
            (Err(first), Err(again)) if first == again => {}
            // It would have been refused before anything was noted.
            (Err(first), Ok(_)) if first != UNKNOWN => {}
            (Err(first), Ok(_)) if self.repeats == Repeats::Settled && first == UNKNOWN => {}
            (Err(_), Ok(_)) if self.repeats == Repeats::Anew => {}
            (Ok(_), Err(again)) => panic!("{request_id}: first an answer, then {again}"),
            (Err(first), again) => {
                let again = again.as_ref().map(T::answer);
                assert_ne!(first, UNKNOWN, "{request_id}: first {first}, then {again:?}");
            }
        }
        if matches!(&first, Err(reason) if reason == UNKNOWN) {
            self.history.unknown.push((self.session.clone(), request_id.to_owned()));
        }
        first.ok()
    }

    /// The answer that ends a call, or the reason of the refusal that does.
    async fn ended<T, F, Fut>(&self, request_id: &str, call: &F) -> Result<T, String>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let started = tokio::time::Instant::now();
        loop {
            let status = match call().await {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            let details = status.get_error_details();
            let reason = details.error_info().map(|info| info.reason.as_str()).unwrap_or_default();
            if !reason.is_empty() {
                self.refused.send_modify(|count| *count += 1);
            }
            match status.code() {
                // A broken connection carries no reason of ours, whatever code the client makes of it.
                _ if reason.is_empty() => {}
                Code::Unavailable | Code::Aborted | Code::ResourceExhausted => {}
                // A call that died half-way may have changed what this one builds on.
                Code::FailedPrecondition | Code::NotFound => return Err(reason.to_owned()),
                _ if reason == UNKNOWN => return Err(reason.to_owned()),
                _ => panic!("{request_id}: {status:?}"),
            }
            assert!(started.elapsed() < PATIENCE * 2, "{request_id}: no answer, last {status:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn acknowledge(&mut self, request_id: &str, changed: bool, sequence: i64) {
        self.history.acknowledged.push(Acknowledged {
            session: self.session.clone(),
            request_id: request_id.to_owned(),
            changed,
            sequence,
        });
        self.count.send_modify(|count| *count += 1);
    }
}

const UNKNOWN: &str = "OUTCOME_UNKNOWN";

/// What a repetition must say again.
trait Answered {
    fn answer(&self) -> (bool, i64);
}

macro_rules! answered {
    ($($response:ident),+) => {
        $(impl Answered for pb::$response {
            fn answer(&self) -> (bool, i64) {
                (self.changed, self.sequence)
            }
        })+
    };
}
answered!(
    CreateGroupResponse,
    SetGroupSubjectResponse,
    AddParticipantsResponse,
    RemoveParticipantsResponse
);

/// Follows the log as a client should: with the last token, through every death of the service.
async fn follow(
    anywhere: Anywhere,
    sessions: Vec<String>,
    target: Arc<AtomicU64>,
) -> Vec<pb::GroupEvent> {
    let mut watched = Vec::new();
    let mut token: Option<Bytes> = None;
    loop {
        let start = match &token {
            Some(token) => Start::ResumeToken(token.clone()),
            None => Start::Earliest(pb::Earliest {}),
        };
        let request = pb::WatchGroupEventsRequest {
            sessions: sessions.clone(),
            start: Some(start),
            progress_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            ..Default::default()
        };
        let mut request = tonic::Request::new(request);
        request.set_timeout(Duration::from_secs(600));
        let Ok(stream) = anywhere.groups().watch_group_events(request).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let mut stream = stream.into_inner();
        while let Ok(Some(response)) = stream.message().await {
            for bytes in response.events {
                watched.push(pb::GroupEvent::decode(bytes).expect("an event"));
            }
            if !response.resume_token.is_empty() {
                token = Some(response.resume_token);
            }
            if watched.len() as u64 >= target.load(Ordering::Relaxed) {
                return watched;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
