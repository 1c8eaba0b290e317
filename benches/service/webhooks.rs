//! Webhooks to watchers: from when a webhook is posted to when its event is at a watcher, beside a bare
//! HTTP server that writes each body with one raw INSERT and answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use tempfile::TempDir;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;

use super::poster::{Posted, connect, post};
use super::postgres::{self, Database};
use super::table::{Table, median, percentile};
use super::waha::{Change, GROUPS, SECRET, SESSION, Waha};
use super::{Child, Effort};

/// Webhooks a second.
const RATES: [f64; 3] = [100.0, 1_000.0, 5_000.0];
/// A 99th percentile of fewer says nothing.
const LEAST_A_SECOND: f64 = 250.0;
/// After so long a silence nothing more comes.
const SILENCE: Duration = Duration::from_secs(5);

pub async fn measure(effort: Effort, table: &mut Table) {
    let (sample, _) = &Waha::new().changes(1, 1.0)[0];
    println!("a webhook of {} bytes, its head included", sample.len());
    if let Some(server) = postgres::server("webhooks on PostgreSQL") {
        for rate in RATES {
            on_postgres(&server, rate, effort, table).await;
        }
    }
    for rate in RATES {
        let dir = TempDir::new().expect("a temporary folder");
        let url = |name: &str| format!("sqlite://{}/{name}.db?mode=rwc", dir.path().display());
        compare("SQLite", &[url("ours"), url("bare")], rate, effort, table).await;
    }
}

async fn on_postgres(server: &str, rate: f64, effort: Effort, table: &mut Table) {
    let ours = Database::create(server, "ours").await;
    let bare = Database::create(server, "bare").await;
    compare("PostgreSQL", &[ours.url.clone(), bare.url.clone()], rate, effort, table).await;
    ours.drop().await;
    bare.drop().await;
}

async fn compare(store: &str, urls: &[String; 2], rate: f64, effort: Effort, table: &mut Table) {
    let mut ours = Side::service(&urls[0]).await;
    let mut limit = Side::bare(&urls[1]).await;
    let mut figures: [Vec<Figures>; 2] = Default::default();
    for _ in 0..effort.rounds {
        // In turn, so that a machine that changes its pace does so for both.
        figures[0].push(ours.run(rate, effort.seconds).await);
        figures[1].push(limit.run(rate, effort.seconds).await);
    }
    let [ours, limit] = figures;
    let middle = |of: &[Figures], pick: fn(&Figures) -> f64| median(of.iter().map(pick).collect());
    let mut add = |what: &str, unit, pick: fn(&Figures) -> f64| {
        let what = format!("{store} {rate}/s: {what}");
        table.add(what, middle(&ours, pick), middle(&limit, pick), unit, None);
    };
    add("reached", "webhooks/s", |f| f.rate);
    add("p50 to the watcher (to 200)", "ms", |f| f.watched[0]);
    add("p99 to the watcher (to 200)", "ms", |f| f.watched[1]);
    add("p50 to 200", "ms", |f| f.answered[0]);
    add("p99 to 200", "ms", |f| f.answered[1]);
    add("server time", "us/webhook", |f| f.cpu_micros);
    add("refused (503)", "webhooks", |f| f.refused);
}

struct Figures {
    rate: f64,
    refused: f64,
    cpu_micros: f64,
    /// p50 and p99 of the time to 200.
    answered: [f64; 2],
    /// The same of the time to the watcher; of a server without watchers, to 200.
    watched: [f64; 2],
}

/// One of the two servers, with its own WAHA.
struct Side {
    watcher: Option<Watcher>,
    child: Child,
    /// Where it takes webhooks.
    addr: String,
    waha: Waha,
}

impl Side {
    async fn service(url: &str) -> Self {
        let child = Child::service_at(url);
        let waha = pb::WahaConfig { webhook_secret: SECRET.into(), ..Default::default() };
        let request = pb::CreateSessionRequest {
            session: SESSION.into(),
            engine: pb::Engine::Waha.into(),
            config: Some(pb::create_session_request::Config::Waha(waha)),
            ..Default::default()
        };
        let mut sessions = SessionsServiceClient::new(child.connect().await);
        sessions.create_session(request).await.expect("a session");
        let (watcher, addr) = (Some(Watcher::open(&child).await), child.webhook_addr.clone());
        Self { watcher, child, addr, waha: Waha::new() }.with_groups().await
    }

    async fn bare(url: &str) -> Self {
        let child = Child::bare_http(url);
        let addr = child.addr.clone();
        Self { watcher: None, child, addr, waha: Waha::new() }.with_groups().await
    }

    /// Tells of the groups; on return the server has nothing more to do.
    async fn with_groups(mut self) -> Self {
        post(connect(&self.addr).await, self.waha.groups(), 500.0).await;
        loop {
            let before = self.child.cpu_seconds();
            tokio::time::sleep(Duration::from_millis(300)).await;
            if self.child.cpu_seconds() - before <= 0.01 {
                break;
            }
        }
        if let Some(watcher) = &self.watcher {
            let events = watcher.take(GROUPS).await.len();
            assert!(events >= GROUPS, "{events} groups");
        }
        self
    }

    async fn run(&mut self, rate: f64, seconds: f64) -> Figures {
        let count = (rate.max(LEAST_A_SECOND) * seconds) as usize;
        let (requests, changes): (Vec<_>, Vec<_>) =
            self.waha.changes(count, rate).into_iter().unzip();
        let connections = connect(&self.addr).await;
        let cpu = self.child.cpu_seconds();
        let posted = post(connections, requests, rate).await;
        let taken = posted.taken().count();
        let events = match &self.watcher {
            Some(watcher) => watcher.take(taken).await,
            None => Vec::new(),
        };
        let used = self.child.cpu_seconds() - cpu;
        let mut answered = posted.latencies();
        let mut watched = match &self.watcher {
            Some(_) => watched(&posted, &changes, &events),
            None => answered.clone(),
        };
        // Who was refused has not come, and so does not leave.
        assert!(taken < count || watched.len() == count, "{} of {count} events", watched.len());
        let both = |values: &mut Vec<f64>| [percentile(values, 0.5), percentile(values, 0.99)];
        Figures {
            rate: posted.rate(),
            refused: (count - taken) as f64,
            cpu_micros: used * 1e6 / count as f64,
            answered: both(&mut answered),
            watched: both(&mut watched),
        }
    }
}

/// Milliseconds from when each webhook was due to the arrival of its event.
fn watched(posted: &Posted, changes: &[Change], events: &[(Bytes, Instant)]) -> Vec<f64> {
    let numbers: HashMap<&Change, usize> =
        changes.iter().enumerate().map(|(number, change)| (change, number)).collect();
    let arrivals = events.iter().filter_map(|(event, at)| {
        let event = pb::GroupEvent::decode(event.clone()).expect("an event");
        let number = *numbers.get(&Change::of(&event)?)?;
        Some(posted.latency(number, *at))
    });
    arrivals.collect()
}

/// A watcher of the whole log that notes when each event comes.
struct Watcher {
    events: Arc<Mutex<Vec<(Bytes, Instant)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watcher {
    async fn open(child: &Child) -> Self {
        let mut groups = GroupsServiceClient::new(child.connect().await);
        let request =
            pb::WatchGroupEventsRequest { sessions: vec![SESSION.into()], ..Default::default() };
        let mut stream = groups.watch_group_events(request).await.expect("a watch").into_inner();
        let events: Arc<Mutex<Vec<(Bytes, Instant)>>> = Arc::default();
        let inbox = events.clone();
        let task = tokio::spawn(async move {
            while let Ok(Some(response)) = stream.message().await {
                let now = Instant::now();
                let came = response.events.into_iter().map(|event| (event, now));
                inbox.lock().expect("the inbox").extend(came);
            }
        });
        Self { events, task }
    }

    /// What has come since the last time: so many, or whatever comes until a silence.
    async fn take(&self, count: usize) -> Vec<(Bytes, Instant)> {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            let events = self.events.lock().expect("the inbox").len();
            if events != seen {
                (seen, since) = (events, Instant::now());
            }
            if since.elapsed() >= SILENCE || seen >= count {
                return std::mem::take(&mut *self.events.lock().expect("the inbox"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
