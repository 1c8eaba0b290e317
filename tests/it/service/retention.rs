//! What is no longer kept, and how a watcher learns of it.

use base64::Engine as _;
use tonic::Code;
use tonic_types::StatusExt;
use wagroups::pb;
use wagroups::pb::watch_group_events_request::Start;

use crate::harness::service::{Service, reason};

async fn watch_error(service: &Service, start: Start) -> tonic::Status {
    let request = pb::WatchGroupEventsRequest { start: Some(start), ..Default::default() };
    match service.groups().watch_group_events(request).await {
        Err(status) => status,
        Ok(stream) => stream.into_inner().message().await.expect_err("refused"),
    }
}

async fn watch(service: &Service, start: Start) -> tonic::Streaming<pb::WatchGroupEventsResponse> {
    let request = pb::WatchGroupEventsRequest { start: Some(start), ..Default::default() };
    service.groups().watch_group_events(request).await.expect("a watch").into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_older_than_retention_names_the_oldest_that_works() {
    let mut service = Service::on_sqlite_with(|settings| {
        // Everything is too old at once; only the newest event is always kept.
        settings.events.retention = std::time::Duration::ZERO;
    })
    .await;
    let mut stream = watch(&service, Start::Earliest(pb::Earliest {})).await;
    let old = stream.message().await.expect("no error").expect("an item").resume_token;
    for n in 0..5 {
        service.create_group(&format!("Group {n}"), &[]).await;
    }
    let early = service.log("default").await[0].record_time.expect("a time");
    service.server.as_ref().expect("running").app().retain_once().await.expect("retention");
    assert_eq!(service.log("default").await.len(), 1);
    // The shared history still holds what the log has lost; after a restart it is gone for good.
    service.restart().await;

    let status = watch_error(&service, Start::ResumeToken(old)).await;
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::OutOfRange, "RESUME_TOKEN_EXPIRED")
    );
    let details = status.get_error_details();
    let oldest = &details.error_info().expect("an ErrorInfo").metadata["oldest_token"];
    let oldest = base64::engine::general_purpose::STANDARD.decode(oldest).expect("base64");
    let mut stream = watch(&service, Start::ResumeToken(oldest.into())).await;
    stream.message().await.expect("no error").expect("progress");
    let events = stream.message().await.expect("no error").expect("events").events;
    assert_eq!(events.len(), 1, "the oldest token leads to what is still kept");

    let status = watch_error(&service, Start::StartTime(early)).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "START_TIME_EXPIRED"));
    let mut stream = watch(&service, Start::Earliest(pb::Earliest {})).await;
    stream.message().await.expect("no error").expect("progress");
    assert_eq!(stream.message().await.expect("no error").expect("events").events.len(), 1);
    // The state is not a matter of the log's age.
    let count = pb::CountGroupsRequest { session: "default".into(), ..Default::default() };
    assert_eq!(service.groups().count_groups(count).await.expect("a count").into_inner().count, 5);
}
