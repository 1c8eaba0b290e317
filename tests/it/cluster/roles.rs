//! What each replica does, and what becomes of it when the one that acts goes.

use futures::StreamExt as _;
use tonic::Code;
use wagroups::pb;

use super::replicas::{Replicas, event, group};
use crate::harness::service::eventually;

fn get(group_id: &str, min_sequence: i64) -> pb::GetGroupRequest {
    pb::GetGroupRequest {
        session: "shop".into(),
        group_id: group_id.into(),
        min_sequence,
        ..Default::default()
    }
}

#[tokio::test]
async fn any_replica_takes_any_call_and_all_read_what_one_wrote() {
    let Some(replicas) = Replicas::start(3, |_| ()).await else { return };
    for (i, replica) in replicas.running.iter().enumerate() {
        assert_eq!(replica.acts(), i == 0, "one acts");
        let (id, sequence) = replica.create_group(&format!("by {i}")).await.expect("made");
        for (j, reader) in replicas.running.iter().enumerate() {
            let got = reader.groups().get_group(get(&id, sequence)).await;
            let got = got.unwrap_or_else(|status| panic!("{j} reads what {i} wrote: {status:?}"));
            assert_eq!(group(&got.into_inner().group).subject, format!("by {i}"));
        }
    }
    replicas.stop().await;
}

#[tokio::test]
async fn a_watch_at_any_replica_has_all_events_and_goes_on_at_another() {
    let Some(replicas) = Replicas::start(2, |_| ()).await else { return };
    let [owner, follower] = &replicas.running[..] else { panic!("two replicas") };
    let earliest = pb::WatchGroupEventsRequest {
        sessions: vec!["shop".into()],
        start: Some(pb::watch_group_events_request::Start::Earliest(pb::Earliest {})),
        ..Default::default()
    };
    let mut seen =
        follower.groups().watch_group_events(earliest).await.expect("a watch").into_inner();
    let mut token = Vec::new();
    for i in 0..20 {
        let maker = if i % 2 == 0 { owner } else { follower };
        let (id, _) = maker.create_group(&format!("group {i}")).await.expect("made");
        'found: loop {
            let response = seen.next().await.expect("an item").expect("an event");
            token = response.resume_token.to_vec();
            for bytes in response.events {
                if event(&bytes).group_id == id {
                    break 'found;
                }
            }
        }
    }
    drop(seen);
    let (last, _) = follower.create_group("the last").await.expect("made");
    let resume = pb::WatchGroupEventsRequest {
        sessions: vec!["shop".into()],
        start: Some(pb::watch_group_events_request::Start::ResumeToken(token.into())),
        ..Default::default()
    };
    let mut seen = owner.groups().watch_group_events(resume).await.expect("a watch").into_inner();
    let first = loop {
        let response = seen.next().await.expect("an item").expect("events");
        if let Some(bytes) = response.events.first() {
            break event(bytes);
        }
    };
    assert_eq!(first.group_id, last, "nothing is missing, and nothing comes twice");
    drop(seen);
    replicas.stop().await;
}

#[tokio::test]
async fn where_the_owner_stops_another_one_acts_and_no_call_with_the_documented_retry_fails() {
    let Some(mut replicas) = Replicas::start(3, |_| ()).await else { return };
    let owner = replicas.running.remove(0);
    let (before, _) = owner.create_group("before").await.expect("made");
    let stopping = tokio::spawn(owner.server.stop());
    let other = &replicas.running[0];
    for i in 0..20 {
        eventually("a retried call succeeds", || async {
            match other.create_group(&format!("meanwhile {i}")).await {
                Ok(_) => Some(()),
                Err(status) => {
                    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                    None
                }
            }
        })
        .await;
    }
    stopping.await.expect("it stops");
    assert_eq!(replicas.running.iter().filter(|replica| replica.acts()).count(), 1);
    for replica in &replicas.running {
        let got = replica.groups().get_group(get(&before, 0)).await.expect("it is there");
        assert_eq!(group(&got.into_inner().group).subject, "before");
        let count = pb::CountGroupsRequest {
            session: "shop".into(),
            min_sequence: 21,
            ..Default::default()
        };
        let count = replica.groups().count_groups(count).await.expect("counted").into_inner();
        assert_eq!(count.count, 21);
    }
    replicas.stop().await;
}

#[tokio::test]
async fn sessions_and_webhooks_are_made_at_any_replica_and_known_at_all() {
    let Some(replicas) = Replicas::start(2, |_| ()).await else { return };
    let [owner, follower] = &replicas.running[..] else { panic!("two replicas") };
    let request = pb::CreateSessionRequest { session: "desk".into(), ..Default::default() };
    follower.sessions().create_session(request).await.expect("made");
    let list = pb::ListGroupsRequest { session: "desk".into(), ..Default::default() };
    follower.groups().list_groups(list).await.expect("known at once, where it was made");
    let request = pb::CreateWebhookRequest {
        url: "https://hooks.example.com/groups".into(),
        ..Default::default()
    };
    let made = follower.webhooks().create_webhook(request).await.expect("made").into_inner();
    let id = made.webhook.expect("a webhook").id;
    for replica in [owner, follower] {
        let get = pb::GetWebhookRequest { webhook_id: id.clone() };
        replica.webhooks().get_webhook(get).await.expect("known");
        let names = eventually("the session is listed", || async {
            let list = pb::ListSessionsRequest::default();
            let list = replica.sessions().list_sessions(list).await.ok()?.into_inner();
            let names: Vec<String> =
                list.sessions.into_iter().map(|session| session.name).collect();
            (names.len() == 2).then_some(names)
        });
        assert_eq!(names.await, ["desk", "shop"]);
    }
    let delete = pb::DeleteSessionRequest { session: "desk".into() };
    follower.sessions().delete_session(delete).await.expect("deleted");
    eventually("it is gone everywhere", || async {
        let list = pb::ListGroupsRequest { session: "desk".into(), ..Default::default() };
        let gone = follower.groups().list_groups(list).await.err()?;
        (gone.code() == Code::NotFound).then_some(())
    })
    .await;
    replicas.stop().await;
}
