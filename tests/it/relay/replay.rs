//! Going on where it was, and elsewhere.

use wagroups::domain::port::relay::RelayStore as _;
use wagroups::domain::relay::RelayRecord;
use wagroups::domain::token::ResumeToken;
use wagroups::pb;
use wagroups::pb::relay_service_client::RelayServiceClient;
use wagroups::pb::replay_relay_request::Start;

use super::nats::Nats;
use super::{both, make_groups, relaying, status, until_published};
use crate::harness::service::{Service, reason};

/// As a process leaves it that was killed before it wrote its place.
async fn forget_the_place(service: &Service) {
    let repository = service.repository();
    let record = repository.relay().await.expect("read").expect("a record");
    let place = ResumeToken { at: Default::default(), ..record.place };
    let record = RelayRecord { place, ..record };
    let epoch = u64::MAX >> 1;
    repository
        .put_relay(&record, i64::try_from(epoch).expect("a number").try_into().expect("an epoch"))
        .await
        .expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_stream_holds_is_not_published_again() {
    let Some(nats) = Nats::start().await else { return };
    let mut service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 5).await;
    until_published(&service).await;
    service.restart_working_with(|settings| settings.nats.url.clear()).await;
    forget_the_place(&service).await;
    make_groups(&service, 2).await;
    service.restart_working_with(relaying(&nats.url())).await;
    let relay = until_published(&service).await;
    let (logged, published) = both(&service, &nats, "default").await;
    assert_eq!(published, logged, "each once");
    assert_eq!(relay.published_count, i64::try_from(logged.len()).expect("a few"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_publishes_again_what_the_stream_holds() {
    let Some(nats) = Nats::start().await else { return };
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 3).await;
    let before = until_published(&service).await;
    let mut client = RelayServiceClient::new(service.channel.clone());
    let none = client.replay_relay(pb::ReplayRelayRequest::default()).await;
    assert_eq!(reason(&none.expect_err("where?")), "INVALID_REQUEST");
    let earliest = pb::ReplayRelayRequest { start: Some(Start::Earliest(pb::Earliest {})) };
    let sent_back = client.replay_relay(earliest).await.expect("sent back").into_inner().relay;
    assert_eq!(sent_back.expect("the relay").replay_count, 1);
    make_groups(&service, 1).await;
    let after = until_published(&service).await;
    assert_eq!((after.replay_count, after.published_count), (1, before.published_count * 2 + 1));
    let messages = nats.messages().await;
    let (logged, published) = both(&service, &nats, "default").await;
    assert_eq!(published[..3], logged[..3]);
    assert_eq!(published[3..], logged, "the same once more, in order");
    assert_eq!(messages[3].header("Nats-Msg-Id"), format!("{}.r1", logged[0]));
    assert_eq!(messages[6].header("Nats-Msg-Id"), logged[3], "what is new is no repetition");

    // Forward, over what it did not publish.
    let latest = pb::ReplayRelayRequest { start: Some(Start::Latest(pb::Latest {})) };
    client.replay_relay(latest).await.expect("sent forward");
    assert_eq!(status(&service).await.behind_count, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bus_or_with_a_key_of_some_sessions_there_is_no_relay() {
    let service = Service::on_sqlite().await;
    let mut client = RelayServiceClient::new(service.channel.clone());
    let off = client.get_relay(pb::GetRelayRequest {}).await.expect_err("none");
    assert_eq!(reason(&off), "RELAY_DISABLED");
}
