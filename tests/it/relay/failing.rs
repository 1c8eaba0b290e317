//! NATS away, full, closed or emptied, and retention that was faster: nothing is lost that the log keeps, and what is
//! lost is counted.

use wagroups::domain::clock::Timestamp;
use wagroups::domain::port::repository::EventLog as _;
use wagroups::pb;

use super::nats::Nats;
use super::{both, make_groups, relaying, until_failing, until_published};
use crate::harness::link::Link;
use crate::harness::service::{Service, eventually};

async fn assert_complete(service: &Service, nats: &Nats) {
    until_published(service).await;
    let (logged, published) = both(service, nats, "default").await;
    assert_eq!(published, logged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_while_nats_is_away_is_published_after() {
    let Some(mut nats) = Nats::start().await else { return };
    nats.stop().await;
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 2).await;
    let away = until_failing(&service, "no connection to").await;
    assert_eq!(away.published_count, 0);
    eventually("it is seen how much waits", || async {
        let relay = super::status(&service).await;
        (relay.behind_count > 0 && relay.oldest_waiting_time.is_some()).then_some(())
    })
    .await;
    nats.restart().await;
    assert_complete(&service, &nats).await;
    nats.stop().await;
    // Also where nothing is to be published.
    until_failing(&service, "the connection to").await;
    make_groups(&service, 2).await;
    nats.restart().await;
    assert_complete(&service, &nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_breaks_neither_loses_nor_repeats() {
    let Some(nats) = Nats::start().await else { return };
    let link = Link::before(nats.address()).await;
    let service = Service::on_sqlite_with(relaying(&format!("nats://{}", link.address))).await;
    for _ in 0..5 {
        make_groups(&service, 3).await;
        link.cut();
        make_groups(&service, 3).await;
        link.mend();
    }
    assert_complete(&service, &nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_stream_holds_up_until_there_is_room() {
    let Some(nats) = Nats::start().await else { return };
    let context = nats.context().await;
    let mut full = async_nats::jetstream::stream::Config {
        name: "WAGROUPS".to_owned(),
        subjects: vec!["wagroups.events.>".to_owned()],
        max_messages: 2,
        discard: async_nats::jetstream::stream::DiscardPolicy::New,
        ..Default::default()
    };
    context.create_stream(full.clone()).await.expect("a stream");
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 5).await;
    until_failing(&service, "maximum messages exceeded").await;
    assert_eq!(nats.count().await, 2);
    full.max_messages = 100;
    context.update_stream(full).await.expect("a larger one");
    assert_complete(&service, &nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_deleted_is_made_again() {
    let Some(nats) = Nats::start().await else { return };
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 3).await;
    until_published(&service).await;
    nats.context().await.delete_stream("WAGROUPS").await.expect("deleted");
    make_groups(&service, 2).await;
    nats.until_it_holds(2).await;
    until_published(&service).await;
    let (logged, published) = both(&service, &nats, "default").await;
    assert_eq!(published, logged[3..], "what was in it is gone with it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forbidden_is_named() {
    let rights = |publish: &str| {
        format!(
            "authorization {{ default_permissions: {{ publish: [{publish}\"$JS.API.>\"], subscribe: [\"_INBOX.>\"] }}\n\
             users: [{{ user: relay, password: relay }}, {{ user: admin, password: admin, permissions: {{ publish: \">\", \
             subscribe: \">\" }} }}] }}\nno_auth_user: relay"
        )
    };
    let Some(mut nats) = Nats::start_with(&rights("")).await else { return };
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 1).await;
    until_failing(
        &service,
        "Permissions Violation for Publish to \"wagroups.events.default.joined\"",
    )
    .await;
    nats.configure(&rights("\"wagroups.events.>\", "));
    nats.restart().await;
    nats.until_it_holds(1).await;
    until_published(&service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_other_subjects_is_left_alone() {
    let Some(nats) = Nats::start().await else { return };
    let orders = async_nats::jetstream::stream::Config {
        name: "WAGROUPS".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        ..Default::default()
    };
    nats.context().await.create_stream(orders).await.expect("a stream");
    let service = Service::on_sqlite_with(relaying(&nats.url())).await;
    let relay = until_failing(&service, "takes orders.>, and not wagroups.events.>").await;
    assert!(relay.state_reason.contains("nats.stream"), "{}", relay.state_reason);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_retention_removes_before_it_is_published_is_counted() {
    let Some(mut nats) = Nats::start().await else { return };
    let mut service = Service::on_sqlite_with(relaying(&nats.url())).await;
    make_groups(&service, 2).await;
    until_published(&service).await;
    service.restart_working_with(|settings| settings.nats.url.clear()).await;
    nats.stop().await;
    make_groups(&service, 4).await;
    let all = service.log("default").await;
    // All but the newest one, which retention never takes.
    let end = Timestamp::from_seconds(i64::from(u32::MAX));
    while service.repository().trim(end, 1000).await.expect("trimmed").more {}
    nats.restart().await;
    service.restart_working_with(relaying(&nats.url())).await;
    let relay = until_published(&service).await;
    let published: Vec<String> =
        nats.messages().await.iter().map(|message| message.header("ce-id").to_owned()).collect();
    let expected: Vec<&str> = all.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(published, [expected[0], expected[1], expected[5]]);
    assert_eq!(relay.lost_count, 3);
    assert_eq!(relay.state(), pb::RelayState::Publishing);
}
