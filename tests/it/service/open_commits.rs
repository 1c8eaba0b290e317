//! Commits that take long to end, or of which nobody knows whether they were written.

use sea_orm::sqlx::{self, Connection};
use tonic_health::pb::health_check_response::ServingStatus;
use wagroups::pb;

use super::hang_ups::{connect, until_one_waits};
use super::outage::becomes;
use crate::harness::service::{Service, eventually, reason};

fn renamed(group_id: &str, subject: &str) -> pb::SetGroupSubjectRequest {
    pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: group_id.into(),
        subject: subject.into(),
        ..Default::default()
    }
}

async fn sent(service: &Service) -> usize {
    let list = pb::ListCallsRequest { operation: "SetGroupSubject".into(), ..Default::default() };
    let calls = service.simulator().list_calls(list).await.expect("the calls").into_inner().calls;
    calls.len()
}

/// What goes to WhatsApp then could not be written, and would wait behind the one that cannot end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_commit_does_not_end_nothing_more_goes_to_whatsapp() {
    let Some(service) = Service::on_postgres().await else { return };
    let id = service.group_id("Before", &[]).await;
    becomes(&service, ServingStatus::Serving).await;
    let (mut observer, mut holder) = (connect(&service).await, connect(&service).await);
    let mut held = holder.begin().await.expect("a transaction");
    let lock = "SELECT 1 FROM log_head FOR UPDATE";
    sqlx::query(lock).execute(&mut *held).await.expect("the head is held");
    let first = {
        let (mut groups, request) = (service.groups(), renamed(&id, "First"));
        tokio::spawn(async move { groups.set_group_subject(request).await })
    };
    until_one_waits(&mut observer).await;
    becomes(&service, ServingStatus::NotServing).await;

    let second = service.groups().set_group_subject(renamed(&id, "Second")).await;
    let refused = second.expect_err("it would wait");
    assert_eq!(reason(&refused), "DATABASE_UNAVAILABLE");
    let delete = pb::DeleteSessionRequest { session: "default".into() };
    let refused = service.sessions().delete_session(delete).await.expect_err("it would wait");
    assert_eq!(reason(&refused), "DATABASE_UNAVAILABLE");
    assert_eq!(sent(&service).await, 1, "only the first call has left");

    held.rollback().await.expect("the head is free");
    assert!(first.await.expect("no panic").expect("written").into_inner().changed);
    eventually("changes work again", || async {
        service.groups().set_group_subject(renamed(&id, "Third")).await.ok()
    })
    .await;
}

/// The first try is still on its way when the next one fails for a reason of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_error_does_not_end_the_doubt_about_a_commit() {
    let Some((service, proxy)) = Service::behind_proxy().await else { return };
    let id = service.group_id("Before", &[]).await;
    let (mut observer, mut holder) = (connect(&service).await, connect(&service).await);
    let mut held = holder.begin().await.expect("a transaction");
    let lock = "SELECT 1 FROM log_head FOR UPDATE";
    sqlx::query(lock).execute(&mut *held).await.expect("the head is held");
    let call = {
        let (mut groups, request) = (service.groups(), renamed(&id, "After"));
        tokio::spawn(async move { groups.set_group_subject(request).await })
    };
    until_one_waits(&mut observer).await;
    // A new connection finds no table of ours.
    let lose = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = nowhere', current_database()); END $$";
    sqlx::raw_sql(lose).execute(&mut observer).await.expect("set");
    proxy.cut_commits();
    // That one, and the one of the next try, which has failed.
    proxy.until_commits_ended(2).await;
    held.rollback().await.expect("the head is free");

    let answer = call.await.expect("no panic").expect("it was written").into_inner();
    assert!(answer.changed);
    let events = service.log("default").await;
    let event = events.iter().find(|event| event.sequence == answer.sequence).expect("the event");
    assert_eq!(event.group_id, id);
}
