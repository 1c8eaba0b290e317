//! Going on where it was, and elsewhere.

use sha2::{Digest, Sha256};
use wagroups::config::ApiKey;
use wagroups::domain::counter::Epoch;
use wagroups::domain::port::relay::RelayStore as _;
use wagroups::domain::relay::RelayRecord;
use wagroups::domain::token::ResumeToken;
use wagroups::pb;
use wagroups::pb::relay_service_client::RelayServiceClient;
use wagroups::pb::replay_relay_request::Start;

use super::nats::Nats;
use super::{both, make_groups, relaying, status, until_failing, until_published};
use crate::harness::service::{Service, eventually, reason};

/// As a process leaves it that was killed before it wrote its place.
async fn forget_the_place(service: &Service) {
    let repository = service.repository();
    let record = repository.relay().await.expect("read").expect("a record");
    let place = ResumeToken { at: Default::default(), ..record.place };
    let record = RelayRecord { place, ..record };
    repository.put_relay(&record, last_epoch()).await.expect("written");
}

/// That no process is beyond.
fn last_epoch() -> Epoch {
    Epoch::try_from(i64::MAX).expect("an epoch")
}

async fn replay(service: &Service, start: Start) -> pb::Relay {
    let request = pb::ReplayRelayRequest { start: Some(start) };
    let sent = RelayServiceClient::new(service.channel.clone()).replay_relay(request).await;
    sent.expect("sent back").into_inner().relay.expect("the relay")
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
async fn a_replay_that_a_crash_interrupts_repeats_nothing_of_its_own() {
    let Some(nats) = Nats::start().await else { return };
    let mut service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 4).await;
    until_published(&service).await;
    replay(&service, Start::Earliest(pb::Earliest {})).await;
    until_published(&service).await;
    service.restart_working_with(|settings| settings.nats.url.clear()).await;
    forget_the_place(&service).await;
    service.restart_working_with(relaying(&nats.url())).await;
    until_published(&service).await;
    let (logged, published) = both(&service, &nats, "default").await;
    assert_eq!(published, [&logged[..], &logged[..]].concat(), "twice, and not three times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_while_it_fails_is_well_once_the_bus_is() {
    let Some(mut nats) = Nats::start().await else { return };
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 2).await;
    until_published(&service).await;
    nats.stop().await;
    make_groups(&service, 2).await;
    until_failing(&service, "the connection to").await;
    let sent_back = replay(&service, Start::Earliest(pb::Earliest {})).await;
    assert_eq!(sent_back.behind_count, 4);
    nats.restart().await;
    let relay = until_published(&service).await;
    assert_eq!(relay.state_reason, "");
    let (logged, published) = both(&service, &nats, "default").await;
    assert_eq!(published, [&logged[..2], &logged[..]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_in_an_earlier_replay_publishes_nothing_more() {
    let Some(nats) = Nats::start().await else { return };
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 2).await;
    until_published(&service).await;
    replay(&service, Start::Earliest(pb::Earliest {})).await;
    until_published(&service).await;
    // A database of before the replay, as a backup holds it: nobody else acts, so it takes the stream's word.
    let mut older = service;
    older.restart_working_with(|settings| settings.nats.url.clear()).await;
    let repository = older.repository();
    let record = repository.relay().await.expect("read").expect("a record");
    let record = RelayRecord { replay_count: 0, replay_until: Default::default(), ..record };
    repository.put_relay(&record, last_epoch()).await.expect("written");
    make_groups(&older, 1).await;
    older.restart_working_with(relaying(&nats.url())).await;
    let relay = until_published(&older).await;
    assert_eq!(relay.replay_count, 1, "of the stream");
    let (logged, published) = both(&older, &nats, "default").await;
    assert_eq!(published, [&logged[..2], &logged[..]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_another_log_it_stops_until_somebody_says_where_to_go_on() {
    let Some(nats) = Nats::start().await else { return };
    let mut service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 2).await;
    until_published(&service).await;
    service.restart_working_with(|settings| settings.nats.url.clear()).await;
    service.repository().new_log_id().await.expect("as after a restore");
    service.restart_working_with(relaying(&nats.url())).await;
    eventually("it stops", || async {
        let relay = status(&service).await;
        (relay.state() == pb::RelayState::Stopped).then_some(())
    })
    .await;
    make_groups(&service, 1).await;
    assert_eq!(nats.count().await, 2, "nothing more");
    replay(&service, Start::Earliest(pb::Earliest {})).await;
    until_published(&service).await;
    let (logged, published) = both(&service, &nats, "default").await;
    assert_eq!(published, [&logged[..2], &logged[..]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bus_or_with_a_key_of_some_sessions_there_is_no_relay() {
    let service = Service::on_sqlite().await;
    let mut client = RelayServiceClient::new(service.channel.clone());
    let off = client.get_relay(pb::GetRelayRequest {}).await.expect_err("none");
    assert_eq!(reason(&off), "RELAY_DISABLED");
    let secret = "wag_0123456789abcdef0123456789abcdef0123456789a";
    let key = ApiKey {
        name: "shop".to_owned(),
        sha256: hex::encode(Sha256::digest(secret)).parse().expect("a digest"),
        sessions: vec!["shop".parse().expect("a pattern")],
        role: None,
    };
    let closed = Service::on_sqlite_with(|settings| settings.auth.keys.push(key)).await;
    let mut request = tonic::Request::new(pb::GetRelayRequest {});
    request.metadata_mut().insert("x-api-key", secret.parse().expect("a header"));
    let refused = RelayServiceClient::new(closed.channel.clone()).get_relay(request).await;
    assert_eq!(reason(&refused.expect_err("it sees some")), "PERMISSION_DENIED");
}
