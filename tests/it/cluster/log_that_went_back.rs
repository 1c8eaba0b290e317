//! A standby that was promoted may lack the end of the log that replicas have read.

use std::time::Duration;

use tonic::Code;
use wagroups::config::Settings;
use wagroups::pb;
use wagroups::pb::watch_group_events_request::Start;

use super::replicas::{Replica, Replicas, event};
use crate::harness::service::{eventually, reason};

/// Takes the last two events away, as if they had never been written. Triggers are for those who write to the log.
const LOSE_THE_END: &str = "
SET session_replication_role = replica;
DELETE FROM events WHERE position > (SELECT position - 2 FROM log_head);
UPDATE log_head SET position = e.position, event_id = e.event_id
    FROM (SELECT position, event_id FROM events ORDER BY position DESC LIMIT 1) e;
UPDATE sessions SET sequence = (SELECT max(sequence) FROM events WHERE session = sessions.name), revision = revision + 1;
";

fn watch(start: Start) -> pb::WatchGroupEventsRequest {
    pb::WatchGroupEventsRequest {
        sessions: vec!["shop".into()],
        start: Some(start),
        ..Default::default()
    }
}

/// The events of the session from the earliest on, as far as this one, and the token after it.
async fn seen_by(replica: &Replica, last: &str) -> Option<(Vec<String>, bytes::Bytes)> {
    let request = watch(Start::Earliest(pb::Earliest {}));
    let mut stream = replica.groups().watch_group_events(request).await.ok()?.into_inner();
    let mut groups = Vec::new();
    loop {
        let response = stream.message().await.ok()??;
        groups.extend(response.events.iter().map(|bytes| event(bytes).group_id));
        if groups.last().is_some_and(|group| group == last) {
            return Some((groups, response.resume_token));
        }
    }
}

#[tokio::test]
async fn memory_is_read_anew_and_lost_tokens_are_refused_though_the_log_has_grown_again() {
    a_log_that_went_back(Duration::from_millis(200)).await;
}

/// The owner writes on before it looks: its own commit is where another event was.
#[tokio::test]
async fn an_owner_that_does_not_look_finds_it_by_what_it_writes() {
    a_log_that_went_back(Duration::from_secs(60)).await;
}

async fn a_log_that_went_back(poll_interval: Duration) {
    let change = |settings: &mut Settings| settings.events.poll_interval = poll_interval;
    let Some(replicas) = Replicas::start(2, change).await else { return };
    let [owner, follower] = &replicas.running[..] else { panic!("two replicas") };
    let mut made = Vec::new();
    for i in 0..5 {
        made.push(owner.create_group(&format!("before {i}")).await.expect("made").0);
    }
    let (_, token) = seen_by(follower, &made[4]).await.expect("all five");
    assert!(seen_by(owner, &made[4]).await.is_some());
    replicas.database.execute(LOSE_THE_END).await;
    for i in 0..4 {
        let (id, _) = eventually("the owner acts on", || async {
            owner.create_group(&format!("after {i}")).await.ok()
        })
        .await;
        made.push(id);
    }
    let lost = made.drain(3..5).collect::<Vec<_>>();
    for replica in [owner, follower] {
        let groups = eventually("the log is read as it is", || async {
            let read = tokio::time::timeout(Duration::from_secs(2), seen_by(replica, &made[6]));
            read.await.ok()?.map(|(groups, _)| groups).filter(|groups| *groups == made)
        });
        assert!(!groups.await.contains(&lost[0]));
        let request = watch(Start::ResumeToken(token.clone()));
        let refused = eventually("the token is refused", || async {
            let refused = replica.groups().watch_group_events(request.clone()).await.err()?;
            (refused.code() == Code::FailedPrecondition).then_some(refused)
        });
        assert_eq!(reason(&refused.await), "LOG_DIVERGED");
    }
    replicas.stop().await;
}
