//! One change, many watchers: on 20 connections, beside a bare stream of the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::Notify;
use tonic::transport::Channel;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;

use super::table::{Better, Table, percentile};
use super::unary::make_group;
use super::{Child, Effort};

const CONNECTIONS: usize = 20;
/// Deliveries a second in all, unless that takes more changes than this.
const PACE: f64 = 50_000.0;
const MAX_CHANGES: f64 = 200.0;

pub async fn measure(effort: Effort, table: &mut Table) {
    for watchers in [1, 100, 1_000, 10_000] {
        if watchers > effort.max_watchers {
            continue;
        }
        let service = Child::service();
        let group_id = make_group(&service, 8).await;
        let alone =
            Crowd::gather(&service, 0).await.paced(&service, &group_id, effort.seconds).await;
        let crowd = Crowd::gather(&service, watchers).await;
        let (dir, event) =
            (TempDir::new().expect("a temporary folder"), crowd.sample(&service, &group_id).await);
        let paths = (dir.path().join("group"), dir.path().join("event"));
        std::fs::write(&paths.0, b"").expect("written");
        std::fs::write(&paths.1, &event).expect("written");
        let bare = Child::bare(&paths.0, &paths.1);
        let bare_crowd = Crowd::gather(&bare, watchers).await;
        println!("{watchers} watchers, an event of {} bytes", event.len());
        let ours = crowd.paced(&service, &group_id, effort.seconds).await;
        let limit = bare_crowd.paced(&bare, &group_id, effort.seconds).await;
        // A change costs the service a commit, which the bare stream has nothing of: told apart.
        table.add(
            format!("{watchers} watchers: server time of a change"),
            alone.cpu_micros_per_change,
            limit.cpu_micros_per_change,
            "us/change",
            None,
        );
        let own =
            (ours.cpu_micros_per_change - alone.cpu_micros_per_change).max(0.0) / watchers as f64;
        let bare_cost = limit.cpu_micros_per_change / watchers as f64;
        let goal = (watchers == 1_000).then_some((Better::Lower, 0.6));
        table.add(format!("{watchers} watchers: server time"), own, bare_cost, "us/delivery", goal);
        table.add(format!("{watchers} watchers: p50 from call"), ours.p50, limit.p50, "ms", None);
        table.add(format!("{watchers} watchers: p99 from call"), ours.p99, limit.p99, "ms", None);
        if watchers == 1_000 {
            let ours = crowd.one_at_a_time(&service, &group_id, effort.seconds).await;
            let limit = bare_crowd.one_at_a_time(&bare, &group_id, effort.seconds).await;
            table.add("1000 watchers: one event at a time", ours, limit, "deliveries/s", None);
        }
    }
}

/// What an idle watcher costs in memory.
pub async fn memory(effort: Effort, table: &mut Table) {
    let service = Child::service();
    let group_id = make_group(&service, 8).await;
    let warm = Crowd::gather(&service, 20).await;
    warm.sample(&service, &group_id).await;
    let before = service.resident_bytes();
    let crowd = Crowd::gather(&service, effort.max_watchers).await;
    let each = (service.resident_bytes() - before) / effort.max_watchers as f64 / 1024.0;
    table.add("idle watcher", each, 8.0, "KiB (of 8)", Some((Better::Lower, 1.0)));
    drop(crowd);
}

struct Paced {
    cpu_micros_per_change: f64,
    p50: f64,
    p99: f64,
}

/// Watchers that note when each change reaches them.
struct Crowd {
    size: usize,
    publisher: GroupsServiceClient<Channel>,
    inbox: Arc<Inbox>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

struct Inbox {
    started: Instant,
    /// When change n was called for, in nanoseconds since `started`.
    called: Vec<AtomicU64>,
    latencies: std::sync::Mutex<Vec<f64>>,
    received: AtomicU64,
    news: Notify,
    sample: std::sync::Mutex<Option<bytes::Bytes>>,
    next: AtomicU64,
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Crowd {
    async fn gather(child: &Child, size: usize) -> Self {
        let inbox = Arc::new(Inbox {
            started: Instant::now(),
            called: (0..100_000).map(|_| AtomicU64::new(0)).collect(),
            latencies: Default::default(),
            received: AtomicU64::new(0),
            news: Notify::new(),
            sample: Default::default(),
            next: AtomicU64::new(1),
        });
        let channels = child.connect_many(CONNECTIONS.min(size.max(1))).await;
        let mut tasks = Vec::with_capacity(size);
        for watcher in 0..size {
            let mut groups = GroupsServiceClient::new(channels[watcher % channels.len()].clone());
            let request = pb::WatchGroupEventsRequest {
                progress_interval: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
                ..Default::default()
            };
            let mut stream =
                groups.watch_group_events(request).await.expect("a watch").into_inner();
            let inbox = inbox.clone();
            tasks.push(tokio::spawn(async move {
                while let Ok(Some(response)) = stream.message().await {
                    for event in response.events {
                        inbox.take(event);
                    }
                }
            }));
        }
        Self { size, publisher: GroupsServiceClient::new(child.connect().await), inbox, tasks }
    }

    /// Calls for the next change; answers its number.
    async fn publish(&self, group_id: &str) {
        let number = self.inbox.next.fetch_add(1, Ordering::Relaxed);
        self.inbox.called[number as usize].store(self.inbox.now(), Ordering::Relaxed);
        let request = pb::SetGroupSubjectRequest {
            session: "default".into(),
            group_id: group_id.to_owned(),
            subject: format!("EVT{number:019}"),
            ..Default::default()
        };
        self.publisher.clone().set_group_subject(request).await.expect("a change");
    }

    /// The bytes of an event as it comes.
    async fn sample(&self, _: &Child, group_id: &str) -> bytes::Bytes {
        self.publish(group_id).await;
        self.wait_for(self.size as u64).await;
        self.inbox.sample.lock().expect("a sample").clone().expect("an event")
    }

    async fn wait_for(&self, deliveries: u64) {
        while self.inbox.received.load(Ordering::Relaxed) < deliveries {
            let _ =
                tokio::time::timeout(Duration::from_millis(50), self.inbox.news.notified()).await;
        }
    }

    async fn paced(&self, child: &Child, group_id: &str, seconds: f64) -> Paced {
        let pace = (PACE / self.size.max(1) as f64).min(MAX_CHANGES);
        let count = (pace * seconds).max(5.0) as u64;
        let before = self.inbox.received.load(Ordering::Relaxed);
        self.inbox.latencies.lock().expect("latencies").clear();
        let cpu = child.cpu_seconds();
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / pace));
        for _ in 0..count {
            ticks.tick().await;
            self.publish(group_id).await;
        }
        self.wait_for(before + count * self.size as u64).await;
        let used = child.cpu_seconds() - cpu;
        let mut latencies = self.inbox.latencies.lock().expect("latencies");
        Paced {
            cpu_micros_per_change: used * 1e6 / count as f64,
            p50: percentile(&mut latencies, 0.5),
            p99: percentile(&mut latencies, 0.99),
        }
    }

    /// Deliveries a second where each change waits for all watchers to have the one before.
    async fn one_at_a_time(&self, _: &Child, group_id: &str, seconds: f64) -> f64 {
        let started = Instant::now();
        let before = self.inbox.received.load(Ordering::Relaxed);
        let mut changes = 0;
        while started.elapsed().as_secs_f64() < seconds {
            self.publish(group_id).await;
            changes += 1;
            self.wait_for(before + changes * self.size as u64).await;
        }
        (changes * self.size as u64) as f64 / started.elapsed().as_secs_f64()
    }
}

impl Inbox {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The last marker in the event is the new subject.
    fn take(&self, event: bytes::Bytes) {
        let at = event.windows(3).rposition(|window| window == b"EVT");
        let digits = at.and_then(|at| event.get(at + 3..at + 22));
        let number: Option<usize> = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse().ok());
        if let Some(called) = number.and_then(|number| self.called.get(number)) {
            let nanos = self.now().saturating_sub(called.load(Ordering::Relaxed));
            self.latencies.lock().expect("latencies").push(nanos as f64 / 1e6);
        }
        let mut sample = self.sample.lock().expect("a sample");
        if sample.is_none() {
            *sample = Some(event);
        }
        drop(sample);
        self.received.fetch_add(1, Ordering::Relaxed);
        self.news.notify_one();
    }
}
