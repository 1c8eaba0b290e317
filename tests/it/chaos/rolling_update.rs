//! All replicas are updated one after another, while clients with the documented retry change groups: no call fails, and
//! each session pauses for a moment at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;

use super::fleet::{Fleet, Size};
use crate::harness::service::eventually;

/// The policy of docs/CLIENTS.md.
const ATTEMPTS: usize = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// A session without an answer for longer has not merely changed hands.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What the clients share.
#[derive(Debug, Default)]
struct Load {
    stop: AtomicBool,
    answers: AtomicUsize,
}

impl Load {
    /// Until the clients have got so many more answers.
    async fn goes_on(&self, more: usize) {
        let wanted = self.answers.load(Ordering::Relaxed) + more;
        eventually("calls are answered", || async {
            (self.answers.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }
}

/// One client of one session.
struct Client {
    session: String,
    /// A balancer asks each in turn.
    channels: Vec<Channel>,
    next: usize,
}

/// What a client saw.
#[derive(Debug, Default)]
struct Seen {
    answers: usize,
    retries: usize,
    longest_pause: Duration,
}

impl Client {
    /// Makes the group that it changes later.
    async fn make_group(&mut self) -> String {
        let create = pb::CreateGroupRequest {
            session: self.session.clone(),
            subject: "Updated".into(),
            request_id: "00000000-0000-4000-9000-000000000000".into(),
            ..Default::default()
        };
        let (made, _) = self
            .insist(|mut groups| {
                let create = create.clone();
                async move { groups.create_group(create).await.map(tonic::Response::into_inner) }
            })
            .await;
        made.group.expect("a group").id
    }

    async fn run(mut self, group_id: String, load: Arc<Load>) -> Seen {
        let (mut seen, mut last) = (Seen::default(), Instant::now());
        while !load.stop.load(Ordering::Relaxed) {
            let request = pb::SetGroupSubjectRequest {
                session: self.session.clone(),
                group_id: group_id.clone(),
                request_id: format!("00000000-0000-4000-8000-{:012x}", seen.answers),
                subject: format!("Number {}", seen.answers),
            };
            let changed = self.insist(|mut groups| {
                let request = request.clone();
                async move { groups.set_group_subject(request).await }
            });
            seen.retries += changed.await.1;
            seen.answers += 1;
            load.answers.fetch_add(1, Ordering::Relaxed);
            seen.longest_pause = seen.longest_pause.max(last.elapsed());
            last = Instant::now();
            // A client that asks all the time would measure how long the queue is.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        seen
    }

    fn groups(&mut self) -> GroupsServiceClient<Channel> {
        self.next += 1;
        GroupsServiceClient::new(self.channels[self.next % self.channels.len()].clone())
    }

    /// The answer, and how often the call was tried again.
    async fn insist<T, Fut>(
        &mut self,
        call: impl Fn(GroupsServiceClient<Channel>) -> Fut,
    ) -> (T, usize)
    where
        Fut: Future<Output = Result<T, Status>>,
    {
        let mut backoff = FIRST_BACKOFF;
        for retries in 0..ATTEMPTS {
            let status = match call(self.groups()).await {
                Ok(answer) => return (answer, retries),
                Err(status) => status,
            };
            assert!(is_unavailable(&status), "{}: {status:?}", self.session);
            assert!(retries + 1 < ATTEMPTS, "{}, the last attempt: {status:?}", self.session);
            tokio::time::sleep(backoff).await;
            backoff *= 2;
        }
        unreachable!("attempts end")
    }
}

/// Other stubs answer UNAVAILABLE where the connection broke; this one has other codes for it, too.
fn is_unavailable(status: &Status) -> bool {
    status.code() == Code::Unavailable || status.get_error_details().error_info().is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_update_fails_no_call_with_the_documented_retry() {
    let size = Size { simulated: 6, on_waha: 0, webhooks: 0, database_away: Duration::ZERO };
    let Some(mut fleet) = Fleet::start(size).await else { return };
    let load = Arc::new(Load::default());
    let mut clients: Vec<JoinHandle<Seen>> = Vec::new();
    for session in fleet.sessions() {
        let channels = fleet.replicas.iter().map(|replica| replica.process.channel());
        let mut client = Client { session, channels: channels.collect(), next: 0 };
        let group_id = client.make_group().await;
        clients.push(tokio::spawn(client.run(group_id, load.clone())));
    }
    let began = Instant::now();
    for at in 0..fleet.replicas.len() {
        load.goes_on(60).await;
        fleet.update(at).await;
    }
    load.goes_on(60).await;
    let took = began.elapsed();
    load.stop.store(true, Ordering::Relaxed);
    let mut pauses = Vec::new();
    let (mut answers, mut retries) = (0, 0);
    for client in clients {
        let seen = client.await.expect("no call fails");
        (answers, retries) = (answers + seen.answers, retries + seen.retries);
        pauses.push(seen.longest_pause);
    }
    pauses.sort_unstable();
    let (median, longest) = (pauses[pauses.len() / 2], pauses[pauses.len() - 1]);
    eprintln!(
        "rolling update in {took:?}: {answers} answers, {retries} tried again; longest pause of a session {median:?} at the median, {longest:?} at most"
    );
    assert!(longest < LONGEST_PAUSE, "a session paused for {longest:?}");
}
