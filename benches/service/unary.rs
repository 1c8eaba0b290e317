//! GetGroup: 64 callers on 4 connections, each with one call at a time.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;

use super::table::{Better, Table, median, percentile};
use super::{Child, Effort};

const CALLERS: usize = 64;
const CONNECTIONS: usize = 4;

pub async fn measure(effort: Effort, table: &mut Table) {
    for members in [256, 8] {
        let service = Child::service();
        let group_id = make_group(&service, members).await;
        let bytes = read_group(&service, &group_id).await;
        let dir = TempDir::new().expect("a temporary folder");
        let (group, event) = (dir.path().join("group"), dir.path().join("event"));
        std::fs::write(&group, &bytes).expect("written");
        std::fs::write(&event, b"").expect("written");
        let bare = Child::bare(&group, &event);
        println!("GetGroup with {members} members: {} bytes", bytes.len());
        let mut figures: [Vec<Figures>; 2] = Default::default();
        for _ in 0..effort.rounds {
            // In turn, so that a machine that changes its pace does so for both.
            figures[0].push(run(&service, &group_id, effort.seconds).await);
            figures[1].push(run(&bare, &group_id, effort.seconds).await);
        }
        let [service, bare] = figures;
        let middle =
            |of: &[Figures], pick: fn(&Figures) -> f64| median(of.iter().map(pick).collect());
        let mut add = |what: &str, unit, pick: fn(&Figures) -> f64, goal| {
            let what = format!("GetGroup {members} members: {what}");
            table.add(what, middle(&service, pick), middle(&bare, pick), unit, goal);
        };
        add("calls", "calls/s", |f| f.rate, Some((Better::Higher, 0.8)));
        add("server time", "us/call", |f| f.cpu_micros, Some((Better::Lower, 1.2)));
        add("p50", "ms", |f| f.p50, None);
        add("p99", "ms", |f| f.p99, None);
    }
}

struct Figures {
    rate: f64,
    cpu_micros: f64,
    p50: f64,
    p99: f64,
}

async fn run(child: &Child, group_id: &str, seconds: f64) -> Figures {
    let channels = child.connect_many(CONNECTIONS).await;
    let warm = Instant::now() + Duration::from_secs_f64(seconds / 4.0);
    load(&channels, group_id, warm).await;
    let (before, started) = (child.cpu_seconds(), Instant::now());
    let mut latencies = load(&channels, group_id, started + Duration::from_secs_f64(seconds)).await;
    let (used, elapsed) = (child.cpu_seconds() - before, started.elapsed().as_secs_f64());
    let calls = latencies.len() as f64;
    Figures {
        rate: calls / elapsed,
        cpu_micros: used * 1e6 / calls,
        p50: percentile(&mut latencies, 0.5),
        p99: percentile(&mut latencies, 0.99),
    }
}

async fn load(channels: &[tonic::transport::Channel], group_id: &str, until: Instant) -> Vec<f64> {
    let callers = (0..CALLERS).map(|caller| {
        let mut groups = GroupsServiceClient::new(channels[caller % channels.len()].clone());
        let request = pb::GetGroupRequest {
            session: "default".into(),
            group_id: group_id.to_owned(),
            ..Default::default()
        };
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < until {
                let started = Instant::now();
                groups.get_group(request.clone()).await.expect("the group");
                latencies.push(started.elapsed().as_secs_f64() * 1e3);
            }
            latencies
        })
    });
    let all = futures::future::join_all(callers).await;
    all.into_iter().flat_map(|latencies| latencies.expect("a caller")).collect()
}

/// Makes a group with so many members, ourselves included.
pub async fn make_group(child: &Child, members: usize) -> String {
    let people =
        (1..members).map(|number| format!("4915{:09}", 100_000_000 + number * 10)).collect();
    let request = pb::CreateGroupRequest {
        session: "default".into(),
        subject: "EVT0000000000000000000".into(),
        participant_ids: people,
        ..Default::default()
    };
    let mut groups = GroupsServiceClient::new(child.connect().await);
    // Right after the start the session may still be on its way.
    for _ in 0..100 {
        if let Ok(created) = groups.create_group(request.clone()).await {
            return created.into_inner().group.expect("a group").id;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the group could not be made");
}

async fn read_group(child: &Child, group_id: &str) -> bytes::Bytes {
    let request = pb::GetGroupRequest {
        session: "default".into(),
        group_id: group_id.to_owned(),
        ..Default::default()
    };
    let mut groups = GroupsServiceClient::new(child.connect().await);
    groups.get_group(request).await.expect("the group").into_inner().group
}
