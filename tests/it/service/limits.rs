//! Bounds, and what happens at them.

use std::time::Duration;

use tonic::Code;
use tonic_types::StatusExt;
use wagroups::pb;

use crate::harness::service::{Service, eventually, reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_watcher_too_many_is_refused_and_served_once_there_is_room() {
    let service = Service::on_sqlite_with(|settings| settings.watch.max_watchers = 2).await;
    let watch = || {
        let mut groups = service.groups();
        async move { groups.watch_group_events(pb::WatchGroupEventsRequest::default()).await }
    };
    let first = watch().await.expect("a watch");
    let _second = watch().await.expect("a watch");
    let status = watch().await.expect_err("refused");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "TOO_MANY_WATCHERS")
    );
    assert!(status.get_error_details().retry_info().is_some());
    drop(first);
    eventually("the seat of a watcher that is gone is free", || async { watch().await.ok() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_ends_at_its_age_with_a_token() {
    let service =
        Service::on_sqlite_with(|settings| settings.watch.max_age = Duration::from_millis(200))
            .await;
    let watch = service.groups().watch_group_events(pb::WatchGroupEventsRequest::default()).await;
    let mut stream = watch.expect("a watch").into_inner();
    stream.message().await.expect("no error").expect("progress");
    let last = stream.message().await.expect("no error").expect("a last token");
    assert!(!last.resume_token.is_empty());
    let status = stream.message().await.expect_err("an end");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "CONNECTION_AGED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_too_many_is_refused_at_once() {
    let service = Service::on_sqlite_with(|settings| settings.grpc.max_concurrent_calls = 1).await;
    // It takes the only place until the simulator answers.
    let fault = pb::InjectFaultRequest {
        fault: Some(pb::inject_fault_request::Fault::Hang(pb::HangFault {
            point: pb::FaultPoint::BeforeApply.into(),
        })),
        uses: 1,
        ..Default::default()
    };
    // The call before it has its place until its answer has left.
    eventually("the fault is there", || async {
        service.simulator().inject_fault(fault.clone()).await.ok()
    })
    .await;
    let mut groups = service.groups();
    let create = pb::CreateGroupRequest {
        session: "default".into(),
        subject: "Team".into(),
        ..Default::default()
    };
    // Where a poll below holds the only place, the call itself is the one that is refused.
    let hanging = tokio::spawn(async move {
        while let Err(status) = groups.create_group(create.clone()).await {
            assert_eq!(reason(&status), "OVERLOADED");
        }
    });
    let status = eventually("another call finds no place", || async {
        service.sessions().list_sessions(pb::ListSessionsRequest::default()).await.err()
    })
    .await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "OVERLOADED"));
    assert!(status.get_error_details().retry_info().is_some());
    hanging.abort();
    eventually("the place is free again", || async {
        service.sessions().list_sessions(pb::ListSessionsRequest::default()).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequence_that_does_not_come_is_unavailable() {
    let service = Service::on_sqlite().await;
    let id = service.group_id("Team", &[]).await;
    let status = service.get_group(&id, 7).await.expect_err("not reached");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "SEQUENCE_NOT_REACHED")
    );
    assert!(service.get_group(&id, 1).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_waits_for_the_sequence_that_it_asks_for() {
    let service = Service::on_sqlite().await;
    let id = service.group_id("Team", &[]).await;
    let rename = pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: id.clone(),
        subject: "Crew".into(),
        ..Default::default()
    };
    let mut groups = service.groups();
    let (read, renamed) = tokio::join!(service.get_group(&id, 2), groups.set_group_subject(rename));
    renamed.expect("renamed");
    assert_eq!(read.expect("the group").subject, "Crew");
}
