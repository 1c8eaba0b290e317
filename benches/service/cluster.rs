//! Replicas: what a call costs at one that does not act, how late its watchers are, and how long nobody acts when the
//! one that does is stopped or killed. Beside it one process alone, on a database of its own.

use std::time::{Duration, Instant};

use prost::Message as _;
use tonic::transport::Channel;
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;
use wagroups::pb::sessions_service_client::SessionsServiceClient;

use super::postgres::{self, Database};
use super::table::{Better, Table, median, percentile};
use super::{Child, Effort};

/// Changes that are measured one after another.
const CHANGES: usize = 200;

pub async fn measure(effort: Effort, table: &mut Table) {
    let Some(server) = postgres::server("cluster") else { return };
    let (shared, own) =
        (Database::create(&server, "shared").await, Database::create(&server, "alone").await);
    {
        let replicas = [Child::replica(&shared.url), Child::replica(&shared.url)];
        let alone = Child::service_at(&own.url);
        costs(&replicas, &alone, effort, table).await;
    }
    let mut pauses: [Vec<f64>; 2] = Default::default();
    for _ in 0..effort.rounds {
        pauses[0].push(pause(&shared.url, Child::stop).await);
        pauses[1].push(pause(&shared.url, Child::kill).await);
    }
    let [stopped, killed] = pauses;
    table.add(
        "the owner is stopped: nobody acts (of 1 s)",
        median(stopped.clone()),
        1e3,
        "ms",
        Some((Better::Lower, 1.0)),
    );
    table.add("the same at most (of 5 s)", most(&stopped), 5e3, "ms", Some((Better::Lower, 1.0)));
    table.add(
        "the owner is killed: nobody acts (of 8 s)",
        median(killed.clone()),
        8e3,
        "ms",
        Some((Better::Lower, 1.0)),
    );
    table.add("the same at most (of 12 s)", most(&killed), 12e3, "ms", Some((Better::Lower, 1.0)));
    shared.drop().await;
    own.drop().await;
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// What a client measures of changes that it makes at one place and watches at another, in milliseconds.
struct Figures {
    /// Until the answer.
    p50: f64,
    /// Until the event.
    event_p50: f64,
    event_p99: f64,
}

async fn costs(replicas: &[Child; 2], alone: &Child, effort: Effort, table: &mut Table) {
    let [owner, follower] = replicas;
    let (shared_group, own_group) = (prepare(owner).await, prepare(alone).await);
    let mut figures: [Vec<Figures>; 4] = Default::default();
    for _ in 0..effort.rounds {
        // In turn, so that a machine that changes its pace does so for all.
        figures[0].push(changes(alone, alone, &own_group).await);
        figures[1].push(changes(owner, owner, &shared_group).await);
        figures[2].push(changes(follower, owner, &shared_group).await);
        figures[3].push(changes(owner, follower, &shared_group).await);
    }
    let [alone, at_owner, through_follower, watched_at_follower] = figures;
    let middle = |of: &[Figures], pick: fn(&Figures) -> f64| median(of.iter().map(pick).collect());
    let p50 = |figures: &Figures| figures.p50;
    let (event_p50, event_p99) =
        (|figures: &Figures| figures.event_p50, |figures: &Figures| figures.event_p99);
    table.add(
        "change at the owner, beside one process: p50",
        middle(&at_owner, p50),
        middle(&alone, p50),
        "ms",
        None,
    );
    table.add(
        "change through a follower, beside the owner: p50",
        middle(&through_follower, p50),
        middle(&at_owner, p50),
        "ms",
        None,
    );
    let more = middle(&through_follower, p50) - middle(&at_owner, p50);
    table.add("the same: what the hop adds (of 1 ms)", more, 1.0, "ms", Some((Better::Lower, 1.0)));
    table.add(
        "event at a watcher of a follower (of 10 ms): p50",
        middle(&watched_at_follower, event_p50) - middle(&watched_at_follower, p50),
        10.0,
        "ms",
        Some((Better::Lower, 1.0)),
    );
    table.add(
        "the same, after the answer (of 50 ms): p99",
        middle(&watched_at_follower, event_p99) - middle(&watched_at_follower, p50),
        50.0,
        "ms",
        Some((Better::Lower, 1.0)),
    );
    table.add(
        "the same at the owner itself: p50",
        middle(&at_owner, event_p50) - middle(&at_owner, p50),
        10.0,
        "ms",
        None,
    );
}

/// Makes a session and a group in it.
async fn prepare(child: &Child) -> String {
    let channel = child.connect().await;
    let request = pb::CreateSessionRequest { session: "default".into(), ..Default::default() };
    let _ = SessionsServiceClient::new(channel.clone()).create_session(request).await;
    super::unary::make_group(child, 8).await
}

/// Makes changes at one, and sees their events at another.
async fn changes(at: &Child, watched_at: &Child, group_id: &str) -> Figures {
    let mut groups = GroupsServiceClient::new(at.connect().await);
    let watch =
        pb::WatchGroupEventsRequest { sessions: vec!["default".into()], ..Default::default() };
    let mut watcher = GroupsServiceClient::new(watched_at.connect().await);
    let mut events = watcher.watch_group_events(watch).await.expect("a watch").into_inner();
    let (mut answers, mut seen) = (Vec::new(), Vec::new());
    for number in 0..CHANGES {
        let subject = format!("{number} at {:?}", Instant::now());
        let request = rename(group_id, &subject);
        let began = Instant::now();
        let answered = async {
            groups.set_group_subject(request).await.expect("changed");
            began.elapsed().as_secs_f64() * 1e3
        };
        let arrived = async {
            loop {
                let response = events.message().await.expect("a stream").expect("a response");
                if response.events.iter().any(|event| names(event, &subject)) {
                    return began.elapsed().as_secs_f64() * 1e3;
                }
            }
        };
        let (answer, event) = tokio::join!(answered, arrived);
        answers.push(answer);
        seen.push(event);
    }
    Figures {
        p50: percentile(&mut answers, 0.5),
        event_p50: percentile(&mut seen, 0.5),
        event_p99: percentile(&mut seen, 0.99),
    }
}

fn rename(group_id: &str, subject: &str) -> pb::SetGroupSubjectRequest {
    pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: group_id.to_owned(),
        subject: subject.to_owned(),
        ..Default::default()
    }
}

fn names(event: &bytes::Bytes, subject: &str) -> bool {
    let event = pb::GroupEvent::decode(event.clone()).expect("an event");
    let Some(pb::group_event::Body::Updated(updated)) = event.body else { return false };
    updated.changes.iter().any(|change| match &change.change {
        Some(pb::group_change::Change::Subject(change)) => {
            change.current.as_ref().is_some_and(|current| current.text == subject)
        }
        _ => false,
    })
}

/// For how long no change is possible when the owner goes, in milliseconds: from the last answer of the old owner's time
/// to the first one of its heir.
async fn pause(url: &str, goes: fn(&mut Child)) -> f64 {
    let mut owner = Child::replica(url);
    let group_id = prepare(&owner).await;
    let heir = Child::replica(url);
    let mut groups = GroupsServiceClient::new(heir.connect().await);
    until_changed(&mut groups, &group_id).await;
    let began = Instant::now();
    goes(&mut owner);
    // While the old one finishes, it still answers.
    let (mut last, mut longest) = (began, Duration::ZERO);
    while began.elapsed() < Duration::from_secs(12) {
        until_changed(&mut groups, &group_id).await;
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    longest.as_secs_f64() * 1e3
}

async fn until_changed(groups: &mut GroupsServiceClient<Channel>, group_id: &str) {
    let mut number = 0;
    loop {
        number += 1;
        let subject = format!("{number} at {:?}", Instant::now());
        if groups.set_group_subject(rename(group_id, &subject)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
